"""The pages of gaps: the list and its filters, whom one asked, "we know, because …", and where else they are shown."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from coordinator.db import bind_reader, transaction
from coordinator.digests.queries import contents
from coordinator.digests.rules import Window
from coordinator.entries import actions as entries
from coordinator.history.models import Head
from coordinator.positions.models import Position
from tests.make import Make

SignIn = Callable[[Any], FlaskClient]


def page(browser: FlaskClient, path: str, status: int = 200) -> str:
    answer = browser.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return re.sub(r"\s+", " ", answer.get_data(as_text=True))


def send(browser: FlaskClient, path: str, **typed: str) -> Any:
    return browser.post(path, data={"csrf_token": browser.token(), **typed})  # type: ignore[attr-defined]


@pytest.fixture
def passed_over(make: Make) -> dict[str, Any]:
    """A released line on a topic that another unit leads on, and which was not asked."""
    topic, owner, holder = make.topic("Encryption"), make.officer(), make.officer()
    make.equity(holder.unit, topic)
    return {"topic": topic, "owner": owner, "holder": holder, "entry": make.position(by=owner, topic=topic, title="Our keys")}


def test_where_more_was_released_than_is_looked_through_the_pages_say_so(
    make: Make, sign_in: SignIn, passed_over: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, ref = sign_in(make.officer()), passed_over["topic"].ref
    said = "only the 1 entries released last were looked at"
    assert said not in page(browser, "/gaps")
    monkeypatch.setattr("coordinator.gaps.queries.NEWEST", 1)
    assert said in page(browser, "/gaps")
    assert said not in page(browser, f"/gaps?topic={ref}")
    assert "are counted over the 1 entries released last" in page(browser, "/dashboard")


def test_the_list_says_what_is_missing_and_what_to_do_about_it(make: Make, sign_in: SignIn, passed_over: dict[str, Any]) -> None:
    owner, holder, entry = passed_over["owner"], passed_over["holder"], passed_over["entry"]
    mine = page(sign_in(owner), "/gaps")
    assert f"{holder.unit.short_name} was not asked, and has a say in “Encryption” (Lead)." in mine
    assert f"/gaps/asked/{entry.ref}?unit={holder.unit.ref}" in mine
    theirs = page(sign_in(holder), "/gaps?mine=1")
    assert "Our keys" in theirs
    assert "/gaps/asked/" not in theirs
    assert "Our keys" not in page(sign_in(make.officer()), "/gaps?mine=1")


def test_each_filter_leaves_what_it_names_and_what_is_not_there_is_not_found(
    make: Make, sign_in: SignIn, passed_over: dict[str, Any]
) -> None:
    browser, topic, other = sign_in(passed_over["owner"]), passed_over["topic"], make.topic("Quantum")
    make.event("Plenary")
    for query in (f"topic={topic.ref}", f"unit={passed_over['holder'].unit.ref}", "kind=consultation", f"basket={topic.ref}"):
        text = page(browser, f"/gaps?{query}")
        assert "Our keys" in text
        assert "Plenary" not in text
    assert "Plenary" in page(browser, "/gaps?kind=event")
    assert "No gap passes these filters." in page(browser, f"/gaps?topic={other.ref}")
    for query in ("kind=nothing", "topic=" + "A" * 22, "page=2"):
        page(browser, f"/gaps?{query}", 404)


def test_an_officer_says_whom_they_asked_and_takes_it_back(make: Make, sign_in: SignIn, passed_over: dict[str, Any]) -> None:
    owner, unit, entry = passed_over["owner"], passed_over["holder"].unit, passed_over["entry"]
    browser = sign_in(owner)
    assert "Not asked yet" in page(browser, f"/positions/{entry.ref}")
    day = make.today.isoformat()
    assert send(browser, f"/gaps/asked/{entry.ref}", unit=unit.ref, asked_on=day, note="by telephone").status_code == 303
    text = page(browser, f"/positions/{entry.ref}")
    assert "by telephone" in text
    assert "Not asked yet" not in text
    assert "Our keys" not in page(browser, "/gaps")
    assert "was asked on" in page(browser, f"/entries/{entry.ref}/history")
    assert "by telephone" in page(sign_in(make.officer()), f"/positions/{entry.ref}")
    assert send(browser, f"/gaps/asked/{entry.ref}/{unit.ref}/take-back").status_code == 303
    assert send(browser, f"/gaps/asked/{entry.ref}/{unit.ref}/take-back").status_code == 404
    assert "Our keys" in page(browser, "/gaps")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"unit": ""}, "Choose the unit."),
        ({"asked_on": ""}, "This is not a day"),
        ({"asked_on": "soon"}, "This is not a day"),
        ({"asked_on": "2026-03-03"}, "This day has not come yet"),
        ({"asked_on": "2020-03-03"}, "more than two years ago"),
        ({"unit": "A" * 22}, "Choose one from the list"),
    ],
)
def test_what_cannot_be_is_refused_beside_what_was_typed(
    sign_in: SignIn, passed_over: dict[str, Any], typed: dict[str, str], told: str
) -> None:
    browser, ref = sign_in(passed_over["owner"]), passed_over["entry"].ref
    given = {"unit": passed_over["holder"].unit.ref, "asked_on": "2026-03-02", "note": "they were told", **typed}
    answer = send(browser, f"/gaps/asked/{ref}", **given)
    text = answer.get_data(as_text=True)
    assert 400 <= answer.status_code < 500
    assert told in text
    assert "they were told" in text
    assert "Our keys" in page(browser, "/gaps")


def test_a_draft_shows_its_own_unit_whom_to_ask_before_it_goes_out(
    make: Make, sign_in: SignIn, passed_over: dict[str, Any]
) -> None:
    owner, holder = passed_over["owner"], passed_over["holder"]
    draft = make.position(by=owner, topic=passed_over["topic"], released=False)
    browser = sign_in(owner)
    assert "Not asked yet" in page(browser, f"/positions/{draft.ref}")
    make.asked(draft, holder.unit, by=owner)
    assert "Asked on" in page(browser, f"/positions/{draft.ref}")
    page(sign_in(holder), f"/positions/{draft.ref}", 404)


def test_we_know_is_said_with_a_reason_and_an_end_and_taken_back(make: Make, sign_in: SignIn, passed_over: dict[str, Any]) -> None:
    owner, holder, entry = passed_over["owner"], passed_over["holder"], passed_over["entry"]
    browser = sign_in(owner)
    path = f"/gaps/consultation/{entry.ref}/known?unit={holder.unit.ref}"
    assert path in page(browser, "/gaps")
    until = (make.today + timedelta(days=9)).isoformat()
    assert send(browser, path, why="", until=until).status_code == 422
    far = send(browser, path, why="it was agreed", until=(make.today + timedelta(days=300)).isoformat())
    assert "This is too far away" in far.get_data(as_text=True)
    assert "it was agreed" in far.get_data(as_text=True)
    assert send(browser, path, why="it was agreed in the corridor", until=until).status_code == 303
    assert "Our keys" not in page(browser, "/gaps")
    known = page(sign_in(holder), "/gaps?known=1")
    assert "it was agreed in the corridor" in known
    history = page(browser, f"/entries/{entry.ref}/history")
    assert "knows of a gap until" in history
    assert "it was agreed in the corridor" in history
    found = re.search(r"/gaps/known/[\w-]{22}/take-back", page(browser, "/gaps?known=1"))
    assert found is not None
    assert "take-back" not in known  # another unit said it
    assert send(browser, found.group()).status_code == 303
    assert "Our keys" in page(browser, "/gaps")


def test_who_it_is_not_shown_to_does_not_say_that_they_know(make: Make, sign_in: SignIn, passed_over: dict[str, Any]) -> None:
    entry, unit = passed_over["entry"], passed_over["holder"].unit
    path = f"/gaps/consultation/{entry.ref}/known?unit={unit.ref}"
    page(sign_in(make.officer()), path, 403)
    page(sign_in(make.person(roles=("leadership",))), path, 403)
    page(sign_in(make.person(roles=("coordinator",))), path)
    page(sign_in(passed_over["owner"]), f"/gaps/consultation/{entry.ref}/known?unit={make.unit().ref}", 404)
    page(sign_in(passed_over["owner"]), f"/gaps/review/{entry.ref}/known", 404)


def test_the_topic_and_the_event_say_what_is_missing_of_them(make: Make, sign_in: SignIn, passed_over: dict[str, Any]) -> None:
    browser, topic = sign_in(passed_over["owner"]), passed_over["topic"]
    forum = make.forum()
    make.question(topic=topic, forum=forum)
    event = make.event(forum=forum)
    unled = make.topic("Cables")
    make.position(topic=unled)
    assert "was not asked" in page(browser, f"/topics/{topic.ref}")
    assert "units work on it" in page(browser, f"/topics/{unled.ref}")
    text = page(browser, f"/calendar/events/{event.ref}")
    assert f"No unit has a current line for it. These have a say: {passed_over['holder'].unit.short_name}." in text


def test_outside_the_ministry_no_page_tells_of_gaps(make: Make, sign_in: SignIn) -> None:
    topic, owner = make.topic(), make.officer()
    make.equity(make.unit(), topic)
    entry = make.position(by=owner, topic=topic, level=0, audience=frozenset({"circle:country"}))
    make.asked(entry, make.unit(), by=owner, note="said in confidence")
    browser = sign_in(make.officer(unit=make.unit(of=make.organisation(circle="country", ceiling=0))))
    page(browser, "/gaps", 403)
    assert "/gaps" not in page(browser, "/overlaps")
    for path in (f"/positions/{entry.ref}", f"/entries/{entry.ref}/history", f"/topics/{topic.ref}", "/history"):
        text = page(browser, path)
        assert "asked" not in text.lower() or "who asked" in text.lower(), path
        assert "said in confidence" not in text


# --- what waits, and what is mailed --------------------------------------------------------------------------------------


def test_the_worklist_puts_gaps_before_whom_they_concern_and_no_paper_stands_there_twice(
    make: Make, sign_in: SignIn, passed_over: dict[str, Any]
) -> None:
    owner = passed_over["owner"]
    event = make.event("Plenary")
    make.position(by=owner, event=event, review_by=make.today - timedelta(days=2), title="An old line")
    text = page(sign_in(owner), "/")
    assert "was not asked" in text
    assert text.count("<bdi>An old line</bdi></a></h3>") == 1
    assert "Confirm or revise it" in text
    assert "was not asked" in page(sign_in(passed_over["holder"]), "/")
    assert "What is missing" not in page(sign_in(make.officer()), "/")
    assert "Plenary" not in page(sign_in(make.officer()), "/")


def test_the_digest_tells_of_a_gap_once_and_only_to_whom_it_concerns(
    make: Make, session: Session, passed_over: dict[str, Any]
) -> None:
    last = session.scalars(select(Head.number)).one()

    def told(person: Any, after: int, since: Any = None) -> list[str]:
        make.act_as(person)
        found = contents(session, make.reader(person), Window(after, 10**9), at=make.at, on=make.today, told_on=since)
        bind_reader(session, None)
        return [g.kind.value for group in found.gaps for g in group]

    holder = passed_over["holder"]
    assert told(holder, 0) == ["consultation"]
    assert told(holder, last) == []
    assert told(make.officer(), 0) == []
    coordinator = make.person(roles=("coordinator",))
    make.event(in_days=30)
    assert told(coordinator, last, make.today - timedelta(days=1)) == ["event"]
    assert told(coordinator, last, make.today) == []


def test_the_digest_tells_once_of_a_topic_without_a_lead_and_of_a_wing_that_nobody_covers(make: Make, session: Session) -> None:
    officer, coordinator, yesterday = make.officer(), make.person(roles=("coordinator",)), make.today - timedelta(days=1)

    def told(person: Any, after: int, since: Any = yesterday) -> list[str]:
        make.act_as(person)
        found = contents(session, make.reader(person), Window(after, 10**9), at=make.at, on=make.today, told_on=since)
        bind_reader(session, None)
        return [f"{g.kind.value} {g.topic.name}" for group in found.gaps for g in group if g.topic is not None]

    def last() -> int:
        return session.scalars(select(Head.number)).one()

    worked_on, led, wings = make.topic("Encryption"), make.topic("Spam"), [make.topic(f"Wing {n}") for n in range(4)]
    body = make.topic("Body", related=wings)
    make.equity(officer.unit, body)
    make.equity(make.unit(), led, until_on=yesterday)
    before = last()
    assert told(coordinator, before) == []
    make.position(by=officer, topics=(worked_on.id, led.id))
    assert told(coordinator, before) == ["lead Encryption", "lead Spam"]
    assert told(officer, before) == []
    make.position(by=officer, topics=(body.id, *(wing.id for wing in wings[:3])))
    assert told(officer, 0) == ["wing Wing 3"]
    assert told(officer, last()) == []
    assert told(coordinator, last()) == ["lead Spam"]  # the lead ran out yesterday
    assert told(coordinator, last(), make.today) == []
    withdrawn = make.position(by=officer, topics=(wings[3].id,), title="Once about it")
    now = last()
    make.act_as(officer)
    with transaction(session):
        entries.withdraw(session, session.get_one(Position, withdrawn.id), why="no longer so", by=None, at=make.at)
    assert told(officer, now) == ["wing Wing 3"]


def test_the_dashboard_counts_gaps_and_each_number_opens_its_rows(sign_in: SignIn, passed_over: dict[str, Any], make: Make) -> None:
    make.event("Plenary")
    text = page(sign_in(make.person(roles=("leadership",))), "/dashboard")
    assert 'href="/gaps?kind=consultation"' in text
    assert 'href="/gaps?kind=event"' in text
