"""Who waits for whom is what one would count by hand over what the reader may see."""

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from coordinator.dashboard.rules import Cell
from coordinator.db import bind_reader, transaction
from coordinator.entries.models import Entry, Kind, State
from coordinator.overlaps import actions as overlaps
from coordinator.overlaps import queries as overlap_queries
from coordinator.overlaps.models import Outcome, Overlap
from coordinator.overlaps.queries import CLASHES, OPEN
from coordinator.waits import queries
from coordinator.waits.rules import Owed
from tests.dashboard.test_queries import counted

READERS = ["leader", "plain"]


@pytest.fixture
def look(make: Any, session: Any, ministry: Any) -> Any:
    propose(make, session, ministry)

    def bound(who: str) -> None:
        bind_reader(session, make.reader(getattr(ministry, who)))

    yield bound
    bind_reader(session, None)


def propose(make: Any, session: Any, ministry: Any) -> None:
    """Let a unit propose to settle what is severe: the other one has to answer."""
    for name in ("East", "West one"):
        by = make.act_as(ministry.officers[name])
        for overlap in session.scalars(overlap_queries.with_company().where(Overlap.rank <= 1).order_by(Overlap.id)).all():
            asked = {s.unit_id for s in overlap.sides if s.asked}
            if by.unit_id in asked and len(asked) == 2 and overlap.current and overlap.closed_as is None:
                with transaction(session):
                    overlaps.settle(session, overlap, statement="One line.", outcome=Outcome.JOINT_LINE, by=by, at=make.at)
                break
        bind_reader(session, None)


def seen(session: Any, unit_id: int | None) -> list[Overlap]:
    every = session.scalars(select(Overlap).options(selectinload(Overlap.sides))).all()
    ends = [(o, {o.low_unit_id, o.high_unit_id}) for o in every if o.kind in CLASHES and o.current and o.state in OPEN]
    return [o for o, units in ends if unit_id is None or unit_id in units]


def by_hand(overlaps_seen: list[Overlap]) -> dict[tuple[int, int, Owed], tuple[Cell, Any]]:
    found: dict[tuple[int, int, Owed], tuple[Cell, Any]] = {}

    def note(key: Any, rank: int, since: Any) -> None:
        cell, before = found.get(key, (Cell(), since))
        found[key] = cell + Cell(1, rank), min(since, before)

    for o in overlaps_seen:
        for side in o.sides:
            other = o.high_unit_id if side.unit_id == o.low_unit_id else o.low_unit_id
            theirs = next((s for s in o.sides if s.unit_id != side.unit_id), None)
            if side.asked and side.acknowledged_at is None:
                note((side.unit_id, other, Owed.ACKNOWLEDGEMENT), o.rank, o.open_since)
            if side.asked and side.closing is None and theirs is not None and theirs.closing is not None:
                note((side.unit_id, other, Owed.ANSWER), o.rank, theirs.closing_at)
    return found


def test_who_waits_for_whom_is_what_one_would_count_by_hand(session, make, ministry, look):
    owed: Counter[Owed] = Counter()
    for who in READERS:
        look(who)
        for unit in (None, *ministry.units.values()):
            unit_id = unit.id if unit else None
            found = queries.waits(session, unit_id=unit_id)
            assert {(w.silent_id, w.waiting_id, w.owed): (w.cell, w.since) for w in found} == by_hand(seen(session, unit_id))
            owed.update(w.owed for w in found)
    assert min(owed[o] for o in Owed) > 1


def test_the_clashes_of_units_are_what_one_would_count_by_hand(session, make, ministry, look):
    totals = []
    for who in READERS:
        look(who)
        every = Counter(u for o in seen(session, None) for u in (o.low_unit_id, o.high_unit_id))
        assert {i: c.number for i, c in queries.clashes(session).items()} == every
        for unit in ministry.units.values():
            mine = seen(session, unit.id)
            others = Counter(o.high_unit_id if o.low_unit_id == unit.id else o.low_unit_id for o in mine)
            found = queries.clashes(session, unit_id=unit.id)
            assert {i: c.number for i, c in found.items()} == others
            assert min((c.rank for c in found.values()), default=9) == min((o.rank for o in mine), default=9)
        totals.append(every.total())
    assert totals[0] != totals[1]


def test_the_topics_of_a_unit_are_what_one_would_count_by_hand(session, make, ministry, look):
    make.equity(ministry.units["East one"], ministry.bare, "lead")
    for who in READERS:
        look(who)
        entries = {e.id: e for e in session.scalars(select(Entry).options(selectinload(Entry.topics)))}
        for name, unit in ministry.units.items():
            if name in {"Agency", "Firm"}:
                continue
            held = [e for e in entries.values() if e.unit_id == unit.id and e.kind is Kind.POSITION and e.state is State.RELEASED]
            lines = Counter(t.name for e in held for t in e.topics)
            both = Counter(
                name
                for o in seen(session, unit.id)
                for name in {t.name for t in entries[o.low_id].topics} & {t.name for t in entries[o.high_id].topics}
            )
            found, level = queries.topics(session, unit.id, on=make.today)
            assert {t.name: t.positions for t in found if t.positions} == lines
            assert {t.name: t.clashes.number for t in found if t.clashes.number} == both
            assert level == max((e.level for e in held), default=None)
            assert {t.name for t in found if t.stake} == ({"Quantum"} if name == "East one" else set())


def test_the_number_of_statements_is_the_same_however_much_there_is(session, make, ministry, look):
    for ask in (
        lambda unit: queries.waits(session, unit_id=unit.id),
        lambda unit: queries.clashes(session, unit_id=unit.id),
        lambda unit: queries.topics(session, unit.id, on=make.today),
    ):
        numbers = set()
        for who in READERS:
            for name in ("East", "Office", "West one"):
                look(who)
                numbers.add(counted(lambda ask=ask, name=name: ask(ministry.units[name])))
        assert len(numbers) == 1
