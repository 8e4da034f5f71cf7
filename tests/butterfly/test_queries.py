"""What the database counts of a butterfly is what one would count by hand over what the reader may see."""

from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from coordinator.butterfly import queries
from coordinator.butterfly.rules import Butterfly, ends
from coordinator.dashboard.rules import Cell
from coordinator.db import bind_reader
from coordinator.entries.models import Entry, State
from coordinator.overlaps.models import Overlap
from coordinator.overlaps.queries import CLASHES, OPEN
from coordinator.people.models import Circle, Unit
from tests.dashboard.test_queries import counted

READERS = ["leader", "plain"]


@pytest.fixture
def look(make: Any, session: Any, ministry: Any) -> Any:
    def bound(who: str) -> None:
        bind_reader(session, make.reader(getattr(ministry, who)))

    yield bound
    bind_reader(session, None)


def by_hand(session: Any, found: Butterfly) -> tuple[dict[Any, int], dict[Any, Cell]]:
    """Count the entries of each unit on each topic, and the clashes on and between the topics."""
    circles = {u.id: u.organisation.circle for u in session.scalars(select(Unit).options(joinedload(Unit.organisation)))}
    entries = {e.id: e for e in session.scalars(select(Entry).options(selectinload(Entry.topics), joinedload(Entry.unit)))}
    shown = {w.topic.id for w in (found.middle, *found.wings)}
    held = Counter(
        (t.id, e.unit.short_name)
        for e in entries.values()
        for t in e.topics
        if t.id in shown and e.state is State.RELEASED and circles[e.unit_id] is Circle.MINISTRY
    )
    clashes: defaultdict[Any, Cell] = defaultdict(Cell)
    for overlap in session.scalars(select(Overlap)):
        if overlap.kind in CLASHES and overlap.current and overlap.state in OPEN:
            low, high = ({t.id for t in entries[i].topics} & shown for i in (overlap.low_id, overlap.high_id))
            for key in {ends(a, b) for a in low for b in high}:
                clashes[key] += Cell(1, overlap.rank)
    return dict(held), dict(clashes)


def test_a_butterfly_is_what_one_would_count_by_hand(session, make, ministry, look):
    seen = []
    for who in READERS:
        look(who)
        total = 0
        for topic in (ministry.middle, ministry.basket, *ministry.topics):
            found = queries.butterfly(session, topic.id, on=make.today)
            held, clashes = by_hand(session, found)
            wings = (found.middle, *found.wings)
            assert {(w.topic.id, h.short_name): h.number for w in wings for h in w.holders if h.number} == held, topic.name
            assert found.clashes == clashes, topic.name
            total += sum(held.values()) + sum(cell.number for cell in clashes.values())
        seen.append(total)
    assert min(seen) > 50
    assert seen[0] != seen[1], "otherwise this proves nothing about who sees what"


def test_the_wings_are_what_it_touches_and_what_lies_within_it(session, make, ministry, look):
    look("leader")
    found = queries.butterfly(session, ministry.middle.id, on=make.today)
    names = [(w.topic.name, w.way.value) for w in found.wings if w.way]
    related = sorted([*(t.name for t in ministry.topics), "Quantum"])
    assert names == [*((name, "touches") for name in related), ("Cable repair", "within")]
    assert [w.topic.name for w in found.uncovered] == ["Quantum", "Cable repair"]
    basket = queries.butterfly(session, ministry.basket.id, on=make.today)
    assert {w.topic.name for w in basket.wings} == {"Data topic 0", "Data topic 1"}


def test_who_leads_covers_a_wing_and_who_did_or_will_does_not(session, make, ministry, look):
    east, day = ministry.units["East"], timedelta(days=1)
    make.equity(east, ministry.bare, "lead", until_on=make.today - day)
    make.equity(east, ministry.bare, "lead", from_on=make.today + day)
    look("leader")
    assert "Quantum" in [w.topic.name for w in queries.butterfly(session, ministry.middle.id, on=make.today).uncovered]
    make.equity(ministry.units["West"], ministry.bare, "co_lead")
    look("leader")
    found = queries.butterfly(session, ministry.middle.id, on=make.today)
    assert [w.topic.name for w in found.uncovered] == ["Cable repair"]
    quantum = next(w for w in found.wings if w.topic.name == "Quantum")
    assert [h.short_name for h in quantum.leads] == ["WEST"]


def test_a_wing_is_covered_by_what_lies_within_it(session, make, ministry, look):
    inner = make.topic("Quantum sensing", broader=(ministry.bare,))
    make.equity(ministry.units["West"], inner, "lead")
    look("leader")
    found = queries.butterfly(session, ministry.middle.id, on=make.today)
    quantum = next(w for w in found.wings if w.topic.name == "Quantum")
    assert (quantum.is_covered, quantum.covered_within, quantum.entries) == (True, True, 0)


def test_what_outsiders_say_covers_nothing(session, make, ministry, look):
    make.position(by=ministry.officers["Firm"], topic=ministry.bare, level=0, audience=frozenset({"circle:ministry"}))
    look("leader")
    assert "Quantum" in [w.topic.name for w in queries.butterfly(session, ministry.middle.id, on=make.today).uncovered]


def test_the_list_agrees_with_each_butterfly(session, make, ministry, look):
    for who in READERS:
        look(who)
        listed = queries.every(session, on=make.today)
        assert ministry.middle.name in {o.topic.name for o in listed}
        for outline in listed:
            found = queries.butterfly(session, outline.topic.id, on=make.today)
            assert {w.name for w in outline.wings} == {w.topic.name for w in found.wings}
            assert {w.name for w in outline.uncovered} == {w.topic.name for w in found.uncovered}


def test_the_number_of_statements_is_the_same_however_much_there_is(session, make, ministry, look):
    numbers = set()
    for who in READERS:
        for topic in (ministry.middle, ministry.basket, ministry.bare):
            look(who)
            numbers.add(counted(lambda topic=topic: queries.butterfly(session, topic.id, on=make.today)))
    assert len(numbers) == 1
    look("leader")
    assert counted(lambda: queries.every(session, on=make.today)) < 6
