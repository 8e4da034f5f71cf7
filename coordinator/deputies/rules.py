"""Who may name a deputy, and for when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from coordinator.errors import Refused
from coordinator.people.models import Person, Role

FAR = date(9999, 12, 31)


@dataclass(frozen=True)
class DeputyDraft:
    """A deputy as it was typed; both days count."""

    deputy_id: int
    from_on: date
    until_on: date | None = None


class ForOneself(Refused):
    """Nobody stands in for themselves."""

    field = "deputy"


class EndsBeforeItStarts(Refused):
    """This ends before it starts."""

    field = "until_on"


class StandsInAlready(Refused):
    """Somebody stands in at that time already. End that first, or choose other days."""

    field = "from_on"


def may_name(person: Person, whom: Person) -> bool:
    """Everybody names the own deputy; a releasing officer names those of the unit, an administrator anybody's."""
    heads = Role.RELEASING_OFFICER in person.roles and person.unit_id == whom.unit_id
    return person.id == whom.id or heads or Role.ADMINISTRATOR in person.roles


def holds_on(day: date, *, from_on: date, until_on: date | None) -> bool:
    """A deputy stands in from the first day to the last, both included."""
    return from_on <= day <= (until_on or FAR)


def meets(draft: DeputyDraft, others: Iterable[tuple[date, date | None]]) -> bool:
    """Say whether a time shares a day with one of some others."""
    return any(draft.from_on <= (until or FAR) and start <= (draft.until_on or FAR) for start, until in others)
