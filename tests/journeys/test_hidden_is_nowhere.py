"""What one unit keeps to itself is nowhere for another: not in a list, not in a count, not at its own address."""

import re
import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.journeys.actors import Actor
from tests.make import Make

pytestmark = pytest.mark.journey

SECRET = "Quiet offer on the Meridian cable"
LINE = "We would accept Meridian landing in the north if the source is not exposed."


PLACES = (
    "/",
    "/positions",
    "/positions?words=Meridian",
    "/positions?topic={topic}",
    "/dossiers",
    "/overlaps",
    "/overlaps?state=open",
    "/overlaps?topic={topic}",
    "/overlaps?tab=possible",
    "/topics/",
    "/topics/{topic}",
    "/search?q=Meridian",
    "/search?q=north",
    "/calendar/",
    "/units",
    "/units/{unit}",
    "/digests",
)


def answer(actor: Actor, path: str) -> tuple[int, str]:
    """What the server sends to somebody's browser: status, and all of the page but its forgery tokens."""
    got = actor.page.request.get(path)
    return got.status, re.sub(r'name="csrf_token"[^>]*', "", got.text())


def ref_in(path: str) -> str:
    """The ref in an address such as /positions/<ref>/revise."""
    return path.split("/")[2]


def test_a_hidden_entry_is_nowhere_for_others_while_its_owner_is_told_to_reach_out(
    make: Make, arrives: Callable[..., Actor]
) -> None:
    quiet = make.unit("Office of Quiet Affairs", short_name="OQA")
    loud = make.unit("Bureau of Open Affairs", short_name="BOA")
    topic = make.topic("Submarine cables")
    forum = make.forum("Cable protection talks")
    event = make.event("Third round", forum=forum)
    question = make.question("Should the cable land in the north?", topic=topic, forum=forum)
    make.position(
        by=make.officer(unit=loud),
        title="Not in the north",
        text="We oppose a landing in the north.",
        topic=topic,
        question=question,
        stance="oppose",
        event=event,
    )

    owner = arrives("Quinn Silent", unit=quiet, roles=("officer", "releasing_officer"))
    owner.begins_a_position()
    owner.writes(title=SECRET, line=LINE)
    owner.finds_by_keyboard("Topics", "subm", chosen="Submarine cables")
    owner.finds_by_keyboard("Question", "north", chosen="Should the cable land in the north?")
    owner.takes_the_stance("Support")
    owner.page.get_by_role("radio", name="OFFICIAL-SENSITIVE").check()
    owner.page.get_by_role("radio", name="Named readers only").check()
    owner.page.locator("summary", has_text="Named readers").click()
    owner.page.get_by_label("Why it is not open to the whole ministry").fill("A source is at risk.")
    owner.presses("Release")
    owner.sees("Released.", "OFFICIAL-SENSITIVE")
    expect(owner.heading).to_have_text(SECRET)
    address = owner.path

    # its owner sees it everywhere, and the overlap that it makes
    for path in ("/positions", f"/topics/{topic.ref}", "/search?q=Meridian", "/overlaps"):
        owner.goes_to(path)
        owner.sees(SECRET)
        expect(owner.page.locator("header .marking")).to_contain_text("OFFICIAL-SENSITIVE")
    owner.goes_to_the_worklist()
    sealed = owner.opens_the_overlap(SECRET, "Not in the north")
    owner.sees("The other unit cannot see your text; only you know of this overlap.", "Reach out:", "Bureau of Open Affairs")

    # for everybody else it is not there; a coordinator of another unit is no exception
    known = {"title": "Quiet offer", "line": "accept Meridian", "ref": ref_in(address), "ref of the overlap": ref_in(sealed)}
    other = arrives("Owen Open", unit=loud, roles=("officer", "releasing_officer"))
    coordinator = arrives("Cora Ordinate", unit=make.unit("Front Office"), roles=("coordinator", "leadership"))
    auditor = arrives("Audra Tor", unit=make.unit("Inspectorate"), roles=("auditor", "administrator"))
    for actor in (other, coordinator, auditor):
        for place in PLACES:
            path = place.format(topic=topic.ref, unit=quiet.ref)
            status, page = answer(actor, path)
            assert status == 200, path
            assert not [f"{actor.name} reads the {what} on {path}" for what, words in known.items() if words in page]
        actor.goes_to("/positions")
        actor.sees("1 position", "Not in the north")
        actor.goes_to("/search?q=Meridian")
        actor.sees("Nothing that is shared with you holds all these words")
        # its own address answers as one that was never used
        for kept in (address, f"{address}/revise", sealed, f"/entries/{ref_in(address)}", f"/entries/{ref_in(address)}/history"):
            never = secrets.token_urlsafe(16)
            status, page = answer(actor, kept)
            assert status == 404
            assert (status, page.replace(ref_in(kept), never)) == answer(actor, kept.replace(ref_in(kept), never))
        assert actor.goes_to(address) == 404
        actor.does_not_see("Quiet", "Meridian", "Office of Quiet Affairs")
