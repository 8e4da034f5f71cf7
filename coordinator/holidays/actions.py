"""What can be done with a unit's holidays."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from coordinator.history.actions import record
from coordinator.holidays.models import UnitHoliday
from coordinator.holidays.rules import Day
from coordinator.people.models import Person, Unit


def add(session: Session, unit: Unit, days: Sequence[Day], *, by: Person | None, at: datetime) -> None:
    """Add days to a unit's holidays; one that is there already takes the new name. Nothing new leaves no trace."""
    known = {
        h.day: h
        for h in session.scalars(
            select(UnitHoliday).where(UnitHoliday.unit_id == unit.id, UnitHoliday.day.in_([d.day for d in days]))
        )
    }
    news = [d for d in days if d.day not in known or known[d.day].name != d.name]
    for day in news:
        if day.day in known:
            known[day.day].name = day.name
        else:
            session.add(UnitHoliday(unit_id=unit.id, day=day.day, name=day.name))
    if news:
        said = {"days": {d.day.isoformat(): d.name for d in news}}
        record(session, "unit.holidays_added", subject=("unit", unit.id), by=by, at=at, said=said)


def remove(session: Session, holiday: UnitHoliday, *, by: Person | None, at: datetime) -> None:
    """Take a day off a unit's holidays."""
    said = {"days": {holiday.day.isoformat(): holiday.name}}
    record(session, "unit.holiday_removed", subject=("unit", holiday.unit_id), by=by, at=at, said=said)
    session.delete(holiday)
