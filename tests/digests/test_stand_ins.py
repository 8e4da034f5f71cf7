"""What waits for a colleague is in the deputy's digest: once when it begins, then what moves, as far as the deputy sees it."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from coordinator.db import bind_reader, transaction
from coordinator.digests.models import Digest, Subscription
from coordinator.overlaps import actions as overlaps
from coordinator.overlaps import queries as overlap_queries
from coordinator.people.models import Person
from tests.digests.relay import Relay
from tests.digests.test_contents import DAY, MORNING, acknowledge, do, mails, pair, send
from tests.make import Make


def first_part(relay: Relay, person: Person) -> list[str]:
    return [body.partition("<!doctype html>")[0] for body in mails(relay, person)]


@pytest.fixture
def deputy(make: Make) -> Person:
    """Somebody of a third unit, who sees what is open to the ministry."""
    return make.officer(name="Ben Ode")


def test_when_it_begins_all_that_waits_is_told_and_then_only_what_moves(
    make: Make, session: Session, relay: Relay, deputy: Person
) -> None:
    one, other = pair(make)
    send()
    assert first_part(relay, deputy) == []
    make.deputy(one, deputy, from_on=make.today, until_on=make.today + 5 * DAY)
    send(MORNING + DAY)
    (letter,) = first_part(relay, deputy)
    assert f"For {one.name}, for whom you stand in until 7 March" in letter
    assert f"- {other.unit.short_name}: Red line – “Never any oranges”" in letter
    assert "This is for that unit to do" in letter
    send(MORNING + 2 * DAY)
    assert len(mails(relay, deputy)) == 1, "nothing moved"
    propose(make, session, other)
    send(MORNING + 3 * DAY)
    assert len(mails(relay, deputy)) == 2
    send(MORNING + 4 * DAY)
    assert len(mails(relay, deputy)) == 2


def propose(make: Make, session: Session, person: Person) -> None:
    """Let one side say how it would dismiss the overlap."""
    by = make.act_as(person)
    overlap = overlap_queries.one(session, session.scalars(select(overlap_queries.Overlap.ref)).one())
    with transaction(session):
        overlaps.dismiss(session, overlap, why="Nothing to it.", by=by, at=MORNING)
    bind_reader(session, None)


def test_what_was_named_ahead_is_told_on_the_first_day(make: Make, relay: Relay, deputy: Person) -> None:
    one, _other = pair(make)
    make.deputy(one, deputy, from_on=make.today + 2 * DAY)
    send()
    send(MORNING + DAY)
    assert mails(relay, deputy) == []
    send(MORNING + 2 * DAY)
    assert "for whom you stand in" in first_part(relay, deputy)[0]


def test_after_the_last_day_nothing_more_comes(make: Make, session: Session, relay: Relay, deputy: Person) -> None:
    one, other = pair(make)
    make.deputy(one, deputy, from_on=make.today, until_on=make.today)
    send()
    assert len(mails(relay, deputy)) == 1
    do(make, session, other, acknowledge)
    send(MORNING + DAY)
    assert len(mails(relay, deputy)) == 1


def test_a_deputy_sees_no_more_by_standing_in(make: Make, relay: Relay, deputy: Person) -> None:
    one, _other = pair(make, sealed=True)
    make.deputy(one, deputy)
    send()
    assert mails(relay, deputy) == []


def test_a_colleague_of_the_unit_is_told_of_the_drafts_too(make: Make, relay: Relay) -> None:
    one = make.officer()
    ben = make.person("Ben", unit=one.unit)
    make.position(by=one, released=False, title="Half a line")
    make.position(by=one, title="Secret", released=False, sealed=True)
    make.deputy(one, ben)
    send()
    (letter,) = first_part(relay, ben)
    assert "- Half a line" in letter
    assert "Secret" not in letter
    assert "One that is not described in mail: http://coordinator.test/positions/" in letter


def test_it_is_shown_in_the_preview_and_can_be_read_again(
    make: Make, session: Session, relay: Relay, deputy: Person, sign_in: object
) -> None:
    one, _other = pair(make)
    make.deputy(one, deputy)
    browser: FlaskClient = sign_in(deputy)  # type: ignore[operator]
    assert "for whom you stand in" in browser.get("/digests/settings").get_data(as_text=True)
    send()
    assert "for whom you stand in" not in browser.get("/digests/settings").get_data(as_text=True)
    mine = select(Digest.ref).join(Digest.subscription).where(Subscription.person_id == deputy.id)
    page = browser.get(f"/digests/{session.scalars(mine).one()}").get_data(as_text=True)
    assert "Never any oranges" in page
