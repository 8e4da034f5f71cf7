"""The pages that positions and dossiers share: history, comparison, release, withdrawal."""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from coordinator.db import bind_reader, transaction
from coordinator.entries import actions as entries
from coordinator.entries.models import Entry, State
from coordinator.people.models import Person
from coordinator.positions import actions
from coordinator.positions.models import Position, Stance
from coordinator.positions.rules import PositionDraft
from tests.make import Make

SignIn = Callable[[Person], FlaskClient]


def read(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.status_code)
    return html.unescape(answer.get_data(as_text=True))


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def revise(make: Make, position: Position, by: Person, *, release: bool = False, **said: Any) -> None:
    """Make another version of a position: what is not said stays as make.position has it."""
    make.act_as(by)
    with transaction(make.session) as written:
        current = written.scalars(
            select(Position).where(Position.id == position.id).execution_options(populate_existing=True)
        ).one()
        draft = replace(PositionDraft(title=current.title, text=current.text), **said)
        actions.revise(written, current, draft, base=current.newest_version, by=by, at=make.at)
        if release:
            entries.release(written, current, by=None, at=make.at)
    bind_reader(make.session, None)


def state(make: Make, entry: Entry, by: Person) -> State:
    make.act_as(by)
    found = make.session.scalars(select(Entry).where(Entry.id == entry.id).execution_options(populate_existing=True)).one()
    bind_reader(make.session, None)
    return found.state


# --- one address for both kinds ----------------------------------------------------------------------------------------------


def test_an_entry_leads_to_the_page_of_its_kind(make: Make, sign_in: SignIn) -> None:
    position, dossier = make.position(), make.dossier()
    browser = sign_in(make.person())
    for entry, path in ((position, f"/positions/{position.ref}"), (dossier, f"/dossiers/{dossier.ref}")):
        assert browser.get(f"/entries/{entry.ref}").headers["Location"] == path


def test_a_position_is_no_dossier(make: Make, sign_in: SignIn) -> None:
    position, dossier = make.position(), make.dossier()
    browser = sign_in(make.person())
    assert browser.get(f"/dossiers/{position.ref}").status_code == 404
    assert browser.get(f"/positions/{dossier.ref}").status_code == 404


# --- history -------------------------------------------------------------------------------------------------------------------


def test_the_own_unit_reads_every_version_and_event(make: Make, sign_in: SignIn) -> None:
    officer = make.officer(name="Amira Haddad")
    position = make.position(by=officer)
    revise(make, position, officer, text="Another line.", note="shorter")
    browser = sign_in(officer)
    browser.post(f"/entries/{position.ref}/offer")
    page = words(read(browser, f"/entries/{position.ref}/history"))
    for said in (
        "Version 1 released.",
        "Version 2 saved.",
        "Release of version 2 asked for.",
        "Logged by",
        "shorter",
        "Amira Haddad",
    ):
        assert said in page, said


