"""On which days a unit is closed."""

from datetime import date
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from coordinator.db import db, transaction
from coordinator.history.models import Event
from coordinator.holidays import actions, queries
from coordinator.holidays.rules import Day
from tests.make import Make

YEAR = {"since": date(2026, 1, 1), "until": date(2026, 12, 31)}
MAY, JUNE = date(2026, 5, 1), date(2026, 6, 5)


def test_a_unit_is_closed_on_its_own_days_and_on_those_of_the_units_above(make: Make, session: Session) -> None:
    bureau = make.unit()
    unit = make.unit(under=make.unit(under=bureau))
    other = make.unit()
    make.holiday(bureau, MAY)
    make.holiday(unit, JUNE)
    found = queries.days(session, [bureau.id, unit.id, other.id], **YEAR)
    assert found == {bureau.id: {MAY}, unit.id: {MAY, JUNE}}
    assert [(h.day, h.unit.short_name) for h in queries.of_unit(session, unit.id, since=MAY)] == [
        (MAY, bureau.short_name),
        (JUNE, unit.short_name),
    ]
    assert [h.day for h in queries.of_unit(session, unit.id, since=date(2026, 5, 2))] == [JUNE]


def test_a_day_outside_of_the_span_is_left_out(make: Make, session: Session) -> None:
    unit = make.unit()
    make.holiday(unit, date(2025, 12, 31))
    make.holiday(unit, date(2027, 1, 1))
    assert queries.days(session, [unit.id], **YEAR) == {}


def test_many_units_cost_as_many_statements_as_one(make: Make, session: Session) -> None:
    units = [make.unit() for _ in range(6)]
    for unit in units:
        make.holiday(unit, MAY)
    ids = [u.id for u in units]
    counted = [0]

    def count(*_args: Any) -> None:
        counted[-1] += 1

    event.listen(db.engine, "before_cursor_execute", count)
    for some in (ids[:1], ids):
        session.rollback()
        assert len(queries.days(session, some, **YEAR)) == len(some)
        counted.append(0)
    event.remove(db.engine, "before_cursor_execute", count)
    assert counted[0] == counted[1]


def test_a_day_added_again_takes_the_new_name_and_what_is_not_new_leaves_no_trace(make: Make, session: Session) -> None:
    unit = make.unit()
    make.holiday(unit, MAY, "Labour")

    def recorded() -> list[str]:
        return [a for a in session.scalars(select(Event.action).order_by(Event.number)) if "holiday" in a]

    for name, events in (("Labour Day", 2), ("Labour Day", 2)):
        with transaction(session):
            actions.add(session, unit, [Day(MAY, name)], by=None, at=make.at)
        assert len(recorded()) == events
    (kept,) = queries.of_unit(session, unit.id, since=MAY)
    assert kept.name == "Labour Day"
    with transaction(session):
        actions.remove(session, queries.one(session, kept.ref), by=None, at=make.at)
    assert queries.of_unit(session, unit.id, since=MAY) == []
    assert recorded()[-1] == "unit.holiday_removed"
