"""How far the units are with an event: a few numbers, and one word for them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from coordinator.calendar.models import Event, Question
from coordinator.entries.models import Entry
from coordinator.errors import N_
from coordinator.overlaps.models import Severity
from coordinator.people.models import Unit
from coordinator.positions.models import Position, Stance
from coordinator.positions.rules import is_voice
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


@dataclass(frozen=True)
class Asked:
    """A question and how far the units are with it, counted over what the reader sees."""

    question: Question
    """Comes with its topic and forum."""
    event: Event | None = None
    """The next one of its forum."""
    positions: int = 0
    missing: tuple[Unit, ...] = ()
    conflicting: int = 0
    worst: Severity | None = None
    adhered: int = 0
    outside: int = 0

    @property
    def state(self) -> Coordination:
        """Return the one word for it."""
        return coordination(positions=self.positions, missing=len(self.missing), unanswered=0, conflicting=self.conflicting)


# --- who says what -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A unit's current line, and the units that made it theirs."""

    position: Position
    stake: Stake | None = None
    """What say its unit has in the question's topic."""
    adherents: tuple[Unit, ...] = ()


@dataclass(frozen=True)
class Further:
    """A unit's current line where there are many: as much of it as tells who is on which side."""

    ref: str
    unit: Unit
    stance: Stance | None
    level: int


@dataclass(frozen=True)
class Voice:
    """What somebody outside the ministry holds: no unit's line."""

    position: Position
    differs_from: tuple[Unit, ...] = ()
    """The units whose lines on the same question take another stance."""


@dataclass(frozen=True)
class Answer:
    """What is said on one question, or without one: the units' lines, the outside voices apart, and who has no line."""

    question: Question | None
    lines: tuple[Line, ...] = ()
    voices: tuple[Voice, ...] = ()
    missing: tuple[Unit, ...] = ()
    further: tuple[Further, ...] = ()
    """The lines that come after these, if not all are wanted whole."""

    @property
    def sides(self) -> list[tuple[Stance | None, tuple[Further, ...]]]:
        """Return the further lines by stance, those that state none last."""
        found = [(stance, tuple(f for f in self.further if f.stance is stance)) for stance in (*Stance, None)]
        return [(stance, lines) for stance, lines in found if lines]


def place(stake: Stake | None, short_name: str, position_id: int) -> tuple[int, str, int]:
    """Return by what the lines on a question are put in order: the weightiest stake first, then by unit."""
    return (len(Stake) if stake is None else list(Stake).index(stake), short_name, position_id)


def differs(stance: Stance | None, other: Stance | None) -> bool:
    """Two that both take a stance differ if it is not the same; who has no position differs from nobody."""
    stated = {stance, other} - {None, Stance.NO_POSITION}
    return len(stated) == 2


def answer(
    question: Question | None,
    positions: Sequence[Position],
    *,
    adherents: Mapping[int, Sequence[Unit]],
    stakes: Mapping[int, Stake],
    missing: Iterable[Unit] = (),
    further: Sequence[Further] = (),
) -> Answer:
    """Return what is said on one question: the lines of those with the weightiest stake first, then by unit."""
    ordered = sorted(positions, key=lambda p: place(stakes.get(p.unit_id), p.unit.short_name, p.id))
    lines = tuple(Line(p, stakes.get(p.unit_id), tuple(adherents.get(p.id, ()))) for p in ordered if not is_voice(p))
    sides = [*((line.position.unit, line.position.stance) for line in lines), *((f.unit, f.stance) for f in further)]

    def voice(position: Position) -> Voice:
        others = [unit for unit, stance in sides if question is not None and differs(position.stance, stance)]
        return Voice(position, tuple(others))

    return Answer(question, lines, tuple(voice(p) for p in ordered if is_voice(p)), tuple(missing), tuple(further))


# --- who works on a thing ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    """How many units and entries are on a counterpart or an instrument, and the nearest event, as a reader sees it."""

    units: int = 0
    entries: int = 0
    event: Event | None = None


@dataclass(frozen=True)
class Piece:
    """An entry and its next day, of its event or a milestone."""

    entry: Entry
    day: date | None = None


@dataclass(frozen=True)
class Work:
    """A unit and its entries on a thing, those whose day is nearest first."""

    unit: Unit
    pieces: tuple[Piece, ...]

    @property
    def day(self) -> date | None:
        """Return the unit's next day."""
        return self.pieces[0].day


def at_work_in_order(entries: Iterable[Entry], days: Mapping[int, date]) -> list[Work]:
    """Return entries by unit: what has the nearest day comes first, what has none last; equals by unit, and as given."""
    by_unit: dict[int, list[Piece]] = {}
    for entry in entries:
        by_unit.setdefault(entry.unit_id, []).append(Piece(entry, days.get(entry.id)))

    def near(day: date | None) -> tuple[bool, date]:
        return (day is None, day or date.max)

    found = [Work(pieces[0].entry.unit, tuple(sorted(pieces, key=lambda p: near(p.day)))) for pieces in by_unit.values()]
    return sorted(found, key=lambda w: (near(w.day), w.unit.short_name, w.unit.id))
