"""How the picture is put together: which units stand as rows, what is counted into which cell, the week in words."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from coordinator.agenda.rules import Coming
from coordinator.entries.models import Entry
from coordinator.errors import N_
from coordinator.overlaps.models import Severity
from coordinator.overlaps.rules import RANK
from coordinator.people.models import Circle
from coordinator.positions.models import Stance
from coordinator.worklist.rules import Pair, Said

MOST = 40
"""The rows and the columns that a table shows at most; beyond it, the last one sums up the others."""

WORST_FIRST = tuple(sorted(RANK, key=RANK.__getitem__))
BY_RANK = dict(enumerate(WORST_FIRST))

# --- rows: units, rolled up --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A unit and where it stands: as much of it as a table needs."""

    id: int
    ref: str
    short_name: str
    name: str
    parent_id: int | None
    organisation_id: int
    circle: Circle


@dataclass(frozen=True)
class Node:
    """A row: a unit with all below it, or by itself where what is below it has rows of its own."""

    place: Place
    alone: bool = False
    depth: int = 0
    opens: bool = False
    """Something is below it that could be shown row by row."""

    @property
    def id(self) -> int:
        """Return the number of its unit: no two rows have the same."""
        return self.place.id

    @property
    def narrowing(self) -> tuple[str, str]:
        """Return the filter of a list that leaves what this row counts."""
        return ("bureau" if self.opens else "unit"), self.place.ref


def bureaus(places: Iterable[Place]) -> tuple[Place, ...]:
    """Return the units that stand as one row with all below them, the ministry's first, then by short name.

    They are the units that stand below no other. Where one such unit of the ministry is above all others it is the top: the
    units directly below it are the bureaus then, and the top has a row for itself alone.
    """
    listed = list(places)
    known = {p.id for p in listed}
    below = _below(listed)
    roots: dict[int, list[Place]] = defaultdict(list)
    for place in listed:
        if place.parent_id not in known:
            roots[place.organisation_id].append(place)
    found: list[Place] = []
    for tops in roots.values():
        found += tops
        if len(tops) == 1 and tops[0].circle is Circle.MINISTRY:
            found += below[tops[0].id]
    return tuple(sorted(found, key=_in_order))


def nodes(places: Iterable[Place], *, opened: Iterable[int] = ()) -> tuple[Node, ...]:
    """Return the rows of all units; what is opened stands alone there, above what is below it."""
    listed = list(places)
    by_id, below = {p.id: p for p in listed}, _below(listed)
    rows = bureaus(listed)
    path = {i for unit_id in opened for i in _above(unit_id, by_id)}
    split = {p.id for p in rows if any(c.id in {r.id for r in rows} for c in below[p.id])}
    found: list[Node] = []

    def add(place: Place, depth: int) -> None:
        shown_below = below[place.id] if place.id in path else ()
        alone = bool(shown_below) or place.id in split
        found.append(Node(place, alone=alone, depth=depth, opens=bool(below[place.id]) and not alone))
        for child in sorted(shown_below, key=_in_order):
            if place.id not in split:
                add(child, depth + 1)

    for place in rows:
        add(place, 0)
    return tuple(found)


def _below(places: Iterable[Place]) -> defaultdict[int | None, list[Place]]:
    below: defaultdict[int | None, list[Place]] = defaultdict(list)
    for place in places:
        if place.parent_id is not None:
            below[place.parent_id].append(place)
    return below


def _above(unit_id: int, by_id: Mapping[int, Place]) -> set[int]:
    """Return a unit and all above it."""
    path: set[int] = set()
    place = by_id.get(unit_id)
    while place is not None and place.id not in path:
        path.add(place.id)
        place = by_id.get(place.parent_id or 0)
    return path


def _in_order(place: Place) -> tuple[int, str, int]:
    return list(Circle).index(place.circle), place.short_name.casefold(), place.id


# --- tables that never grow too large ----------------------------------------------------------------------------------

Key = TypeVar("Key")


@dataclass(frozen=True)
class Axis(Generic[Key]):
    """The rows or the columns of one page of a table: those that are shown, and those that one last place sums up."""

    shown: tuple[Key, ...]
    others: tuple[Key, ...] = ()
    page: int = 1
    pages: int = 1


