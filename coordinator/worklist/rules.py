"""What somebody is asked to do, in words, and by when."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from coordinator.entries.models import Entry, State
from coordinator.errors import N_
from coordinator.overlaps.models import FAR, Closing, Overlap, Side
from coordinator.overlaps.rules import sentence
from coordinator.people.models import Person, Role
from coordinator.people.rules import Reader

REVIEW_AHEAD = timedelta(days=14)
ENDED_LINES_STAY = timedelta(days=14)

Said = str | tuple[str, dict[str, Any]]
"""A sentence of the domain, or one with places and what fills them; translated where it is shown."""


class Task(StrEnum):
    """What is asked of a person."""

    ACKNOWLEDGE = "acknowledge"
    ANSWER_CLOSING = "answer_closing"
    REACH_OUT = "reach_out"
    SETTLE = "settle"
    WATCH = "watch"
    RELEASE = "release"
    ANSWER_TOPIC = "answer_topic"
    READ_LINE = "read_line"
    REPLACE_LINE = "replace_line"
    REVIEW = "review"
    FINISH = "finish"
    AWAIT_RELEASE = "await_release"
    PASS_ON = "pass_on"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Task.ACKNOWLEDGE: N_("Acknowledge it for your unit"),
            Task.ANSWER_CLOSING: N_("Answer the other unit's proposal to close it"),
            Task.REACH_OUT: N_("Only your unit sees both: reach out"),
            Task.SETTLE: N_("Settle it with the other unit"),
            Task.WATCH: N_("See whether the two units settle it"),
            Task.RELEASE: N_("Read it, then release it"),
            Task.ANSWER_TOPIC: N_("Take the topic, or leave it"),
            Task.READ_LINE: N_("Read the new version; adhere to it, or leave it"),
            Task.REPLACE_LINE: N_("Log a line of your own, or adhere to another"),
            Task.REVIEW: N_("Confirm or revise it"),
            Task.FINISH: N_("Finish it, or drop it"),
            Task.AWAIT_RELEASE: N_("A releasing officer of your unit has to release it"),
            Task.PASS_ON: N_("This is for that unit to do: see that a colleague there takes it up"),
        }[self]


WATCHERS = frozenset({Role.COORDINATOR, Role.LEADERSHIP})


def sees_all(roles: frozenset[Role]) -> bool:
    """Coordinators and leadership watch over the overlaps of all units, as far as they may see them."""
    return bool(roles & WATCHERS)


def writes(roles: frozenset[Role]) -> bool:
    """Officers and releasing officers answer for their unit."""
    return bool(roles & {Role.OFFICER, Role.RELEASING_OFFICER})


def task_of(overlap: Overlap, unit_id: int | None, *, acts: bool) -> Task:
    """Return what an open overlap asks of a unit's officer, or of somebody who only watches; its sides come with it."""
    own = next((s for s in overlap.sides if s.unit_id == unit_id and s.asked), None)
    if own is None or not acts:
        return Task.WATCH
    other = next((s for s in overlap.sides if s.unit_id != unit_id), None)
    if other is not None and other.closing is not None and own.closing is None:
        return Task.ANSWER_CLOSING
    if own.acknowledged_at is None:
        return Task.ACKNOWLEDGE
    return Task.REACH_OUT if other is not None and not other.asked else Task.SETTLE


def waits(overlap: Overlap, unit_id: int) -> bool:
    """Say whether the next move on an overlap is a unit's."""
    return task_of(overlap, unit_id, acts=True) in {Task.ACKNOWLEDGE, Task.ANSWER_CLOSING}


def proposal(overlap: Overlap, unit_id: int | None) -> Side | None:
    """Return the side on which another unit has said how it would close an overlap, or None."""
    return next((s for s in overlap.sides if s.unit_id != unit_id and s.closing is not None), None)


PROPOSED = {
    Closing.SETTLE: N_("%(unit)s would settle it: “%(why)s”"),
    Closing.DISMISS: N_("%(unit)s would dismiss it: “%(why)s”"),
}


def ends(overlap: Overlap, unit_id: int | None) -> tuple[Entry, Entry]:
    """Return both ends, the unit's own first; for somebody else as they are kept."""
    return (overlap.high, overlap.low) if overlap.high_unit_id == unit_id else (overlap.low, overlap.high)


@dataclass(frozen=True)
class Near:
    """What comes next, and in how many days."""

    name: Said
    days: int


def nearest(overlap: Overlap, *, on: date) -> Near | None:
    """Return the nearest event or milestone of either end that is not over on a day, or None."""
    if overlap.near_on == FAR or overlap.near_on < on:
        return None
    met = (e.event for e in (overlap.low, overlap.high) if e.event is not None and e.event.starts_on == overlap.near_on)
    return Near(next((event.name for event in met), N_("A milestone")), (overlap.near_on - on).days)


def why_review(entry: Entry, *, on: date) -> Said:
    """Say whether the review of an entry is due or overdue; by how much stands beside it."""
    return N_("Its review is overdue.") if entry.review_by is not None and entry.review_by < on else N_("Its review is due.")


