"""The pages of the picture: whom they are for, and that every number opens exactly the rows it counts."""

import re

import pytest

from coordinator.db import transaction
from coordinator.entries import actions as entries
from coordinator.positions import actions
from coordinator.positions import queries as positions
from coordinator.positions.models import Stance
from coordinator.positions.rules import PositionDraft
from tests.figures import Walker, figures, read

ADDRESSES = [
    "/dashboard",
    "/dashboard?open={East}",
    "/dashboard?open={East two}",
    "/dashboard?circle=government",
    "/dashboard?bureau={East}",
    "/dashboard?bureau={East two}",
    "/dashboard?basket={basket}",
    "/dashboard?forum={forum}",
    "/dashboard?period=30",
    "/dashboard?circle=ministry&bureau={East}&basket={basket}&forum={forum}&period=90&open={East two}",
    "/dashboard/brief",
]


def test_every_number_opens_exactly_the_rows_it_counts(ministry, sign_in):
    refs = {unit: u.ref for unit, u in ministry.units.items()} | {"basket": ministry.basket.ref, "forum": ministry.forums[0].ref}
    walker = Walker(sign_in(ministry.leader))
    for address in ADDRESSES:
        assert walker.walk(address.format_map(refs)) > 3, address
    assert len(walker.lists) > 100


def test_every_number_is_true_for_somebody_who_sees_less(ministry, sign_in):
    leader, plain = sign_in(ministry.leader), Walker(sign_in(ministry.plain))
    assert plain.walk("/dashboard") > 3
    assert plain.walk("/dashboard/brief") > 3
    assert figures(read(plain.browser, "/dashboard")) != figures(read(leader, "/dashboard"))


def test_a_number_of_nothing_is_no_link(make, sign_in):
    html = read(sign_in(make.person(roles=("leadership",))), "/dashboard")
    assert figures(html) == []
    assert "Nothing clashes that you can see." in html


def test_outsiders_have_no_dashboard(make, sign_in):
    firm = make.organisation("Orrery Cloud", circle="country", ceiling=0)
    browser = sign_in(make.person(unit=make.unit(of=firm)))
    assert browser.get("/dashboard").status_code == 403
    assert browser.get("/dashboard/brief").status_code == 403
    assert "/dashboard" not in read(browser, "/")


@pytest.mark.parametrize(("roles", "first"), [(("leadership",), "/dashboard"), (("officer",), "/"), (("coordinator",), "/")])
def test_the_leadership_begins_with_the_dashboard(make, client, roles, first):
    make.person(email="who@ministry.example", password="a few words of mine", roles=roles)
    said = {"email": "who@ministry.example", "password": "a few words of mine"}
    assert client.post("/sign-in", data=said).location == first
    main = read(client, "/").partition('<nav class="wrap primary"')[2]
    ways = re.findall(r'<li><a href="(/[a-z]*)"', main)
    assert ways[:2] == (["/dashboard", "/"] if first == "/dashboard" else ["/", "/dashboard"])


def test_somebody_who_wanted_another_page_gets_it(make, client):
    make.person(email="who@ministry.example", password="a few words of mine", roles=("leadership",))
    said = {"email": "who@ministry.example", "password": "a few words of mine"}
    assert client.post("/sign-in?next=/topics/", data=said).location == "/topics/"


@pytest.mark.parametrize(
    "asked",
    ["circle=moon", "period=31", "bureau=" + "A" * 22, "basket=" + "A" * 22, "forum=x", "open=" + "A" * 22, "units=x", "rows=-1"],
)
def test_what_is_not_there_is_not_found(make, sign_in, asked):
    assert sign_in(make.person()).get(f"/dashboard?{asked}").status_code == 404


def test_the_page_is_marked_with_the_level_of_what_it_counts(ministry, make, sign_in):
    assert ">OFFICIAL-SENSITIVE<" in read(sign_in(ministry.leader), "/dashboard")
    assert ">OFFICIAL-SENSITIVE<" not in read(sign_in(ministry.plain), "/dashboard")


def test_the_week_has_its_level_at_head_and_foot(make, sign_in):
    ref, one, other = make.overlap()
    html = read(sign_in(one), "/dashboard/brief")
    assert html.count("OFFICIAL") >= 4
    assert f"/overlaps/{ref}" in html
    assert "Since 23 February: one new clash, one of them critical, 2 lines new or revised." in html


def test_a_line_that_moved_says_so(make, session, sign_in):
    officer, topic = make.officer(), make.topic()
    question = make.question(topic=topic)
    first = make.position(by=officer, topic=topic, question=question, stance="support", title="First")
    by = make.act_as(officer)
    draft = PositionDraft(
        title="Second", text="We do not.", topics=(topic.id,), question_id=question.id, stance=Stance.OPPOSE, reason="because"
    )
    with transaction(session):
        position = positions.one(session, first.ref)
        actions.revise(session, position, draft, base=1, by=by, at=make.at)
        entries.release(session, position, by=None, at=make.at)
    html = read(sign_in(officer), "/dashboard/brief")
    assert "The stance moved from “support” to “oppose”." in html
    assert "Revised" in html
