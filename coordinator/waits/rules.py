"""What one unit owes another, how a unit stands on its topics, and who may look at which unit."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from coordinator.agenda.rules import ANSWERS, Coordination, coordination
from coordinator.dashboard.rules import EMPTY, Cell
from coordinator.errors import N_
from coordinator.people.models import Person, Role
from coordinator.topics.models import Stake
from coordinator.worklist.rules import sees_all


class Owed(StrEnum):
    """What is waited for."""

    ACKNOWLEDGEMENT = "acknowledgement"
    ANSWER = "answer"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {Owed.ACKNOWLEDGEMENT: N_("to acknowledge"), Owed.ANSWER: N_("to answer a proposal to close")}[self]


@dataclass(frozen=True)
class Wait:
    """How many clashes one unit waits for another to move on, and since when the longest of them."""

    silent_id: int
    """The unit whose move it is."""
    waiting_id: int
    owed: Owed
    cell: Cell
    since: datetime


@dataclass(frozen=True)
class Owing:
    """What is waited for, summed up: how much, the worst of it, and since when."""

    cell: Cell = EMPTY
    since: datetime | None = None

    def __add__(self, wait: Wait) -> "Owing":
        return Owing(self.cell + wait.cell, min(wait.since, self.since or wait.since))


NOTHING = Owing()


@dataclass(frozen=True)
class Between:
    """What is open between one unit and another: the clashes, what the other owes, and what the unit itself owes."""

    other_id: int
    clashes: Cell
    owes: dict[Owed, Owing]
    owed: dict[Owed, Owing]

    @property
    def since(self) -> datetime | None:
        """Return since when the longest of it waits."""
        moments = [o.since for o in (*self.owes.values(), *self.owed.values()) if o.since is not None]
        return min(moments, default=None)


def between(unit_id: int, clashes: dict[int, Cell], waits: Iterable[Wait]) -> tuple[Between, ...]:
    """Return what is open between a unit and each other one; what has waited longest first, then the worst, then the most."""
    owes: defaultdict[int, dict[Owed, Owing]] = defaultdict(dict)
    owed: defaultdict[int, dict[Owed, Owing]] = defaultdict(dict)
    for wait in waits:
        if unit_id == wait.waiting_id:
            owes[wait.silent_id][wait.owed] = owes[wait.silent_id].get(wait.owed, NOTHING) + wait
        elif unit_id == wait.silent_id:
            owed[wait.waiting_id][wait.owed] = owed[wait.waiting_id].get(wait.owed, NOTHING) + wait
    found = [Between(i, clashes.get(i, EMPTY), owes[i], owed[i]) for i in {*clashes, *owes, *owed}]

    def place(row: Between) -> tuple[bool, float, int, int, int]:
        rank = row.clashes.rank if row.clashes.rank is not None else 99
        return row.since is None, row.since.timestamp() if row.since else 0, rank, -row.clashes.number, row.other_id

    return tuple(sorted(found, key=place))


@dataclass(frozen=True)
class Standing:
    """How a unit stands among all: its clashes, and what it owes."""

    unit_id: int
    clashes: Cell
    owes: Mapping[Owed, Owing]


def standings(clashes: Mapping[int, Cell], owes: Mapping[int, Mapping[Owed, Owing]]) -> tuple[Standing, ...]:
    """Return how each unit stands; who has owed something longest first, then by clashes."""
    found = [Standing(i, clashes.get(i, EMPTY), owes.get(i, {})) for i in {*clashes, *owes}]

    def place(row: Standing) -> tuple[bool, float, int, int]:
        moments = [o.since.timestamp() for o in row.owes.values() if o.since]
        return not moments, min(moments, default=0), -row.clashes.number, row.unit_id

    return tuple(sorted(found, key=place))


@dataclass(frozen=True)
class OnTopic:
    """How a unit stands on one topic: its stake, its current positions, what clashes there."""

    ref: str
    name: str
    stake: Stake | None
    positions: int
    clashes: Cell

    @property
    def state(self) -> Coordination | None:
        """Return the one word for it; who is only informed, or has no stake and no line, owes nothing."""
        if self.stake not in ANSWERS and not self.clashes.number:
            return Coordination.IN_ORDER if self.positions else None
        return coordination(positions=self.positions, missing=0, unanswered=0, conflicting=self.clashes.number)


def in_order(topics: Iterable[OnTopic]) -> tuple[OnTopic, ...]:
    """Return the topics of a unit: those with the most say first, then by name; those without a stake last."""
    stakes: Sequence[Stake] = list(Stake)
    return tuple(sorted(topics, key=lambda t: (len(stakes) if t.stake is None else stakes.index(t.stake), t.name, t.ref)))


def may_look_at_all(person: Person) -> bool:
    """Coordinators and leadership look at every unit, as far as they see what it has."""
    return sees_all(person.roles)


def may_look(person: Person, unit_id: int, *, below: Collection[int]) -> bool:
    """Everybody looks at the own unit, a releasing officer also at those `below` it, who watches over all at any."""
    heads = Role.RELEASING_OFFICER in person.roles and unit_id in below
    return person.unit_id == unit_id or heads or may_look_at_all(person)