ENDED = {
    State.SUPERSEDED: N_("The line that your unit adhered to was superseded."),
    State.WITHDRAWN: N_("The line that your unit adhered to was withdrawn."),
    State.EXPIRED: N_("The line that your unit adhered to has run out."),
}
CHANGED = N_("The line that your unit adheres to was revised after your unit adhered to it.")
OFFERED = N_("Offered for release; not released yet.")
NOT_OFFERED = N_("A draft; only your unit sees it.")
WAITS_FOR_RELEASE = N_("A version waits for a releasing officer of your unit.")
TOPIC_PROPOSED = N_("%(unit)s says that this is also about “%(topic)s”.")


# --- put before a reader -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """An overlap as it is put before a reader: the own end first, why it is one, what to do, what comes next."""

    overlap: Overlap
    mine: Entry
    theirs: Entry
    task: Task
    near: Near | None

    @property
    def link(self) -> tuple[str, str]:
        """Return endpoint and ref of its page."""
        return "overlaps.show", self.overlap.ref

    @property
    def reasons(self) -> list[dict[str, Any]]:
        """Return why it is one; overlaps.rules.sentence puts each in words."""
        return self.overlap.reasons

    @property
    def level(self) -> int:
        """Return the higher level of the two ends."""
        return max(self.mine.level, self.theirs.level)


@dataclass(frozen=True)
class Paper:
    """A position or dossier that asks for something: why, and what to do."""

    entry: Entry
    task: Task
    why: Said
    days: int | None = None

    @property
    def link(self) -> tuple[str, str]:
        """Return endpoint and ref of its page."""
        return link_of(self.entry)

    @property
    def level(self) -> int:
        """Return the level of the entry."""
        return self.entry.level


def link_of(entry: Entry) -> tuple[str, str]:
    """Return endpoint and ref of the page of an entry."""
    return f"{entry.kind.value}s.show", entry.ref


def pair(overlap: Overlap, reader: Reader, *, on: date) -> Pair:
    """Return an overlap as it is put before a reader on a day; its ends and sides come with it."""
    mine, theirs = ends(overlap, reader.unit_id)
    task = task_of(overlap, reader.unit_id, acts=writes(reader.roles))
    return Pair(overlap, mine, theirs, task, nearest(overlap, on=on))


@dataclass(frozen=True)
class StandIn:
    """What waits for a colleague whom somebody stands in for, as far as that deputy sees it; the own list comes first."""

    person: Person
    since: date
    until: date | None
    pairs: tuple[Pair, ...]
    papers: tuple[Paper, ...]
    more_pairs: bool = False
    """There are others, which press less."""

    @property
    def level(self) -> int | None:
        """Return the highest level of what waits, None if nothing does."""
        return max((*(p.level for p in self.pairs), *(p.level for p in self.papers)), default=None)


Waiting = TypeVar("Waiting", "Pair", "Paper")


def passed_on(found: Waiting, deputy: Reader, other: Reader) -> Waiting:
    """Return what waits for a colleague as it is asked of the deputy, who does no more than they may anyway."""
    if deputy.unit_id != other.unit_id or not writes(deputy.roles):
        return replace(found, task=Task.PASS_ON)
    if found.task is Task.RELEASE and Role.RELEASING_OFFICER not in deputy.roles:
        return replace(found, task=Task.AWAIT_RELEASE)
    return found


def voice_of(entry: Entry) -> str | None:
    """Return whose outside voice an entry writes down, or None if it is its unit's own."""
    return entry.on_behalf_of.name if entry.on_behalf_of is not None else None


def shown(found: Pair, *, url: Callable[..., str], t: Any) -> dict[str, Any]:
    """Return what a list shows of an overlap; `url` makes addresses of endpoint and ref, `t` translates."""
    overlap = found.overlap
    asked = [s for s in overlap.sides if s.asked]
    is_open = overlap.current and overlap.closed_as is None
    return {
        "ref": "",
        "url": url(found.link[0], ref=found.link[1]),
        "kind": overlap.kind,
        "severity": overlap.severity,
        "state": overlap.state,
        "mine_title": found.mine.title,
        "mine_unit": found.mine.unit,
        "mine_voice": voice_of(found.mine),
        "mine_url": url(link_of(found.mine)[0], ref=found.mine.ref),
        "theirs_title": found.theirs.title,
        "theirs_unit": found.theirs.unit,
        "theirs_voice": voice_of(found.theirs),
        "theirs_url": url(link_of(found.theirs)[0], ref=found.theirs.ref),
        "reasons": [sentence(r, t) for r in found.reasons[:3]],
        "event": (t(found.near.name), found.near.days) if found.near else None,
        "todo": t(found.task.label) if is_open and found.task is not Task.WATCH else None,
        "acknowledged": [s.unit for s in asked if s.acknowledged_at is not None] if is_open else [],
        "waiting": [s.unit for s in asked if s.acknowledged_at is None] if is_open else [],
    }
