"""Who keeps a unit's holidays, and how a list of them is typed."""

import re
from dataclasses import dataclass
from datetime import date

from coordinator.people.models import Person, Role, Unit

LONGEST_NAME = 120
MOST_AT_ONCE = 400
_LINE = re.compile(r"(\d{4}-\d{2}-\d{2})[\s,;:–-]+(\S.*)", re.ASCII)


@dataclass(frozen=True)
class Day:
    """A holiday as it was typed."""

    day: date
    name: str


def may_keep(person: Person, unit: Unit) -> bool:
    """A unit's own releasing officers keep its holidays; a coordinator keeps those of every unit."""
    own = Role.RELEASING_OFFICER in person.roles and person.unit_id == unit.id
    return own or Role.COORDINATOR in person.roles


def parsed(typed: str) -> tuple[tuple[Day, ...], str | None]:
    """Return the days of a list, one line each ("2026-12-25 Christmas Day"), and the first line that is none, or None.

    A day said twice has the name that was said last.
    """
    found: dict[date, Day] = {}
    for line in typed.splitlines():
        if not line.strip():
            continue
        day = _day(line.strip())
        if day is None:
            return (), line.strip()
        found[day.day] = day
    return tuple(found[d] for d in sorted(found)), None


def _day(line: str) -> Day | None:
    fits = _LINE.fullmatch(line)
    if fits is None or len(fits[2]) > LONGEST_NAME:
        return None
    try:
        day = date.fromisoformat(fits[1])
    except ValueError:
        return None
    return Day(day, fits[2]) if 1900 <= day.year <= 2199 else None