def axis(weights: Mapping[Key, int], order: Sequence[Key], *, page: int = 1, most: int = MOST) -> Axis[Key]:
    """Return a page of the keys that weigh anything: the heaviest come first on the first page, each page in the given order.

    As many as fit are shown; when there are more, one place is kept for the others of the pages behind.
    """
    place = {key: n for n, key in enumerate(order)}
    heavy = sorted((k for k in order if weights.get(k)), key=lambda k: (-weights[k], place[k]))
    if len(heavy) <= most:
        return Axis(tuple(k for k in order if weights.get(k)))
    size = most - 1
    pages = -(-len(heavy) // size)
    page = min(max(page, 1), pages)
    shown = set(heavy[(page - 1) * size : page * size])
    others = set(heavy[page * size :])
    return Axis(tuple(k for k in order if k in shown), tuple(k for k in order if k in others), page, pages)


class Cell(NamedTuple):
    """A number, and the worst severity that stands behind it; a tuple, because a picture is made of thousands."""

    number: int = 0
    rank: int | None = None

    @property
    def severity(self) -> Severity | None:
        """Return the worst severity in a word."""
        return None if self.rank is None else BY_RANK[self.rank]

    def __add__(self, other: "Cell") -> "Cell":  # type: ignore[override]  # a sum, not the one behind the other
        return total([self, other])


EMPTY = Cell()


def total(cells: Sequence[Cell]) -> Cell:
    """Return the sum of some cells, with the worst that stands behind any."""
    if len(cells) == 1:  # most often, and a table has thousands
        return cells[0]
    ranks = [cell.rank for cell in cells if cell.rank is not None]
    return Cell(sum(cell.number for cell in cells), min(ranks, default=None)) if cells else EMPTY


@dataclass(frozen=True)
class Row(Generic[Key]):
    """A row of a table: its key (none for the last one, which sums up the others), its sum, its cells, and what they leave out."""

    key: Key | None
    total: Cell
    cells: tuple[Cell, ...]
    rest: Cell


@dataclass(frozen=True)
class Grid(Generic[Key]):
    """A page of a table as it is shown: never more rows or columns than fit."""

    down: Axis[Any]
    across: Axis[Any]
    rows: tuple[Row[Key], ...]
    most: int
    """The largest number in a cell, to which the others are compared."""

    def shade(self, cell: Cell) -> int:
        """Return how dark a cell is, 0 for an empty one to 4 for the fullest."""
        return -(-4 * cell.number // self.most) if self.most else 0


def grid(cells: Mapping[tuple[Key, Any], Cell], totals: Mapping[Key, Cell], *, down: Axis[Key], across: Axis[Any]) -> Grid[Key]:
    """Return a page of a table; each row keeps its whole sum, whatever part of it is on this page."""
    height, width = len(down.shown), len(across.shown)
    rows = {key: n for n, key in enumerate(down.shown)} | dict.fromkeys(down.others, height)
    columns = {key: n for n, key in enumerate(across.shown)} | dict.fromkeys(across.others, width)
    found = [[EMPTY] * (width + 1) for _ in range(height + 1)]  # with a last row and a last column, which sum up the others
    for (key, column), cell in cells.items():
        row, place = rows.get(key), columns.get(column)
        if row is not None and place is not None:
            found[row][place] = cell if found[row][place] is EMPTY else found[row][place] + cell

    def row_of(key: Key | None, keys: Sequence[Key], at: int) -> Row[Key]:
        return Row(key, total([totals[k] for k in keys if k in totals]), tuple(found[at][:width]), found[at][width])

    shown = [row_of(key, [key], n) for n, key in enumerate(down.shown)]
    if down.others:
        shown.append(row_of(None, down.others, height))
    most = max((cell.number for row in found[:height] for cell in row[:width]), default=0)
    return Grid(down, across, tuple(shown), most)


# --- how near ----------------------------------------------------------------------------------------------------------


class Near(StrEnum):
    """How soon the nearest day of an overlap comes."""

    WEEK = "week"
    MONTH = "month"
    LATER = "later"
    UNDATED = "undated"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Near.WEEK: N_("Within 7 days"),
            Near.MONTH: N_("8 to 30 days"),
            Near.LATER: N_("Later"),
            Near.UNDATED: N_("No date"),
        }[self]


SOON, NEAR_BY = timedelta(days=7), timedelta(days=30)


def days_of(near: Near, *, on: date) -> dict[str, str]:
    """Return the filters of a list that leave the overlaps that are so near on a day."""
    soon, later = (on + SOON).isoformat(), (on + NEAR_BY).isoformat()
    return {
        Near.WEEK: {"until": soon},
        Near.MONTH: {"after": soon, "until": later},
        Near.LATER: {"after": later},
        Near.UNDATED: {"undated": "1"},
    }[near]


# --- how fast ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Median:
    """The middle of some durations, in hours, and on how many it rests; None if it rests on nothing."""

    hours: int | None
    number: int

    @property
    def said(self) -> Said | None:
        """Return it in words: hours up to two days, then days."""
        if self.hours is None:
            return None
        if self.hours < 48:
            return (N_("1 hour"), {}) if self.hours == 1 else (N_("%(n)s hours"), {"n": self.hours})
        return N_("%(n)s days"), {"n": round(self.hours / 24)}


def median(counted: Mapping[int, int]) -> Median:
    """Return the median of durations that are counted by whole hours; of an even number, the lower of the two in the middle."""
    number = sum(counted.values())
    middle, passed = (number + 1) // 2, 0
    for hours in sorted(counted):
        passed += counted[hours]
        if number and passed >= middle:
            return Median(hours, number)
    return Median(None, 0)


@dataclass(frozen=True)
class Week:
    """What came up and what was closed in the week that begins on a Monday."""

    monday: date
    found: int = 0
    closed: int = 0


def mondays(*, on: date, weeks: int) -> tuple[date, ...]:
    """Return the Mondays of the last so many weeks, the one of a day's own week last."""
    last = on - timedelta(days=on.weekday())
    return tuple(last - timedelta(weeks=n) for n in range(weeks - 1, -1, -1))


# --- the picture of the weeks ------------------------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, FOOT, HEAD = 640, 220, 34, 26, 10


@dataclass(frozen=True)
class Bar:
    """One bar of a picture, in its own units, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    number: int


@dataclass(frozen=True)
class Chart:
    """A picture of two series by week: their bars, the lines of the scale, and where each week's name stands."""

    found: tuple[Bar, ...]
    closed: tuple[Bar, ...]
    lines: tuple[tuple[float, int], ...]
    names: tuple[tuple[float, date], ...]


def steps(most: int) -> tuple[int, ...]:
    """Return at most five even numbers for a scale from nought to at least a number."""
    size = 1
    while most > size * 4:
        size = size * 2 if str(size)[0] in "15" else size * 5 // 2
    return tuple(range(0, max(-(-most // size), 1) * size + 1, size))


def chart(weeks: Sequence[Week]) -> Chart:
    """Return the picture of some weeks: two bars each, found and closed, on one scale; names stand where there is room."""
    scale = steps(max((max(w.found, w.closed) for w in weeks), default=0))
    ground, high = HEIGHT - FOOT, HEIGHT - FOOT - HEAD
    slot = (WIDTH - LEFT) / max(len(weeks), 1)
    bar = slot * 0.36

    def up(number: int) -> float:
        return round(high * number / scale[-1], 1)

    def bars(numbers: Iterable[int], shift: float) -> tuple[Bar, ...]:
        return tuple(
            Bar(round(LEFT + slot * n + shift, 1), round(ground - up(number), 1), round(bar, 1), up(number), number)
            for n, number in enumerate(numbers)
        )

    every = -(-len(weeks) // 7)
    return Chart(
        found=bars((w.found for w in weeks), slot * 0.12),
        closed=bars((w.closed for w in weeks), slot * 0.12 + bar + slot * 0.04),
        lines=tuple((round(ground - up(n), 1), n) for n in scale),
        names=tuple(
            (round(LEFT + slot * (n + 0.5), 1), week.monday) for n, week in enumerate(weeks) if (len(weeks) - 1 - n) % every == 0
        ),
    )


# --- the week in words -------------------------------------------------------------------------------------------------


class Turn(StrEnum):
    """What became of a line."""

    NEW = "new"
    REPLACED = "replaced"
    REVISED = "revised"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Turn.NEW: N_("New line"),
            Turn.REPLACED: N_("Takes the place of an earlier line"),
            Turn.REVISED: N_("Revised"),
            Turn.WITHDRAWN: N_("Withdrawn"),
            Turn.EXPIRED: N_("Has run out"),
            Turn.SUPERSEDED: N_("Superseded"),
        }[self]


MOVED = N_("The stance moved from “%(before)s” to “%(after)s”.")


@dataclass(frozen=True)
class Line:
    """A line that changed, what became of it, and the stance that it had before if that moved."""

    entry: Entry
    turn: Turn
    before: Stance | None = None
    after: Stance | None = None

    @property
    def moved(self) -> tuple[str, dict[str, str]] | None:
        """Return in words how the stance moved (the stances are words of their own), or None."""
        if self.before is None or self.after is None or self.before is self.after:
            return None
        return MOVED, {"before": self.before.label, "after": self.after.label}

    def said(self, t: Callable[[Any], str]) -> str:
        """Return how the stance moved in a sentence, or nothing; `t` translates."""
        if self.moved is None:
            return ""
        sentence, values = self.moved
        return t((sentence, {name: t(word).lower() for name, word in values.items()}))


@dataclass(frozen=True)
class Change:
    """What changed in the week up to a day, counted over what one reader sees: plain facts, the worst and the nearest first.

    The numbers cover everything; `clashes`, `closed`, `events` and `lines` hold as many as a page or a mail lists.
    """

    since: date
    on: date
    found: Mapping[Severity, int] = field(default_factory=dict)
    settled: int = 0
    dismissed: int = 0
    changed: int = 0
    ended: int = 0
    near: int = 0
    waiting: int = 0
    """Clashes that nobody has acknowledged, old ones too."""
    clashes: tuple[Pair, ...] = ()
    closed: tuple[Pair, ...] = ()
    lines: tuple[Line, ...] = ()
    events: tuple[Coming, ...] = ()

    @property
    def new(self) -> int:
        """Return how many clashes are new."""
        return sum(self.found.values())

    @property
    def is_quiet(self) -> bool:
        """Say whether nothing changed and nothing comes."""
        return not (self.new or self.settled or self.dismissed or self.changed or self.ended or self.near)

    @property
    def level(self) -> int:
        """Return the highest level of what is listed."""
        pairs = (p.level for p in (*self.clashes, *self.closed))
        return max((*pairs, *(line.entry.level for line in self.lines)), default=0)

    @property
    def clauses(self) -> tuple[Said, ...]:
        """Return the parts of the one sentence, each a sentence's piece with its values; a quiet week has one."""
        if self.is_quiet:
            return (QUIET,)
        worst = next((s for s in WORST_FIRST if self.found.get(s)), None)
        found = [_some(self.new, ONE_NEW, NEW_ONES) if self.new else NONE_NEW]
        if worst in {Severity.CRITICAL, Severity.HIGH}:
            found.append(_some(self.found[worst], *OF_THEM[worst]))
        closed = [_some(n, *words) for n, words in ((self.settled, SETTLED), (self.dismissed, DISMISSED)) if n]
        lines = [_some(n, *words) for n, words in ((self.changed, LINES), (self.ended, LINES_ENDED)) if n]
        return (*found, *closed, *lines, *([_some(self.near, *EVENTS)] if self.near else []))


def _some(number: int, one: str, many: str) -> Said:
    return (one, {}) if number == 1 else (many, {"n": number})


QUIET = N_("nothing new, nothing closed, no event near")
NONE_NEW = N_("no new clash")
ONE_NEW, NEW_ONES = N_("one new clash"), N_("%(n)s new clashes")
OF_THEM = {
    Severity.CRITICAL: (N_("one of them critical"), N_("%(n)s of them critical")),
    Severity.HIGH: (N_("one of them high"), N_("%(n)s of them high")),
}
SETTLED = (N_("one settled"), N_("%(n)s settled"))
DISMISSED = (N_("one dismissed"), N_("%(n)s dismissed"))
LINES = (N_("one line new or revised"), N_("%(n)s lines new or revised"))
LINES_ENDED = (N_("one line ended"), N_("%(n)s lines ended"))
EVENTS = (N_("one event within two weeks"), N_("%(n)s events within two weeks"))
SINCE = N_("Since %(day)s: %(what)s.")

WEEK = timedelta(days=7)
COMES_NEAR = timedelta(days=14)


def told(change: Change, *, day: Callable[[date], str], t: Callable[[Any], str]) -> str:
    """Return the week in one sentence; `day` writes a date, `t` translates."""
    return t((SINCE, {"day": day(change.since), "what": ", ".join(t(clause) for clause in change.clauses)}))
