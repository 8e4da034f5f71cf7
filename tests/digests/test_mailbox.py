"""The mailbox of a unit: it reads what everybody in the unit may, and gets what waits for the unit."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from coordinator.db import bind_reader, bookkeeping, transaction
from coordinator.digests import actions, queries
from coordinator.digests.models import Cadence, Digest, DigestState, Schedule
from coordinator.digests.rules import stop_token
from coordinator.entries.models import Entry
from coordinator.history.models import Event
from coordinator.people.models import Person, Unit
from tests.digests.relay import Relay
from tests.digests.test_contents import MORNING, acknowledge, do, pair, send
from tests.make import Make

SignIn = Callable[[Person], FlaskClient]
BOX = "unit-box@ministry.example"
DAILY = Schedule(Cadence.DAILY, 7)


def give_mailbox(make: Make, session: Session, person: Person, address: str = BOX, *, choose: bool = True) -> None:
    """Give the unit of a person a mailbox, and let the person choose a daily digest for it."""
    with transaction(session):
        unit = session.get_one(Unit, person.unit_id)
        session.execute(update(Unit).where(Unit.id == unit.id).values(mailbox=address))
        if choose:
            actions.choose_mailbox(session, unit, DAILY, address=address, zone="Europe/Vienna", by=person, at=make.at)


def told(relay: Relay, address: str = BOX) -> list[str]:
    found = []
    for (to, _body), letter in zip(relay.taken, relay.letters(), strict=True):
        body = letter.get_body(("plain",))
        if to == [address] and body is not None:
            found.append(body.get_content())
    return found


def test_a_unit_s_mailbox_gets_what_waits_for_the_unit(make: Make, session: Session, relay: Relay) -> None:
    one, other = pair(make)
    give_mailbox(make, session, one)
    assert send() == {"sent": 3}
    (body,) = told(relay)
    assert f"for {one.unit.name}" in body
    assert f"{other.unit.short_name} holds: Red line – “Never any oranges”" in body
    assert "Acknowledge it for your unit" in body
    assert "/digests/mailbox" in body


def test_what_somebody_of_the_unit_did_is_no_news_to_it_and_what_the_other_unit_did_is(
    make: Make, session: Session, relay: Relay
) -> None:
    one, other = pair(make)
    give_mailbox(make, session, one)
    send()
    do(make, session, one, acknowledge)
    send(MORNING + timedelta(days=1))
    assert len(told(relay)) == 1
    do(make, session, other, acknowledge)
    send(MORNING + timedelta(days=2))
    assert len(told(relay)) == 2


def test_an_offered_version_is_news_to_the_mailbox(make: Make, session: Session, relay: Relay) -> None:
    one = make.officer()
    give_mailbox(make, session, one)
    make.position(by=one, released=False, offer=True, title="Pears for all")
    send()
    (body,) = told(relay)
    assert "Pears for all" in body


# --- with the rights of the unit ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clearances", "ceiling", "level"), [((2, 2), 2, 2), ((2, 0), 2, 0), ((2, 2), 1, 1)], ids=["all", "the least", "ceiling"]
)
def test_it_reads_what_the_least_cleared_of_the_unit_may(
    make: Make, session: Session, clearances: tuple[int, ...], ceiling: int, level: int
) -> None:
    unit = make.unit(of=make.organisation(ceiling=ceiling))
    for clearance in clearances:
        make.person(unit=unit, clearance=clearance)
    reader = queries.mailbox_reader(session, unit.id)
    assert reader is not None
    assert reader.level == level


def test_it_holds_no_token_that_one_of_the_unit_does_not(make: Make, session: Session) -> None:
    unit, group = make.unit(under=make.unit()), make.group()
    people = [
        make.person(unit=unit, roles=("coordinator",), groups=[group]),
        make.person(unit=unit, roles=("leadership",)),
        make.officer(unit=unit),
    ]
    reader = queries.mailbox_reader(session, unit.id)
    assert reader is not None
    assert f"unit:{unit.id}" in reader.tokens
    shared = frozenset.intersection(*(make.reader(p).tokens for p in people))
    assert reader.tokens == shared


def test_what_it_sees_each_member_sees_and_what_only_one_sees_it_does_not(make: Make, session: Session) -> None:
    unit, group = make.unit(), make.group()
    make.person(unit=unit, clearance=1)
    chief = make.officer(unit=unit, groups=[group])
    make.position(title="For all", audience=frozenset({"circle:ministry"}))
    make.position(title="For the unit", level=1, audience=frozenset({f"unit:{unit.id}"}), restriction_reason="x")
    make.position(title="Too high", level=2, audience=frozenset({f"unit:{unit.id}"}), restriction_reason="x")
    make.position(title="For a group", audience=frozenset({f"group:{group.id}"}), restriction_reason="x")
    make.position(title="For the chief", audience=frozenset({f"user:{chief.id}"}), restriction_reason="x")

    def seen(reader: Any) -> set[str]:
        bind_reader(session, reader)
        return set(session.scalars(select(Entry.title)))

    reader = queries.mailbox_reader(session, unit.id)
    assert seen(reader) == {"For all", "For the unit"}
    assert len(seen(make.reader(chief))) == 5
    bind_reader(session, None)


def test_somebody_less_cleared_who_joins_narrows_it_at_once(make: Make, session: Session, relay: Relay) -> None:
    one, _other = pair(make)
    give_mailbox(make, session, one)
    make.person(unit=one.unit, clearance=0)
    send()
    assert told(relay) == []


# --- whose it is -------------------------------------------------------------------------------------------------------------


def state_of(session: Session, unit_id: int) -> tuple[DigestState, str]:
    session.rollback()
    kept = queries.mailbox(session, unit_id)
    assert kept is not None
    row = session.scalars(select(Digest).where(Digest.subscription_id == kept.id).order_by(Digest.id.desc())).first()
    assert row is not None
    return row.state, row.trouble


def test_another_address_gets_nothing_until_it_is_agreed_to(make: Make, session: Session, relay: Relay, sign_in: SignIn) -> None:
    one, _other = pair(make)
    give_mailbox(make, session, one)
    give_mailbox(make, session, one, "elsewhere@firm.example", choose=False)
    send()
    assert told(relay) == told(relay, "elsewhere@firm.example") == []
    assert state_of(session, one.unit_id) == (DigestState.NOTHING, queries.OTHER_MAILBOX)
    browser = sign_in(one)
    page = browser.get("/digests/mailbox").get_data(as_text=True)
    assert "was changed from unit-box@ministry.example to elsewhere@firm.example" in page
    assert "Agree to this mailbox" in page
    said = {"cadence": "daily", "hour": "7", "day": "monday", "time_zone": "Europe/Vienna"}
    assert browser.post("/digests/mailbox", data=said).status_code == 303
    send(MORNING + timedelta(days=1))
    assert len(told(relay, "elsewhere@firm.example")) == 1


def test_a_unit_that_ended_or_is_empty_gets_nothing(make: Make, session: Session, relay: Relay) -> None:
    one, other = pair(make)
    for person, box in ((one, BOX), (other, "other-box@ministry.example")):
        give_mailbox(make, session, person, box)
    with bookkeeping(session):
        actions.plan(session, domain="ministry.example", at=MORNING)
        session.execute(update(Unit).where(Unit.id == one.unit_id).values(ends_on=MORNING.date()))
        session.execute(update(Person).where(Person.id == other.id).values(disabled_at=MORNING))
    send()
    assert told(relay) == told(relay, "other-box@ministry.example") == []
    assert state_of(session, one.unit_id) == (DigestState.NOTHING, queries.UNIT_ENDED)
    assert state_of(session, other.unit_id) == (DigestState.NOTHING, queries.NO_MEMBERS)
    assert send(MORNING + timedelta(days=1))["nothing"] <= 2  # of a unit that ended nothing more is even promised


def test_a_releasing_officer_chooses_for_the_unit_and_it_is_on_record(make: Make, session: Session, sign_in: SignIn) -> None:
    one = make.officer()
    give_mailbox(make, session, one, choose=False)
    browser = sign_in(one)
    assert f"{BOX} gets no digest." in browser.get("/digests/mailbox").get_data(as_text=True)
    said = {"cadence": "chosen", "days": ["monday", "thursday"], "day": "monday", "hour": "6", "time_zone": "Asia/Tokyo"}
    assert browser.post("/digests/mailbox", data=said).status_code == 303
    page = browser.get("/digests/mailbox").get_data(as_text=True)
    assert "On Monday, Thursday at 06:00" in page
    assert one.name in page
    session.rollback()
    event = session.scalars(select(Event).where(Event.action == "unit.mailbox_chosen")).one()
    assert (event.actor_id, event.subject_id) == (one.id, one.unit_id)
    officer = sign_in(make.person(unit=one.unit))
    page = officer.get("/digests/mailbox").get_data(as_text=True)
    assert "A releasing officer of the unit chooses when." in page
    assert '<form method="post" class="form' not in page
    assert officer.post("/digests/mailbox", data=said).status_code == 403


def test_the_link_in_its_mail_stops_it_and_only_it_and_that_is_on_record(
    make: Make, session: Session, relay: Relay, app: Any, client: FlaskClient, sign_in: SignIn
) -> None:
    one, _other = pair(make)
    give_mailbox(make, session, one)
    send()
    kept = queries.mailbox(session, one.unit_id)
    assert kept is not None
    token = stop_token(app.extensions["settings"].secret_key.get_secret_value(), kept.ref)
    address = f"/digests/stop/{kept.ref}/{token}"
    ((letter,),) = ([m for m in relay.letters() if m["To"] == BOX],)
    assert letter["List-Unsubscribe"] == f"<http://coordinator.test{address}>"
    assert "the mailbox of the unit" in client.get(address).get_data(as_text=True)
    answer = client.post(address, data={"List-Unsubscribe": "One-Click"}, forged=True)  # type: ignore[call-arg]
    assert answer.status_code == 200
    session.rollback()
    stopped, own = queries.mailbox(session, one.unit_id), queries.subscription(session, one.id)
    assert stopped is not None
    assert own is not None
    assert (stopped.cadence, own.cadence) == (Cadence.OFF, Cadence.DAILY)
    assert "by the link in a mail" in sign_in(one).get("/digests/mailbox").get_data(as_text=True)


def test_its_letters_are_read_by_the_unit_and_by_nobody_else(make: Make, session: Session, relay: Relay, sign_in: SignIn) -> None:
    one, other = pair(make)
    give_mailbox(make, session, one)
    send()
    kept = queries.mailbox(session, one.unit_id)
    assert kept is not None
    session.rollback()
    ref = session.scalars(select(Digest.ref).where(Digest.subscription_id == kept.id)).one()
    colleague = make.person(unit=one.unit)
    listed = sign_in(colleague).get("/digests").get_data(as_text=True)
    assert f"To {BOX}" in listed
    page = sign_in(colleague).get(f"/digests/{ref}").get_data(as_text=True)
    assert "Never any oranges" in page
    assert sign_in(other).get(f"/digests/{ref}").status_code == 404


def test_a_member_who_watches_over_all_units_reads_the_unit_s_letter_as_the_unit(
    make: Make, session: Session, relay: Relay, sign_in: SignIn
) -> None:
    one, _other = pair(make)
    third = make.officer()
    give_mailbox(make, session, third)
    coordinator = make.person(unit=third.unit, roles=("coordinator",))
    make.position(by=third, released=False, offer=True, title="Pears for all")
    send()
    kept = queries.mailbox(session, third.unit_id)
    assert kept is not None
    session.rollback()
    ref = session.scalars(select(Digest.ref).where(Digest.subscription_id == kept.id)).one()
    page = sign_in(coordinator).get(f"/digests/{ref}").get_data(as_text=True)
    assert "Pears for all" in page
    assert "Lemons" not in page
    assert one.unit.name not in page


def test_the_next_one_is_shown_as_the_mailbox_would_read_it(make: Make, session: Session, sign_in: SignIn) -> None:
    unit = make.unit()
    one = make.officer(unit=unit)
    make.person(unit=unit, clearance=0)
    give_mailbox(make, session, one)
    topic = make.topic()
    question = make.question(topic=topic)
    make.position(by=one, topic=topic, question=question, stance="support", title="Lemons", level=1)
    make.position(topic=topic, question=question, stance="oppose", title="Oranges", level=1)
    browser = sign_in(one)
    assert "Oranges" in browser.get("/digests/settings").get_data(as_text=True)
    page = browser.get("/digests/mailbox").get_data(as_text=True)
    assert "Oranges" not in page
    assert "as it stands, no mail would be sent" in page
    assert "never above PUBLIC" in page


def test_without_a_mailbox_there_is_nothing_to_choose(make: Make, session: Session, sign_in: SignIn) -> None:
    browser = sign_in(make.officer())
    assert "The unit has no mailbox." in browser.get("/digests/mailbox").get_data(as_text=True)
    said = {"cadence": "daily", "hour": "7", "day": "monday", "time_zone": "Europe/Vienna"}
    assert browser.post("/digests/mailbox", data=said).status_code == 422
    session.rollback()
    assert session.scalars(select(Event).where(Event.action == "unit.mailbox_chosen")).all() == []


def test_the_reader_of_a_mailbox_is_nobody_in_particular(make: Make, session: Session) -> None:
    one = make.officer()
    reader = queries.mailbox_reader(session, one.unit_id)
    assert reader is not None
    assert reader.person_id is None
    assert replace(reader, roles=frozenset()).unit_id == one.unit_id
