"""The weekly brief: the week of the dashboard by mail, as its reader may see it at the moment of sending, and once."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from coordinator.db import bookkeeping
from coordinator.digests import actions, queries
from coordinator.digests.models import Cadence, Digest, DigestState, Edition, Schedule, Subscription, Weekday
from coordinator.digests.rules import brief_since
from coordinator.people.models import Person
from tests.digests.relay import Relay
from tests.digests.test_contents import MORNING, acknowledge, do, pair, send, settle
from tests.make import Make

SignIn = Callable[[Person], FlaskClient]
SUBJECT = "Coordinator: your weekly brief"
WEEK = timedelta(days=7)
"""MORNING is a Monday."""


def briefs(relay: Relay, person: Person) -> list[Any]:
    found = zip(relay.taken, relay.letters(), strict=True)
    return [letter for (to, _body), letter in found if to == [person.email] and letter["Subject"] == SUBJECT]


def text(letter: Any) -> str:
    plain, html = letter.get_body(("plain",)), letter.get_body(("html",))
    return str(plain.get_content() + html.get_content())


@pytest.fixture
def leader(make: Make) -> Person:
    return make.person("Katharina Brandt", roles=("leadership",))


def test_the_leadership_gets_the_week_on_monday(make: Make, relay: Relay, leader: Person) -> None:
    one, other = pair(make)
    make.event("The plenary", in_days=9)
    send()
    (letter,) = briefs(relay, leader)
    said = text(letter)
    for words in (
        "Since 23 February: one new clash, one of them critical, 2 lines new or revised, one event within two weeks.",
        "CRITICAL",
        f"{other.unit.short_name} holds: Red line – “Never any oranges”",
        "One open clash is acknowledged by nobody.",
        "The plenary",
        "Nothing yet",
        "Lemons are welcome",
        "Figures cover what is shared with you.",
        "/digests/brief",
    ):
        assert words in said, words
    assert letter["X-Marking"] == "OFFICIAL"
    assert said.count("OFFICIAL") >= 4, "head and foot, as text and as a page"
    assert letter["List-Unsubscribe"].startswith("<http://coordinator.test/digests/stop/")
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert briefs(relay, one) == []


def test_it_is_sent_once_however_often_the_clock_strikes(make: Make, session: Session, relay: Relay, leader: Person) -> None:
    pair(make)
    for minutes in range(3):
        send(MORNING + timedelta(minutes=minutes))
    send(MORNING + timedelta(days=3))
    assert len(briefs(relay, leader)) == 1
    rows = session.scalars(select(Digest).join(Digest.subscription).where(Subscription.edition == Edition.BRIEF)).all()
    assert [(d.period_on, d.state) for d in rows] == [(MORNING.date(), DigestState.SENT)]


def test_a_quiet_week_has_no_brief_and_the_next_one_tells_of_it_too(make: Make, relay: Relay, leader: Person) -> None:
    send()
    assert briefs(relay, leader) == []
    pair(make)  # on this very Monday, after the brief was due
    send(MORNING + WEEK)
    (letter,) = briefs(relay, leader)
    assert "Since 2 March: one new clash" in text(letter)


def test_what_was_closed_is_told_with_the_sentence_that_was_signed(
    make: Make, session: Session, relay: Relay, leader: Person
) -> None:
    one, other = pair(make)
    send()
    for person in (one, other):
        do(make, session, person, settle)
    send(MORNING + WEEK)
    said = text(briefs(relay, leader)[-1])
    assert "one settled" in said
    assert "“We say pears.”" in said


def test_nothing_falls_between_two_briefs_even_if_some_were_missed() -> None:
    monday = date(2026, 3, 30)
    assert brief_since(None, on=monday) == date(2026, 3, 23)
    assert brief_since(date(2026, 3, 23), on=monday) == date(2026, 3, 23)
    assert brief_since(date(2026, 3, 9), on=monday) == date(2026, 3, 9)
    assert brief_since(date(2026, 3, 28), on=monday) == date(2026, 3, 23), "a week at least"
    assert brief_since(date(2025, 3, 28), on=monday) == date(2026, 2, 23), "not for ever"


def test_of_what_is_sensitive_it_says_only_how_much_there_is(make: Make, session: Session, relay: Relay) -> None:
    one, _other = pair(make, sealed=True)
    with bookkeeping(session):
        actions.choose(session, one.id, Schedule(Cadence.WEEKLY, 7, frozenset({Weekday.MONDAY})), edition=Edition.BRIEF)
    send()
    (letter,) = briefs(relay, one)
    said = text(letter)
    for word in ("Lemons", "oranges", "instrument", "Encryption", "CRITICAL", "SENSITIVE", "holds"):
        assert word not in said, word
    assert "3 more are not described in mail" in said
    assert letter["X-Marking"] == "PUBLIC"


def test_it_counts_only_what_its_reader_sees(make: Make, relay: Relay, leader: Person) -> None:
    pair(make, sealed=True)
    send()
    assert briefs(relay, leader) == []


def test_an_officer_asks_for_it_and_leaves_it_again(make: Make, session: Session, relay: Relay, sign_in: SignIn) -> None:
    one, _other = pair(make)
    browser = sign_in(one)
    page = browser.get("/digests/brief").get_data(as_text=True)
    assert "None is planned." in page
    assert "Never any oranges" in page
    assert '/digests/brief"' in browser.get("/digests/settings").get_data(as_text=True)
    assert '/digests/brief"' in browser.get("/dashboard/brief").get_data(as_text=True)
    said = {"csrf_token": browser.token(), "wanted": "y", "day": "monday", "hour": "7"}
    assert browser.post("/digests/brief", data=said).status_code == 303
    send()
    (letter,) = briefs(relay, one)
    listed = browser.get("/digests").get_data(as_text=True)
    assert "Weekly brief" in listed
    del said["wanted"]
    assert browser.post("/digests/brief", data=said).status_code == 303
    send(MORNING + WEEK)
    assert len(briefs(relay, one)) == 1
    assert "None is planned." in browser.get("/digests/brief").get_data(as_text=True)


def test_a_wrong_hour_is_refused_where_it_was_typed(make: Make, session: Session, sign_in: SignIn) -> None:
    person = make.person()
    browser = sign_in(person)
    answer = browser.post("/digests/brief", data={"csrf_token": browser.token(), "wanted": "y", "day": "monday", "hour": "25"})
    assert answer.status_code == 422
    assert "Choose one from the list." in answer.get_data(as_text=True)
    assert queries.subscription(session, person.id, Edition.BRIEF) is None


def test_the_leadership_stops_it_by_the_link_and_keeps_the_digest(
    make: Make, session: Session, relay: Relay, leader: Person, client: FlaskClient
) -> None:
    pair(make)
    send()
    sent = str(briefs(relay, leader)[0]["List-Unsubscribe"])
    link = sent.strip("<>").removeprefix("http://coordinator.test")
    assert "Stop the weekly brief" in client.get(link).get_data(as_text=True)
    assert "The weekly brief is not sent to you any more." in client.post(link).get_data(as_text=True)
    session.rollback()
    cadences = session.execute(select(Subscription.edition, Subscription.cadence).where(Subscription.person_id == leader.id)).all()
    assert dict(map(tuple, cadences)) == {Edition.BRIEF: Cadence.OFF, Edition.PERSON: Cadence.DAILY}


def test_an_old_brief_is_read_with_the_rights_of_now(
    make: Make, session: Session, relay: Relay, leader: Person, sign_in: SignIn
) -> None:
    one, _other = pair(make)
    send()
    do(make, session, one, acknowledge)
    ref = session.scalars(select(Digest.ref).join(Digest.subscription).where(Subscription.edition == Edition.BRIEF)).one()
    page = sign_in(leader).get(f"/digests/{ref}").get_data(as_text=True)
    assert "Since 23 February: one new clash" in page
    assert "Never any oranges" in page
    assert sign_in(one).get(f"/digests/{ref}").status_code == 404


def test_outside_the_ministry_there_is_none(make: Make, session: Session, relay: Relay, sign_in: SignIn) -> None:
    firm = make.organisation("Orrery", circle="country", ceiling=0)
    outsider = make.person(unit=make.unit(of=firm), roles=("leadership",))
    make.event("The plenary", in_days=3)
    browser = sign_in(outsider)
    assert browser.get("/digests/brief").status_code == 403
    assert "/digests/brief" not in browser.get("/digests/settings").get_data(as_text=True)
    with bookkeeping(session):  # as if they had been of the ministry once
        actions.choose(session, outsider.id, Schedule(Cadence.WEEKLY, 7, frozenset({Weekday.MONDAY})), edition=Edition.BRIEF)
    send()
    assert briefs(relay, outsider) == []
