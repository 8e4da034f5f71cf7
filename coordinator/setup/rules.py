"""What an instance needs before units can work with it, and what of it is there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from coordinator.errors import N_
from coordinator.people.models import Person, Role

FEWEST_UNITS = 2
"""Below two units nothing can overlap."""


class Step(StrEnum):
    """The steps, in their order."""

    ORGANISATION = "organisation"
    UNITS = "units"
    PEOPLE = "people"
    TOPICS = "topics"
    STAKES = "stakes"
    CALENDAR = "calendar"
    LINES = "lines"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Step.ORGANISATION: N_("The ministry"),
            Step.UNITS: N_("Units"),
            Step.PEOPLE: N_("People"),
            Step.TOPICS: N_("Topics"),
            Step.STAKES: N_("Who leads on what"),
            Step.CALENDAR: N_("Forums and events"),
            Step.LINES: N_("The first positions"),
        }[self]


@dataclass(frozen=True)
class Standing:
    """What an instance has; numbers cover what is shared, as everywhere."""

    ministries: int = 0
    organisations: int = 0
    units: int = 0
    persons: int = 0
    manned: int = 0
    """Units in which somebody logs and somebody releases."""
    topics: int = 0
    leads: int = 0
    forums: int = 0
    events: int = 0
    lines: int = 0
    """Units with a released position that the reader sees, counted to two."""

    def has(self, step: Step) -> bool:
        """Say whether a step is done."""
        return {
            Step.ORGANISATION: self.ministries > 0,
            Step.UNITS: self.units >= FEWEST_UNITS,
            Step.PEOPLE: self.manned >= FEWEST_UNITS,
            Step.TOPICS: self.topics > 0,
            Step.STAKES: self.leads > 0,
            Step.CALENDAR: self.forums > 0 and self.events > 0,
            Step.LINES: self.lines >= FEWEST_UNITS,
        }[step]

    @property
    def done(self) -> int:
        """Return how many steps are done."""
        return sum(map(self.has, Step))

    @property
    def next(self) -> Step | None:
        """Return the first step that is not done, or None."""
        return next((step for step in Step if not self.has(step)), None)

    @property
    def ready(self) -> bool:
        """Say whether officers can begin: the rest is theirs."""
        return all(self.has(step) for step in Step if step is not Step.LINES)


def may_set_up(person: Person) -> bool:
    """Coordinators and administrators set an instance up; each does what they may anyway."""
    return bool(person.roles & {Role.COORDINATOR, Role.ADMINISTRATOR})


def whose(step: Step) -> Role | None:
    """Return whose a step is; None where any officer does it."""
    if step is Step.LINES:
        return None
    return Role.ADMINISTRATOR if step is Step.PEOPLE else Role.COORDINATOR


# --- lines that are typed ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UnitLine:
    """A unit on a line of its own: how far it is indented, short name, name."""

    depth: int
    short_name: str
    name: str


TWO_NAMES = N_("write the short name, a semicolon, then the name, as in CDP; Cyberspace and Digital Policy.")
TOO_DEEP = N_("it is two steps below the line before it: write the unit between them first.")


def unit_line(line: str) -> UnitLine:
    """Return what a line says of a unit; hyphens in front say that it stands below the line before with one hyphen less."""
    rest = line.lstrip("-–• \t")
    depth = sum(c in "-–•" for c in line[: len(line) - len(rest)])
    short, _semicolon, name = rest.partition(";")
    return UnitLine(depth, short.strip(), name.strip())


def parents(lines: Sequence[UnitLine]) -> list[int | None]:
    """Return for each line the place of the line that it stands below; raises ValueError with the place of one that is too deep."""
    found: list[int | None] = []
    path: list[int] = []
    for place, line in enumerate(lines):
        if line.depth > len(path):
            raise ValueError(place)
        del path[line.depth :]
        found.append(path[-1] if path else None)
        path.append(place)
    return found


@dataclass(frozen=True)
class PersonLine:
    """A person on a line: name, address, unit, roles, as they were typed."""

    name: str
    email: str
    unit: str
    roles: frozenset[Role]


FOUR_PARTS = N_("write name; address; unit; roles, as in Ana Ferrer; ana.ferrer@ministry.example; CDP; officer, releasing officer.")
NO_SUCH_ROLE = N_("there is no role “%(role)s”: %(roles)s are known.")


class NoSuchRole(ValueError):
    """A word that is no role."""


def person_line(line: str, *, t: Callable[[str], str] = str) -> PersonLine:
    """Return what a line says of a person, who without roles is a desk officer.

    Raises NoSuchRole, and ValueError where a part is missing.
    """
    parts = [part.strip() for part in line.split(";")]
    if len(parts) not in {3, 4} or not all(parts[:3]):
        raise ValueError
    known = {word.casefold(): role for role in Role for word in (role.value, role.value.replace("_", " "), t(role.label))}
    words = [w.strip() for w in (parts[3] if len(parts) == 4 else "").split(",") if w.strip()] or [Role.OFFICER.value]
    strange = [w for w in words if w.casefold() not in known]
    if strange:
        raise NoSuchRole(strange[0])
    return PersonLine(parts[0], parts[1], parts[2], frozenset(known[w.casefold()] for w in words))
