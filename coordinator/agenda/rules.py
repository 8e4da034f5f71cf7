"""How far the units are with an event: a few numbers, and one word for them."""

from dataclasses import dataclass
from enum import StrEnum

from coordinator.calendar.models import Event
from coordinator.errors import N_
from coordinator.overlaps.models import Severity
from coordinator.people.models import Unit
from coordinator.topics.models import Stake

ANSWERS = (Stake.LEAD, Stake.CO_LEAD, Stake.MUST_CONSULT)
"""The stakes that make a unit missing where it has no line; who is only informed need not have one."""


class Coordination(StrEnum):
    """How far the units are with an event, the worst first."""

    CONFLICTING = "conflicting"
    NOTHING_YET = "nothing_yet"
    MISSING = "missing"
    IN_ORDER = "in_order"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Coordination.CONFLICTING: N_("Conflicting"),
            Coordination.NOTHING_YET: N_("Nothing yet"),
            Coordination.MISSING: N_("Some missing"),
            Coordination.IN_ORDER: N_("In order"),
        }[self]


@dataclass(frozen=True)
class Coming:
    """An event ahead and how far the units are with it, counted over what the reader sees."""

    event: Event
    """Comes with its forum."""
    days: int
    """To its first day; nought or less while it is under way."""
    questions: int = 0
    """Before its forum."""
    unanswered: int = 0
    """Those of them on which no unit has a line."""
    positions: int = 0
    """Current lines of units, for this event or on a question before its forum; outside voices are apart."""
    missing: tuple[Unit, ...] = ()
    """Units with a lead, a co-lead or a right to be consulted that have no line on one of the questions, the leads first.

    Nobody outside the ministry is told.
    """
    conflicting: int = 0
    """Open conflicts among the positions."""
    worst: Severity | None = None
    """The worst of the conflicts."""
    adhered: int = 0
    """How often a unit made one of the lines its own."""
    outside: int = 0
    """Current voices from outside the ministry: no unit's line."""

    @property
    def state(self) -> Coordination:
        """Return the one word for it."""
        return coordination(
            positions=self.positions, missing=len(self.missing), unanswered=self.unanswered, conflicting=self.conflicting
        )


def coordination(*, positions: int, missing: int, unanswered: int, conflicting: int) -> Coordination:
    """Return how far the units are: clashing lines are worst, then no line at all, then a unit or a question without one."""
    if conflicting:
        return Coordination.CONFLICTING
    if not positions:
        return Coordination.NOTHING_YET
    return Coordination.MISSING if missing or unanswered else Coordination.IN_ORDER
