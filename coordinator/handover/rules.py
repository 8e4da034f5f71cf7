"""Who may hand over whose work, and to whom."""

from collections.abc import Iterable
from dataclasses import dataclass

from coordinator.entries.models import Kind
from coordinator.errors import Refused
from coordinator.people.models import Person, Role

WRITERS = frozenset({Role.OFFICER, Role.RELEASING_OFFICER})


class NoColleague(Refused):
    """Choose a colleague of the same unit who logs there."""

    field = "to"


class NotYours(Refused):
    """Only an administrator disables an account, and nobody the own one."""

    field = "disable"


def may_hand_over(person: Person, whom: Person) -> bool:
    """Everybody hands over the own work; a releasing officer that of the unit, an administrator anybody's."""
    heads = Role.RELEASING_OFFICER in person.roles and person.unit_id == whom.unit_id
    return person.id == whom.id or heads or Role.ADMINISTRATOR in person.roles


def may_disable(person: Person, whom: Person) -> bool:
    """An administrator disables an account along the way, but not the own one."""
    return Role.ADMINISTRATOR in person.roles and person.id != whom.id


def can_take_over(colleague: Person, whom: Person) -> bool:
    """Work stays in its unit, with somebody who logs there."""
    return colleague.id != whom.id and colleague.unit_id == whom.unit_id and colleague.is_active and bool(colleague.roles & WRITERS)


def nobody_releases(whom: Person, colleagues: Iterable[Person]) -> bool:
    """Say whether a unit is left without anybody who releases when somebody goes."""
    goes = Role.RELEASING_OFFICER in whom.roles
    return goes and not any(Role.RELEASING_OFFICER in c.roles for c in colleagues if c.id != whom.id and c.is_active)


@dataclass(frozen=True)
class Held:
    """An entry of the unit that somebody holds: as whoever wrote the newest version or took it over, as lead, or as both."""

    id: int
    kind: Kind
    version_id: int
    draft: bool
    holds: bool
    leads: bool
