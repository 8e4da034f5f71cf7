from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from coordinator.db import db, transaction
from coordinator.history.actions import record
from coordinator.history.models import Event, Head, Payload
from coordinator.history.queries import broken_at, last_number, of


def test_numbers_have_no_gaps_although_changes_fail_and_run_side_by_side(session, make, at):
    unit = make.unit()
    start = last_number(session)
    session.commit()

    def change(number):
        with Session(db.engine, expire_on_commit=False) as own:
            try:
                with transaction(own):
                    record(own, "unit.revised", subject=("unit", unit.id), by=None, at=at, said={"number": number})
                    if number % 5 == 0:
                        raise RuntimeError
            except RuntimeError:
                return 0
        return 1

    with ThreadPoolExecutor(4) as pool:
        kept = sum(pool.map(change, range(40)))
    numbers = session.scalars(select(Event.number).order_by(Event.number)).all()
    assert kept == 32
    assert numbers == list(range(1, start + 33))
    assert broken_at(session) is None


def test_the_payload_is_kept_apart_and_may_go(session, make, at):
    unit = make.unit("Digital Freedom")
    (event,) = of(session, "unit", unit.id)
    assert event.payload.said["name"] == "Digital Freedom"
    with transaction(session):
        session.execute(delete(Payload).where(Payload.number == event.number))
    assert broken_at(session) is None


def test_a_changed_row_is_found(session, make):
    make.unit()
    number = last_number(session)
    with transaction(session):
        session.execute(update(Event).where(Event.number == number).values(actor_kind="person"))
    session.expire_all()
    assert broken_at(session) == number


def test_a_cut_tail_is_found(session, make):
    make.unit()
    number = last_number(session)
    with transaction(session):
        session.execute(delete(Payload).where(Payload.number == number))
        session.execute(delete(Event).where(Event.number == number))
    assert broken_at(session) == number


def test_there_is_one_head_and_the_table_says_so(session, database):
    assert session.scalar(select(func.count()).select_from(Head)) == 1
    session.commit()
    with pytest.raises(Exception, match="there_is_one|constraint"):
        session.execute(text("INSERT INTO history_head (id, number, digest) VALUES (2, 0, '')"))