def test_another_unit_reads_released_versions_and_no_drafting(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    position = make.position(by=officer, released=False)
    revise(make, position, officer, text="A second thought.", release=True)
    revise(make, position, officer, text="A third thought.", note="a secret note")
    page = words(read(sign_in(make.officer()), f"/entries/{position.ref}/history"))
    assert "Version 2 released." in page
    assert "Logged by" in page
    for drafting in ("Version 1", "saved.", "Version 3", "asked for", "a secret note"):
        assert drafting not in page, drafting


def test_a_version_that_was_more_sensitive_stays_hidden_after_the_level_is_lowered(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    position = make.position(by=officer, text="The sensitive line.", sealed=True)
    revise(make, position, officer, text="The open line.", release=True)
    browser = sign_in(make.officer())
    page = words(read(browser, f"/entries/{position.ref}/history"))
    assert "Version 2 released." in page
    assert "Version 1" not in page
    assert "SENSITIVE" not in page
    assert browser.get(f"/entries/{position.ref}/compare?from=1&to=2").status_code == 404
    assert "The sensitive line." not in read(browser, f"/entries/{position.ref}/compare")


def test_how_the_stance_moved_is_told(make: Make, sign_in: SignIn) -> None:
    officer, question = make.officer(), make.question()
    position = make.position(by=officer, question=question, stance="support")
    revise(make, position, officer, question_id=question.id, stance=Stance.OPPOSE, reason="it changed", release=True)
    assert "Stance moved from “Support” to “Oppose”." in words(read(sign_in(officer), f"/entries/{position.ref}/history"))


def test_who_adheres_is_told(make: Make, sign_in: SignIn) -> None:
    position, officer = make.position(question=make.question()), make.officer()
    browser = sign_in(officer)
    browser.post(f"/positions/{position.ref}/adhere")
    browser.post(f"/positions/{position.ref}/leave")
    page = words(read(sign_in(make.person()), f"/entries/{position.ref}/history"))
    assert f"{officer.unit.short_name} made version 1 its own line." in page
    assert f"{officer.unit.short_name} no longer adheres." in page


# --- comparing -----------------------------------------------------------------------------------------------------------------


def test_the_last_two_versions_are_compared_word_by_word(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic("Encryption")
    position = make.position(by=officer, text="We support the text.")
    revise(make, position, officer, text="We oppose the text.", topics=(topic.id,))
    page = read(sign_in(officer), f"/entries/{position.ref}/compare")
    assert "[deleted: support end of deletion] [added: oppose end of addition]" in words(page)
    assert "[added: Encryption end of addition]" in words(page)


def test_any_two_versions_are_compared_in_either_order(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    position = make.position(by=officer, title="First")
    for title in ("Second", "Third"):
        revise(make, position, officer, title=title)
    browser = sign_in(officer)
    assert "[deleted: First end of deletion] [added: Third" in words(read(browser, f"/entries/{position.ref}/compare?from=1&to=3"))
    assert "[deleted: Third end of deletion] [added: First" in words(read(browser, f"/entries/{position.ref}/compare?from=3&to=1"))
    assert "the same version twice" in read(browser, f"/entries/{position.ref}/compare?from=2&to=2")


def test_a_change_of_readers_and_level_is_compared_too(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    position = make.position(by=officer)
    revise(make, position, officer, level=2, audience=frozenset({f"unit:{officer.unit_id}"}), restriction_reason="a source at risk")
    page = words(read(sign_in(officer), f"/entries/{position.ref}/compare"))
    assert "[deleted: OFFICIAL end of deletion]" in page
    assert "[added: OFFICIAL-SENSITIVE end of addition]" in page
    assert "[deleted: the whole ministry end of deletion]" in page
    assert "a source at risk" in page


def test_another_unit_does_not_read_why_an_entry_was_narrow(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    reader = make.officer()
    said = {"audience": frozenset({f"unit:{reader.unit_id}"}), "restriction_reason": "a source at risk"}
    position = make.position(by=officer, **said)
    revise(make, position, officer, release=True)
    page = read(sign_in(reader), f"/entries/{position.ref}/compare")
    assert "the whole ministry" in page
    assert "a source at risk" not in page


@pytest.mark.parametrize("asked", ["from=0", "to=9", "from=x", "from=-1", "to=1.5", "from=" + "1" * 40])
def test_a_version_that_is_none_is_not_found(make: Make, sign_in: SignIn, asked: str) -> None:
    officer = make.officer()
    position = make.position(by=officer)
    assert sign_in(officer).get(f"/entries/{position.ref}/compare?{asked}").status_code == 404


def test_a_version_under_way_is_compared_by_its_own_unit_only(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    position = make.position(by=officer)
    revise(make, position, officer, text="Under way.")
    path = f"/entries/{position.ref}/compare?from=1&to=2"
    assert "Under way." in read(sign_in(officer), path)
    assert sign_in(make.officer()).get(path).status_code == 404


# --- release ---------------------------------------------------------------------------------------------------------------------


def test_a_releasing_officer_releases_what_waits(make: Make, sign_in: SignIn) -> None:
    officer = make.person()
    draft = make.position(by=officer, released=False)
    releasing = make.officer(unit=officer.unit)
    browser = sign_in(releasing)
    page = read(browser, f"/positions/{draft.ref}")
    assert "Version 1 will be seen by: the whole ministry – 2 people." in page
    assert browser.post(f"/entries/{draft.ref}/release", data={"version": "1"}).status_code == 303
    assert state(make, draft, officer) is State.RELEASED
    assert "Release…" not in read(browser, f"/positions/{draft.ref}")


def test_only_the_version_that_was_on_the_page_is_released(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    draft = make.position(by=officer, released=False)
    revise(make, draft, officer, text="Nobody has read this.")
    answer = sign_in(officer).post(f"/entries/{draft.ref}/release", data={"version": "1"}, follow_redirects=True)
    assert "A newer version was saved while you were reading." in html.unescape(answer.get_data(as_text=True))
    assert state(make, draft, officer) is State.DRAFT


def test_the_author_alone_does_not_open_an_entry_beyond_the_ministry_but_a_colleague_does(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    draft = make.position(by=officer, released=False, audience=frozenset({"circle:government"}))
    path, sent = f"/entries/{draft.ref}/release", {"version": "1"}
    answer = sign_in(officer).post(path, data=sent, follow_redirects=True)
    page = html.unescape(answer.get_data(as_text=True))
    assert "takes a second person" in page
    assert "any other releasing officer of your unit can then release it" in page
    assert state(make, draft, officer) is State.DRAFT
    assert sign_in(make.officer(unit=officer.unit)).post(path, data=sent).status_code == 303
    assert state(make, draft, officer) is State.RELEASED


def test_what_is_released_already_is_not_released_again(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    position = make.position(by=officer)
    assert sign_in(officer).post(f"/entries/{position.ref}/release", data={"version": "1"}).status_code == 403


def test_an_officer_asks_for_release_once(make: Make, sign_in: SignIn) -> None:
    officer = make.person()
    draft = make.position(by=officer, released=False)
    browser = sign_in(officer)
    assert "Ask for release" in read(browser, f"/positions/{draft.ref}")
    assert browser.post(f"/entries/{draft.ref}/offer").status_code == 303
    page = read(browser, f"/positions/{draft.ref}")
    assert "Its release was asked for" in page
    assert "Ask for release" not in page


@pytest.mark.parametrize("action", ["release", "offer", "withdraw"])
def test_what_is_not_ones_own_is_not_acted_on(make: Make, sign_in: SignIn, action: str) -> None:
    position, draft = make.position(), make.position(released=False)
    browser = sign_in(make.officer())
    assert browser.post(f"/entries/{position.ref}/{action}", data={"version": "1", "why": "x"}).status_code == 403
    assert browser.post(f"/entries/{draft.ref}/{action}", data={"version": "1", "why": "x"}).status_code == 404


# --- withdrawal ----------------------------------------------------------------------------------------------------------


def test_a_released_line_is_withdrawn_with_a_reason_that_its_readers_see(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    position = make.position(by=officer)
    browser = sign_in(officer)
    assert "Withdraw" in read(browser, f"/entries/{position.ref}/withdraw")
    assert browser.post(f"/entries/{position.ref}/withdraw", data={"why": "The text was dropped."}).status_code == 303
    page = words(read(sign_in(make.person()), f"/positions/{position.ref}"))
    assert "The text was dropped." in page
    assert "It is no longer current." in page
    assert "Copy the line" not in page


def test_nothing_is_withdrawn_without_a_reason(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    position = make.position(by=officer)
    browser = sign_in(officer)
    for why, status in (("  ", 422), ("x" * 1_001, 422)):
        answer = browser.post(f"/entries/{position.ref}/withdraw", data={"why": why})
        assert answer.status_code == status
        assert "field-error" in answer.get_data(as_text=True)
    assert state(make, position, officer) is State.RELEASED


def test_an_officer_drops_the_own_draft_and_does_not_withdraw_what_is_released(make: Make, sign_in: SignIn) -> None:
    officer = make.person()
    draft, released = make.position(by=officer, released=False), make.position(by=officer)
    browser = sign_in(officer)
    assert browser.post(f"/entries/{draft.ref}/withdraw", data={"why": "not needed"}).status_code == 303
    assert state(make, draft, officer) is State.WITHDRAWN
    assert browser.post(f"/entries/{released.ref}/withdraw", data={"why": "x"}).status_code == 403
    assert sign_in(make.officer()).get(f"/positions/{draft.ref}").status_code == 404


def test_what_has_ended_is_not_withdrawn_again(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    position = make.position(by=officer)
    browser = sign_in(officer)
    browser.post(f"/entries/{position.ref}/withdraw", data={"why": "once"})
    assert browser.post(f"/entries/{position.ref}/withdraw", data={"why": "twice"}).status_code == 409
