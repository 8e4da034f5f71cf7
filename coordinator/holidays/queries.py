"""On which days a unit is closed: its own holidays, and those of the units above it."""

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from coordinator.errors import NotFound
from coordinator.holidays.models import UnitHoliday
from coordinator.people.models import Unit
from coordinator.people.queries import ancestors


def of_unit(session: Session, unit_id: int, *, since: date) -> Sequence[UnitHoliday]:
    """Return the holidays of a unit and of the units above it from a day on, by day, each with the unit it is kept by."""
    above = ancestors(session, [unit_id])[unit_id]
    return session.scalars(
        select(UnitHoliday)
        .options(joinedload(UnitHoliday.unit))
        .where(UnitHoliday.unit_id.in_(above), UnitHoliday.day >= since)
        .order_by(UnitHoliday.day, UnitHoliday.id)
    ).all()


def days(session: Session, unit_ids: Iterable[int], *, since: date, until: date) -> dict[int, frozenset[date]]:
    """Return the holidays within a span by unit, those of the units above included; a unit without any is left out."""
    kept: dict[int, set[date]] = {}
    rows = session.execute(select(UnitHoliday.unit_id, UnitHoliday.day).where(UnitHoliday.day >= since, UnitHoliday.day <= until))
    for unit_id, day in rows:
        kept.setdefault(unit_id, set()).add(day)
    above = ancestors(session, set(unit_ids)) if kept else {}
    found = {unit_id: frozenset(d for a in line for d in kept.get(a, ())) for unit_id, line in above.items()}
    return {unit_id: off for unit_id, off in found.items() if off}


def one(session: Session, ref: str) -> UnitHoliday:
    """Return a holiday by ref with its unit; raises NotFound."""
    found = session.scalars(
        select(UnitHoliday).options(joinedload(UnitHoliday.unit).joinedload(Unit.organisation)).where(UnitHoliday.ref == ref)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found
