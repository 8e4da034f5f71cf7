"""What a butterfly is made of, which of its wings nobody covers, and where each part of its picture stands."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from coordinator.dashboard.rules import EMPTY, Cell
from coordinator.errors import N_
from coordinator.topics.models import Stake
from coordinator.topics.rules import LEADING

FEWEST_WINGS = 2
"""What has fewer wings is no cross-cutting topic."""
MOST_UNITS = 24
"""So many units are named with the number of their entries; the list of entries tells of all."""


class Way(StrEnum):
    """How a wing hangs on the topic in the middle."""

    TOUCHES = "touches"
    WITHIN = "within"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {Way.TOUCHES: N_("Related"), Way.WITHIN: N_("Lies within it")}[self]


@dataclass(frozen=True)
class Subject:
    """A topic: as much of it as a butterfly needs."""

    id: int
    ref: str
    name: str
    umbrella: bool = False


@dataclass(frozen=True)
class Holder:
    """A unit that is on a topic: by a stake, by current entries, or by both."""

    ref: str
    short_name: str
    name: str
    stake: Stake | None = None
    number: int = 0
    """How many current entries of it on the topic the reader sees."""

    @property
    def leads(self) -> bool:
        """Say whether it leads, alone or with another."""
        return self.stake in LEADING


@dataclass(frozen=True)
class Wing:
    """A topic of a butterfly and who is on it; the one in the middle hangs on nothing."""

    topic: Subject
    way: Way | None = None
    holders: tuple[Holder, ...] = ()
    covered_within: bool = False
    """Nobody is on it itself, but somebody is on what lies within it."""

    @property
    def entries(self) -> int:
        """Return how many current entries there are; each belongs to one unit."""
        return sum(h.number for h in self.holders)

    @property
    def leads(self) -> tuple[Holder, ...]:
        """Return the units that lead."""
        return tuple(h for h in self.holders if h.leads)

    @property
    def consulted(self) -> tuple[Holder, ...]:
        """Return the units with another stake."""
        return tuple(h for h in self.holders if h.stake is not None and not h.leads)

    @property
    def working(self) -> tuple[Holder, ...]:
        """Return the units with current entries."""
        return tuple(h for h in self.holders if h.number)

    @property
    def shown(self) -> tuple[Holder, ...]:
        """Return the units with current entries that are named, those with a stake and those with most first."""
        return self.working[:MOST_UNITS]

    @property
    def unshown(self) -> int:
        """Return how many more units have current entries."""
        return len(self.working[MOST_UNITS:])

    @property
    def is_covered(self) -> bool:
        """Say whether a unit covers it: it leads, or it has something current on it or on what lies within it.

        Whoever only must be asked, or is informed, does not cover it. An umbrella needs nobody.
        """
        return bool(self.topic.umbrella or self.leads or self.entries or self.covered_within)


def in_order(holders: Iterable[Holder]) -> tuple[Holder, ...]:
    """Return units by how much say they have, then by how much they do."""
    stakes = list(Stake)

    def place(holder: Holder) -> tuple[int, int, str]:
        return (len(stakes) if holder.stake is None else stakes.index(holder.stake), -holder.number, holder.short_name)

    return tuple(sorted(holders, key=place))


def reached(topic_ids: Iterable[int], edges: Mapping[int, Iterable[int]]) -> set[int]:
    """Return some topics and all to which edges lead on from them: all within which they lie, or all that lies within them."""
    waiting, seen = list(topic_ids), set[int]()
    while waiting:
        here = waiting.pop()
        if here not in seen:
            seen.add(here)
            waiting.extend(edges.get(here, ()))
    return seen


Ends = tuple[int, int]
"""The ids of two topics, the lower first; the same twice for what lies on one topic alone."""


def ends(one: int, other: int) -> Ends:
    """Return two topics in the order in which a butterfly keeps them."""
    return (one, other) if one <= other else (other, one)


@dataclass(frozen=True)
class Butterfly:
    """A topic, its wings, and the clashes that are not closed: on each, along each, and between two of them."""

    middle: Wing
    wings: tuple[Wing, ...]
    clashes: Mapping[Ends, Cell] = field(default_factory=dict)
    level: int | None = None
    """The highest level of what is counted, None if nothing is."""

    @property
    def uncovered(self) -> tuple[Wing, ...]:
        """Return the wings that no unit covers."""
        return tuple(w for w in self.wings if not w.is_covered)

    def on(self, wing: Wing) -> Cell:
        """Return the clashes of which both ends are on a topic."""
        return self.clashes.get(ends(wing.topic.id, wing.topic.id), EMPTY)

    def along(self, wing: Wing) -> Cell:
        """Return the clashes with one end in the middle and the other on a wing."""
        return self.clashes.get(ends(self.middle.topic.id, wing.topic.id), EMPTY)

    @property
    def between(self) -> tuple[tuple[Wing, Wing, Cell], ...]:
        """Return the pairs of wings with clashes between them, the worst first, then the most."""
        pairs = [(a, b) for n, a in enumerate(self.wings) for b in self.wings[n + 1 :]]
        found = [(a, b, self.clashes[key]) for a, b in pairs if (key := ends(a.topic.id, b.topic.id)) in self.clashes]
        return tuple(sorted(found, key=lambda f: (f[2].rank if f[2].rank is not None else 99, -f[2].number)))


@dataclass(frozen=True)
class Outline:
    """A butterfly in a list: its topic, its wings, and those that no unit covers."""

    topic: Subject
    wings: tuple[Subject, ...]
    uncovered: tuple[Subject, ...]


def outlines(subjects: Sequence[Subject], wings: Mapping[int, Iterable[int]], covered: set[int]) -> tuple[Outline, ...]:
    """Return the cross-cutting topics, those with most wings that nobody covers first, then by name."""
    by_id = {s.id: s for s in subjects}
    place = {s.id: n for n, s in enumerate(subjects)}
    found = []
    for subject in subjects:
        own = tuple(by_id[i] for i in sorted((i for i in set(wings.get(subject.id, ())) if i in by_id), key=place.__getitem__))
        if len(own) >= FEWEST_WINGS:
            found.append(Outline(subject, own, tuple(w for w in own if not w.umbrella and w.id not in covered)))
    return tuple(sorted(found, key=lambda o: (-len(o.uncovered), place[o.topic.id])))


# --- the picture -------------------------------------------------------------------------------------------------------

WIDTH, PAD = 1156, 12
BOX, BOX_HIGH, ROW = 250, 88, 104
LEFT, RIGHT = 144, WIDTH - 144 - BOX
"""Where the boxes of either side begin; beyond them bows join wings of the same side."""
MIDDLE, MIDDLE_WIDE, MIDDLE_HIGH = WIDTH / 2, 172, 118
MARK, MARK_WIDE = 24, 46
SLOT, MOST_CROSSING = 30, 12
LANES, FIRST_LANE, LANE = 3, 26, 47
MOST_WINGS = 24
"""As many wings as a picture holds and can still be read; the table has them all."""
NAME, SMALL = 29, 34
"""How many letters fit in a line of a box."""


@dataclass(frozen=True)
class Box:
    """A topic as it is drawn: its frame, its name in lines that fit, and the units in short."""

    wing: Wing
    x: float
    y: float
    wide: float
    high: float
    name: tuple[str, ...]
    leads: str
    working: str

    @property
    def middle(self) -> float:
        """Return the height of its middle."""
        return self.y + self.high / 2


@dataclass(frozen=True)
class Mark:
    """A number of clashes as it is drawn: its middle, and the topics at both ends."""

    x: float
    y: float
    cell: Cell
    ends: Ends


@dataclass(frozen=True)
class Stroke:
    """A line between two topics, with the mark on it if something clashes along it."""

    path: str
    way: Way | None = None
    """Of a line from the middle to a wing; a line between two wings has none."""
    mark: Mark | None = None


@dataclass(frozen=True)
class Picture:
    """A butterfly drawn: the boxes, the lines from the middle, those between wings, and how much did not fit."""

    high: float
    middle: Box
    boxes: tuple[Box, ...]
    strokes: tuple[Stroke, ...]
    between: tuple[Stroke, ...]
    marks: tuple[Mark, ...]
    """Of what clashes on one topic alone."""
    left_out: int = 0
    """Wings that are only in the table."""
    undrawn: int = 0
    """Pairs of wings that are only in the table."""


def picture(found: Butterfly) -> Picture:
    """Return where each part of a butterfly stands: one half of the wings left of the topic, the other half right of it."""
    wings = found.wings[:MOST_WINGS]
    half = (len(wings) + 1) // 2
    sides = wings[:half], wings[half:]
    side = {w.topic.id: n for n, ws in enumerate(sides) for w in ws}
    pairs = [p for p in found.between if p[0].topic.id in side and p[1].topic.id in side]
    crossing = [p for p in pairs if side[p[0].topic.id] != side[p[1].topic.id]][:MOST_CROSSING]
    column = half * ROW - (ROW - BOX_HIGH)
    high = 2 * PAD + max(column, MIDDLE_HIGH + 2 * SLOT * -(-(len(crossing) + 1) // 2))
    boxes = {w.topic.id: box for n, ws in enumerate(sides) for w, box in zip(ws, _column(ws, n, high), strict=True)}
    middle = _box(found.middle, MIDDLE - MIDDLE_WIDE / 2, (high - MIDDLE_HIGH) / 2, MIDDLE_WIDE, MIDDLE_HIGH, letters=20, lines=3)
    strokes = [_from_middle(found, middle, boxes[w.topic.id], side=side[w.topic.id]) for w in wings]
    drawn = [_across(boxes, pair, n, high) for n, pair in enumerate(crossing)]
    for n in range(2):
        drawn += _bows(boxes, [p for p in pairs if side[p[0].topic.id] == side[p[1].topic.id] == n], side=n)
    own = [
        Mark(box.x + box.wide - MARK_WIDE / 2 - 8, box.y + box.high - MARK / 2 - 7, cell, ends(wing.topic.id, wing.topic.id))
        for box in (middle, *boxes.values())
        for wing in [box.wing]
        if (cell := found.on(wing)).number
    ]
    return Picture(
        high,
        middle,
        tuple(boxes.values()),
        tuple(strokes),
        tuple(drawn),
        tuple(own),
        left_out=len(found.wings) - len(wings),
        undrawn=len(found.between) - len(drawn),
    )


def _column(wings: Sequence[Wing], side: int, high: float) -> list[Box]:
    top = (high - (len(wings) * ROW - (ROW - BOX_HIGH))) / 2
    return [_box(w, (LEFT, RIGHT)[side], top + n * ROW, BOX, BOX_HIGH, letters=NAME, lines=2) for n, w in enumerate(wings)]


def _box(wing: Wing, x: float, y: float, wide: float, high: float, *, letters: int, lines: int) -> Box:
    small = int(letters * SMALL / NAME)
    return Box(
        wing,
        x,
        round(y, 1),
        wide,
        high,
        broken(wing.topic.name, letters, lines),
        fitted([h.short_name for h in wing.leads], small - 6),
        fitted([f"{h.short_name} {h.number}" for h in wing.working], small - 8),
    )


def _from_middle(found: Butterfly, middle: Box, box: Box, *, side: int) -> Stroke:
    start = middle.x if side == 0 else middle.x + middle.wide
    end = box.x + box.wide if side == 0 else box.x
    bend = (start + end) / 2
    y, centre = round(box.middle, 1), round(middle.middle, 1)
    cell = found.along(box.wing)
    out = 1 if side == 0 else -1
    mark = Mark(end + out * (MARK_WIDE / 2 + 6), y, cell, ends(found.middle.topic.id, box.wing.topic.id)) if cell.number else None
    return Stroke(f"M{start} {centre}C{bend} {centre} {bend} {y} {end} {y}", box.wing.way, mark)


def _across(boxes: Mapping[int, Box], pair: tuple[Wing, Wing, Cell], number: int, high: float) -> Stroke:
    """Return a line between wings of either side: it passes above or below the middle, each in a place of its own."""
    left, right = sorted((boxes[w.topic.id] for w in pair[:2]), key=lambda b: b.x)
    away = MIDDLE_HIGH / 2 + SLOT * (number // 2) + SLOT * 2 / 3
    y = round(high / 2 + (away if number % 2 else -away), 1)
    start, end = left.x + left.wide, right.x
    one, other = round(left.middle + BOX_HIGH / 4, 1), round(right.middle + BOX_HIGH / 4, 1)
    bend = (MIDDLE - start) / 2
    path = f"M{start} {one}C{start + bend} {one} {MIDDLE - bend} {y} {MIDDLE} {y}S{end - bend} {other} {end} {other}"
    return Stroke(path, None, Mark(MIDDLE, y, pair[2], ends(pair[0].topic.id, pair[1].topic.id)))


def _bows(boxes: Mapping[int, Box], pairs: Sequence[tuple[Wing, Wing, Cell]], *, side: int) -> list[Stroke]:
    """Return the lines between wings of one side, outside of it, as many as find a lane of their own; the worst first."""
    lanes: list[list[tuple[float, float]]] = [[] for _ in range(LANES)]
    found = []
    for one, other, cell in pairs:
        top, foot = sorted((boxes[one.topic.id].middle, boxes[other.topic.id].middle))
        lane = next((n for n, taken in enumerate(lanes) if all(foot <= a or b <= top for a, b in taken)), None)
        if lane is None:
            continue
        lanes[lane].append((top, foot))
        edge, out = (LEFT, -1) if side == 0 else (RIGHT + BOX, 1)
        apex = edge + out * (FIRST_LANE + LANE * lane)
        bend = round(edge + (apex - edge) * 4 / 3, 1)  # the middle of such a bow lies three quarters of the way out
        mark = Mark(apex, round((top + foot) / 2, 1), cell, ends(one.topic.id, other.topic.id))
        found.append(Stroke(f"M{edge} {top}C{bend} {top} {bend} {foot} {edge} {foot}", None, mark))
    return found


def _wide(text: str) -> int:
    """Return how much room a text takes, in letters: some scripts take two for each."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def broken(text: str, letters: int, lines: int) -> tuple[str, ...]:
    """Return a text in at most so many lines of so many letters; what does not fit ends in an ellipsis."""
    found: list[str] = []
    for word in text.split():
        if found and _wide(f"{found[-1]} {word}") <= letters:
            found[-1] += f" {word}"
        else:
            found.append(word)
    shown = found[:lines]
    if len(found) > lines:
        shown[-1] += f" {found[lines]}"
    return tuple(_cut(line, letters, more=len(found) > lines and n == lines - 1) for n, line in enumerate(shown))


def _cut(text: str, letters: int, *, more: bool = False) -> str:
    if _wide(text) <= letters and not more:
        return text
    while text and _wide(text) > letters - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def fitted(parts: Sequence[str], letters: int) -> str:
    """Return as many parts as fit, and how many more there are."""
    for shown in range(min(len(parts), letters), 0, -1):  # each takes a letter at least
        text = ", ".join(parts[:shown]) + (f" +{len(parts) - shown}" if shown < len(parts) else "")
        if _wide(text) <= letters or shown == 1:
            return _cut(text, letters)
    return ""
