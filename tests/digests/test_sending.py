"""One mail to one person for one day, whatever the mail server does, however many send, whoever is killed."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from coordinator.db import bookkeeping, db, transaction
from coordinator.digests import actions, queries
from coordinator.digests.commands import UNREACHED, send_due
from coordinator.digests.models import Cadence, Digest, DigestState, Schedule, Subscription, Weekday
from coordinator.digests.rules import LEASE, Window
from coordinator.history.queries import last_number
from coordinator.holidays import actions as holiday_actions
from coordinator.holidays import queries as holidays
from coordinator.people.models import Duty, Person, Role
from tests.digests.relay import Relay, closed_port
from tests.make import Make

HERE = Path(__file__).parent.parent.parent
MORNING = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)  # half past seven in Vienna, a Monday
DAY = timedelta(days=1)


def send(at: datetime = MORNING, limit: int | None = None) -> Counter[str]:
    return send_due(moment=lambda: at, limit=limit)


def rows(session: Session) -> list[Digest]:
    session.rollback()
    session.expunge_all()
    return list(session.scalars(select(Digest).order_by(Digest.subscription_id, Digest.period_on)))


def states(session: Session) -> list[str]:
    return [d.state.value for d in rows(session)]


def conflict(make: Make) -> tuple[str, Person, Person]:
    ref, one, other = make.overlap()
    return ref, one, other


def only(session: Session, *people: Person) -> None:
    """Let nobody but some people have a digest."""
    with bookkeeping(session):
        for person_id in session.scalars(select(Person.id).where(Person.id.not_in([p.id for p in people]))).all():
            actions.choose(session, person_id, Schedule(Cadence.OFF, 7))


def test_each_side_is_told_once_and_then_nothing_until_something_changes(make: Make, session: Session, relay: Relay) -> None:
    _ref, one, other = conflict(make)
    assert send() == {"sent": 2}
    assert send() == {}
    assert {to[0] for to, _ in relay.taken} == {one.email, other.email}
    assert send(MORNING + DAY) == {"nothing": 2}
    assert len(relay.taken) == 2
    session.rollback()
    told = set(session.scalars(select(Subscription.told_number)))
    assert told == {last_number(session)}


def test_the_head_of_the_mail_says_how_to_stop_it_and_never_what_is_in_it(make: Make, relay: Relay) -> None:
    conflict(make)
    send()
    for letter in relay.letters():
        assert letter["Subject"] == "Coordinator: your digest"
        assert letter["List-Unsubscribe"].startswith("<http://coordinator.test/digests/stop/")
        assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert letter["Message-ID"].startswith("<digest.20260302.")
        assert letter["Reply-To"] is None
        for part in ("plain", "html"):
            body = letter.get_body((part,))
            assert body is not None
            text = body.get_content()
            assert text.count("OFFICIAL") >= 2
            assert "http://coordinator.test/overlaps/" in text
            assert "<img" not in text


# what becomes of the digest, and how many times the server has it after everything was tried again the next hour
FAULTS = {
    "421 at MAIL": ("queued", 1),
    "451 at MAIL": ("queued", 1),
    "452 at RCPT": ("queued", 1),
    "550 at RCPT": ("failed", 0),
    "drop at DATA": ("queued", 1),
    "drop in the body": ("uncertain", 0),
    "451 after the dot": ("queued", 1),
    "554 after the dot": ("failed", 0),
    "drop after the dot": ("uncertain", 1),
    "drop at QUIT": ("sent", 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_mail_server_never_makes_two_mails(make: Make, session: Session, relay: Relay, fault: str) -> None:
    _ref, one, _other = conflict(make)
    only(session, one)
    relay.fault = fault
    state, taken = FAULTS[fault]
    send()
    (digest,) = rows(session)
    assert digest.state.value == state
    assert bool(digest.trouble) == (state != "sent")
    relay.fault = None
    send(MORNING + timedelta(hours=1))
    assert len(relay.taken) == taken
    if state == "queued":
        assert states(session) == ["sent"]


def test_one_bad_address_does_not_delay_the_others(make: Make, session: Session, relay: Relay) -> None:
    _ref, one, other = conflict(make)
    relay.fault, relay.only = "550 at RCPT", one.email
    assert send() == {"failed": 1, "sent": 1}
    assert [to for to, _ in relay.taken] == [[other.email]]
    (failed,) = [d for d in rows(session) if d.state is DigestState.FAILED]
    assert failed.trouble.startswith("550")


def test_what_is_refused_for_now_is_tried_again_after_a_growing_wait_and_given_up_at_last(
    make: Make, session: Session, relay: Relay
) -> None:
    _ref, one, _other = conflict(make)
    only(session, one)
    relay.fault = "451 at MAIL"
    waits, at = [], MORNING
    while send(at):
        (digest,) = rows(session)
        if digest.state is DigestState.FAILED:
            break
        waits.append(digest.due_at - at)
        assert send(digest.due_at - timedelta(seconds=1)) == {}
        at = digest.due_at
    assert states(session) == ["failed"]
    assert len(waits) == 9
    assert waits == sorted(waits)
    assert waits[0] == timedelta(minutes=5)


def point_to(app: Flask, port: int) -> None:
    app.extensions["settings"] = app.extensions["settings"].model_copy(update={"smtp_port": port})


def test_a_mail_server_that_is_away_for_a_day_means_one_mail_and_not_many(
    make: Make, session: Session, relay: Relay, app: Flask
) -> None:
    _ref, one, _other = conflict(make)
    only(session, one)
    point_to(app, closed_port())
    at = MORNING
    while at < MORNING + timedelta(hours=25):
        assert set(send(at)) <= {UNREACHED}
        at += timedelta(hours=2)
    assert states(session) == ["nothing", "queued"]
    point_to(app, relay.address)
    assert send(at + timedelta(hours=3))["sent"] == 1
    assert len(relay.taken) == 1
    assert states(session) == ["nothing", "sent"]


def test_when_the_server_is_away_the_first_try_is_the_last_of_a_run(make: Make, session: Session, relay: Relay, app: Flask) -> None:
    conflict(make)
    point_to(app, closed_port())
    assert send() == {UNREACHED: 1}
    assert states(session) == ["queued", "queued"]


def test_days_that_were_missed_are_merged_into_one(make: Make, session: Session, relay: Relay) -> None:
    _ref, one, _other = conflict(make)
    only(session, one)
    send(MORNING - DAY)
    make.position(by=one)
    assert send(MORNING + 9 * DAY) == {"nothing": 1}
    assert [d.period_on.isoformat() for d in rows(session)] == ["2026-03-01", "2026-03-11"]


@pytest.mark.parametrize("last_sunday", ["2026-03-29", "2026-10-25"], ids=["spring", "autumn"])
def test_the_nights_in_which_the_clocks_change_have_one_digest_each(
    make: Make, session: Session, relay: Relay, last_sunday: str
) -> None:
    _ref, one, _other = conflict(make)
    only(session, one)
    with bookkeeping(session):
        actions.choose(session, one.id, Schedule(Cadence.DAILY, 2))
    at = datetime.fromisoformat(last_sunday).replace(tzinfo=UTC) - timedelta(hours=12)
    for _ in range(24):
        send(at)
        at += timedelta(hours=1)
    days = [d.period_on.isoformat() for d in rows(session)]
    assert days[-1] == last_sunday
    assert len(days) == len(set(days)) == 2


def test_a_change_of_zone_or_cadence_makes_no_second_digest_of_a_day(make: Make, session: Session, relay: Relay) -> None:
    _ref, one, _other = conflict(make)
    only(session, one)
    send()
    with bookkeeping(session):
        actions.choose(session, one.id, Schedule(Cadence.WEEKLY, 23, frozenset({Weekday.MONDAY})))
        session.execute(update(Person).where(Person.id == one.id).values(time_zone="Pacific/Honolulu"))
    send(MORNING)
    send(MORNING + timedelta(hours=20))
    assert [d.period_on.isoformat() for d in rows(session)] == ["2026-03-02"]


def test_one_who_wants_none_or_is_disabled_gets_none_also_if_it_was_promised(make: Make, session: Session, relay: Relay) -> None:
    _ref, one, other = conflict(make)
    with bookkeeping(session):
        actions.plan(session, domain="ministry.example", at=MORNING)
    with bookkeeping(session):
        actions.stop(session, queries.chosen(session, one.id))
        session.execute(update(Person).where(Person.id == other.id).values(disabled_at=MORNING))
    assert send() == {"nothing": 1}
    assert relay.taken == []
    assert states(session) == ["nothing", "nothing"]


# --- many at once -----------------------------------------------------------------------------------------------------------


def crowd(make: Make, session: Session, number: int) -> None:
    """Let the two units of a conflict have many officers."""
    _ref, one, other = conflict(make)
    columns = {"name": "X", "clearance": 2, "time_zone": "Europe/Vienna"}
    with bookkeeping(session):
        for i in range(number - 2):
            unit_id = (one if i % 2 else other).unit_id
            address = f"crowd{i}@ministry.example"
            person = Person(unit_id=unit_id, email=address, email_key=address, **columns)
            session.add(person)
            session.flush()
            session.execute(insert(Duty).values(person_id=person.id, role=Role.OFFICER))


def test_four_workers_over_many_digests_send_each_once(
    make: Make, session: Session, relay: Relay, app: Flask, nightly: bool
) -> None:
    many = 200 if nightly else 60
    crowd(make, session, many)
    session.rollback()
    done: list[Counter[str]] = []
    ready = threading.Barrier(4)

    def work() -> None:
        with app.app_context():
            ready.wait()
            done.append(send())

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(done, Counter()) == {"sent": many}
    assert set(relay.times_taken().values()) == {1}
    assert len(relay.taken) == many


def test_only_one_of_two_takes_a_digest_and_a_lost_claim_can_move_nothing(make: Make, session: Session, relay: Relay) -> None:
    _ref, one, _other = conflict(make)
    only(session, one)
    window = Window(0, 9)
    with bookkeeping(session):
        actions.plan(session, domain="ministry.example", at=MORNING)
    with bookkeeping(session):
        held = actions.claim(session, worker="a", at=MORNING)
        assert actions.claim(session, worker="b", at=MORNING) is None
    assert held is not None
    late = MORNING + LEASE
    with bookkeeping(session):
        actions.tidy(session, at=late)
        taken_over = actions.claim(session, worker="b", at=late)
    assert taken_over is not None
    assert taken_over.tries == 2
    with bookkeeping(session):
        assert not actions.begin_body(session, held, window, at=late)
        actions.note_sent(session, held, window, at=late)
        actions.note_refused(session, held, "450", lasting=True, reached=True, at=late)
    assert states(session) == ["claimed"]
    with bookkeeping(session):
        assert actions.begin_body(session, taken_over, window, at=late)
    assert states(session) == ["data"]


def test_what_was_being_sent_when_its_worker_died_is_uncertain_and_not_sent_again(
    make: Make, session: Session, relay: Relay
) -> None:
    _ref, one, _other = conflict(make)
    only(session, one)
    with bookkeeping(session):
        actions.plan(session, domain="ministry.example", at=MORNING)
        held = actions.claim(session, worker="a", at=MORNING)
        assert held is not None
        assert actions.begin_body(session, held, Window(0, 9), at=MORNING)
    assert send(MORNING + LEASE) == {}
    assert states(session) == ["uncertain"]
    assert send(MORNING + DAY) == {"sent": 1}  # and the next one tells of it once more


def test_a_worker_whose_watermark_was_overtaken_sends_nothing(make: Make, session: Session, relay: Relay) -> None:
    _ref, one, _other = conflict(make)
    only(session, one)
    with bookkeeping(session):
        actions.plan(session, domain="ministry.example", at=MORNING)
        held = actions.claim(session, worker="a", at=MORNING)
        session.execute(update(Subscription).where(Subscription.person_id == one.id).values(told_number=5))
    assert held is not None
    with bookkeeping(session):
        assert not actions.begin_body(session, held, Window(0, 9), at=MORNING)


def test_a_sender_that_is_killed_in_the_middle_doubles_nothing(make: Make, session: Session, relay: Relay, database: str) -> None:
    crowd(make, session, 40)
    session.rollback()
    relay.pause = 0.02
    surroundings = os.environ | {
        "COORDINATOR_ENV": "test",
        "COORDINATOR_SECRET_KEY": "n0t-a-secret-but-long-enough-for-tests",
        "COORDINATOR_DATABASE_URL": database,
        "COORDINATOR_SMTP_PORT": str(relay.address),
    }
    at = MORNING
    for enough in (3, 12, 25):
        with subprocess.Popen(
            [sys.executable, "-m", "coordinator.cli", "digests", "send", "--at", at.isoformat()],
            cwd=HERE,
            env=surroundings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as sender:
            relay.wait_for(enough)
            sender.send_signal(signal.SIGKILL)
        at += LEASE
    relay.pause = 0
    send(at)
    kept = rows(session)
    taken = relay.times_taken()
    assert {d.state for d in kept} <= {DigestState.SENT, DigestState.UNCERTAIN}
    assert len(kept) == 40
    assert set(taken.values()) == {1}
    names = {message_id for _to, message_id in taken}
    assert {d.message_id for d in kept if d.state is DigestState.SENT} <= names
    assert sum(d.state is DigestState.UNCERTAIN for d in kept) <= 3
    assert len(taken) >= 37


def test_the_application_that_sends_leaves_no_reader_in_its_session(make: Make, relay: Relay) -> None:
    conflict(make)
    send()
    assert db.session.info["reader"] is None


# --- chosen days and holidays ------------------------------------------------------------------------------------------------


def test_on_a_holiday_of_the_unit_nothing_comes_and_the_next_day_tells_it_all(make: Make, session: Session, relay: Relay) -> None:
    bureau = make.unit()
    one, other = make.officer(unit=make.unit(under=bureau)), make.officer()
    make.holiday(bureau, MORNING.date())
    topic = make.topic()
    question = make.question(topic=topic)
    for person, stance in ((one, "support"), (other, "oppose")):
        make.position(by=person, topic=topic, question=question, stance=stance)
    assert send() == {"sent": 1}
    assert [to for to, _ in relay.taken] == [[other.email]]
    assert send(MORNING + timedelta(hours=12)) == {}
    assert send(MORNING + DAY) == {"sent": 1, "nothing": 1}
    assert [to for to, _ in relay.taken] == [[other.email], [one.email]]


def test_what_waits_from_before_a_holiday_waits_over_it_and_is_merged_into_the_next(
    make: Make, session: Session, relay: Relay, app: Flask
) -> None:
    _ref, one, _other = conflict(make)
    only(session, one)
    make.holiday(one.unit, (MORNING + DAY).date())
    point_to(app, closed_port())
    send()
    point_to(app, relay.address)
    assert send(MORNING + DAY) == {"postponed": 1}
    assert send(MORNING + DAY + timedelta(hours=10)) == {}
    (waiting,) = rows(session)
    assert waiting.due_at == MORNING.replace(minute=0) + 2 * DAY
    assert waiting.tries == 0
    assert send(MORNING + 2 * DAY) == {"sent": 1}
    assert states(session) == ["nothing", "sent"]
    assert len(relay.taken) == 1


def test_a_holiday_that_is_taken_back_lets_the_letter_come(make: Make, session: Session, relay: Relay) -> None:
    _ref, one, _other = conflict(make)
    only(session, one)
    make.holiday(one.unit, MORNING.date())
    assert send() == {}
    with transaction(session):
        (day,) = holidays.of_unit(session, one.unit_id, since=MORNING.date())
        holiday_actions.remove(session, day, by=None, at=MORNING)
    assert send() == {"sent": 1}


def test_it_comes_on_the_chosen_weekdays_only(make: Make, session: Session, relay: Relay) -> None:
    _ref, one, _other = conflict(make)
    only(session, one)
    with bookkeeping(session):
        actions.choose(session, one.id, Schedule(Cadence.CHOSEN, 7, frozenset({Weekday.TUESDAY, Weekday.FRIDAY})))
    for day in range(12):
        send(MORNING + day * DAY)
    periods = [d.period_on.isoformat() for d in rows(session)]
    assert periods == ["2026-02-27", "2026-03-03", "2026-03-06", "2026-03-10", "2026-03-13"]
