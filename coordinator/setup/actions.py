"""Bringing in several units or persons at once; all of them or none."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from coordinator.errors import Refused
from coordinator.people import actions as people
from coordinator.people.models import Organisation, Person, Unit
from coordinator.people.queries import unit_by_name
from coordinator.people.rules import PersonDraft, UnitDraft
from coordinator.setup.rules import PersonLine, UnitLine, parents


class OnLine(Refused):
    """A line of several is refused: which one it is, and why."""

    field = "lines"

    def __init__(self, number: int, why: Refused) -> None:
        self.number, self.why = number, why
        super().__init__(why.sentence)


class NoSuchUnit(Refused):
    """There is no unit of this name, or more than one."""


def add_units(session: Session, lines: Sequence[UnitLine], *, of: Organisation, by: Person, at: datetime) -> list[Unit]:
    """Add units of an organisation, each below the line that it stands below; raises OnLine."""
    made: list[Unit] = []
    for number, (line, above) in enumerate(zip(lines, parents(lines), strict=True), 1):
        draft = UnitDraft(of.id, line.name, line.short_name, parent_id=None if above is None else made[above].id)
        try:
            made.append(people.add_unit(session, draft, by=by, at=at))
        except Refused as error:
            raise OnLine(number, error) from None
    return made


def add_people(
    session: Session, lines: Sequence[PersonLine], *, clearance: int, time_zone: str, by: Person, at: datetime
) -> list[Person]:
    """Add persons, each to a unit named by its short or full name; raises OnLine."""
    made: list[Person] = []
    for number, line in enumerate(lines, 1):
        unit = unit_by_name(session, line.unit)
        try:
            if unit is None:
                raise NoSuchUnit
            draft = PersonDraft(
                name=line.name, email=line.email, unit_id=unit.id, roles=line.roles, clearance=clearance, time_zone=time_zone
            )
            made.append(people.add_person(session, draft, by=by, at=at))
        except Refused as error:
            raise OnLine(number, error) from None
    return made
