"""What the database counts is what one would count by hand over what the reader may see."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import product
from statistics import median_low
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.orm import joinedload, selectinload

from coordinator.dashboard import queries, rules
from coordinator.dashboard.queries import Scope
from coordinator.db import bind_reader, db
from coordinator.entries.models import Entry, Kind, State
from coordinator.overlaps.models import FAR, Overlap, OverlapState
from coordinator.overlaps.queries import CLASHES, OPEN
from coordinator.people.models import Circle, Unit
from coordinator.people.queries import below
from coordinator.topics.queries import basket

ZONE = "Europe/Vienna"


class Twin:
    """Counts by hand: everything that the reader sees, one by one, and the rules."""

    def __init__(self, session: Any, scope: Scope, rows: Any, *, on: date) -> None:
        self.scope, self.on = scope, on
        self.units = {u.id: u for u in session.scalars(select(Unit).options(joinedload(Unit.organisation)))}
        self.rows = {row.id for row in rows}
        self.overlaps = [o for o in session.scalars(select(Overlap)) if o.kind in CLASHES]
        self.entries = {
            e.id: e for e in session.scalars(select(Entry).options(selectinload(Entry.topics), joinedload(Entry.event)))
        }

    def row(self, unit_id: int) -> int:
        while unit_id not in self.rows:
            unit_id = self.units[unit_id].parent_id
        return unit_id

    def in_forum(self, entry: Entry) -> bool:
        named = entry.forum_id or (entry.event.forum_id if entry.event else None)
        return self.scope.forum_id is None or named == self.scope.forum_id

    def on_basket(self, entry: Entry) -> bool:
        return self.scope.topic_ids is None or any(t.id in self.scope.topic_ids for t in entry.topics)

    def holds(self, overlap: Overlap) -> bool:
        ends = [self.entries[overlap.low_id], self.entries[overlap.high_id]]
        units = {overlap.low_unit_id, overlap.high_unit_id}
        circles = {self.units[u].organisation.circle for u in units}
        scope = self.scope
        return (
            (scope.circle is None or scope.circle in circles)
            and (scope.unit_ids is None or bool(units & scope.unit_ids))
            and all(self.on_basket(e) for e in ends)
            and any(self.in_forum(e) for e in ends)
        )

    def open(self) -> list[Overlap]:
        near = [o for o in self.overlaps if o.current and o.state in OPEN and self.holds(o)]
        return [o for o in near if self.scope.until is None or o.near_on <= self.scope.until]

    def near(self) -> dict[Any, int]:
        def column(day: date) -> rules.Near:
            if day == FAR:
                return rules.Near.UNDATED
            days = (day - self.on).days
            return rules.Near.WEEK if days <= 7 else rules.Near.MONTH if days <= 30 else rules.Near.LATER

        return dict(Counter((o.severity, column(o.near_on)) for o in self.open()))

    def pairs(self) -> dict[Any, rules.Cell]:
        found: defaultdict[Any, rules.Cell] = defaultdict(rules.Cell)
        for o in self.open():
            one, other = self.row(o.low_unit_id), self.row(o.high_unit_id)
            for pair in {(one, other), (other, one)}:
                found[pair] += rules.Cell(1, o.rank)
        return dict(found)

    def worst(self) -> dict[Any, int]:
        found: dict[Any, int] = {}
        for o in self.open():
            topics = {t.id for t in self.entries[o.low_id].topics} & {t.id for t in self.entries[o.high_id].topics}
            for unit in (o.low_unit_id, o.high_unit_id):
                for topic in topics:
                    key = (self.row(unit), topic)
                    found[key] = min(o.rank, found.get(key, o.rank))
        return found

    def lines(self) -> list[Entry]:
        wanted = self.scope.circle or Circle.MINISTRY
        return [
            e
            for e in self.entries.values()
            if e.kind is Kind.POSITION
            and e.state is State.RELEASED
            and self.units[e.unit_id].organisation.circle is wanted
            and (self.scope.unit_ids is None or e.unit_id in self.scope.unit_ids)
            and self.on_basket(e)
            and self.in_forum(e)
        ]


READERS = ["leader", "plain"]


@pytest.fixture
def look(make, session, ministry):
    """Bind the session to a reader of the small ministry; return the reader and the twin of a scope."""

    def bound(who: str, scope: Scope = queries.EVERYTHING, opened: tuple[str, ...] = ()) -> tuple[Any, Any, Twin]:
        reader = make.reader(getattr(ministry, who))
        bind_reader(session, reader)
        rows = rules.nodes(queries.places(session), opened={ministry.units[name].id for name in opened})
        return reader, rows, Twin(session, scope, rows, on=make.today)

    yield bound
    bind_reader(session, None)


def scopes(ministry: Any, session: Any, today: date) -> dict[str, Scope]:
    return {
        "everything": Scope(),
        "ministry": Scope(circle=Circle.MINISTRY),
        "government": Scope(circle=Circle.GOVERNMENT),
        "bureau": Scope(unit_ids=below(session, [ministry.units["East"].id])),
        "basket": Scope(topic_ids=basket(session, ministry.basket.id)),
        "forum": Scope(forum_id=ministry.forums[0].id),
        "period": Scope(until=today + timedelta(days=30)),
        "all of it": Scope(
            circle=Circle.MINISTRY,
            unit_ids=below(session, [ministry.units["East"].id]),
            topic_ids=basket(session, ministry.basket.id),
            forum_id=ministry.forums[0].id,
            until=today + timedelta(days=90),
        ),
    }


def test_what_clashes_is_what_one_would_count_by_hand(session, make, ministry, look):
    seen = 0
    for who, (name, scope) in product(READERS, scopes(ministry, session, make.today).items()):
        for opened in ((), ("East",), ("East two",)):
            _reader, rows, twin = look(who, scope, opened)
            found = queries.clashes(session, scope, rows, on=make.today, oldest=3)
            assert found.near == twin.near(), name
            assert found.pairs == twin.pairs(), name
            assert found.worst == twin.worst(), name
            waiting = [o for o in twin.open() if o.acknowledged_at is None]
            assert found.unacknowledged == len(waiting), name
            assert set(found.oldest) <= {o.id for o in waiting}
            assert len(found.oldest) == min(3, len(waiting))
            assert found.total == len(twin.open())
            seen += found.total
    assert seen > 30


def test_who_is_on_what_is_what_one_would_count_by_hand(session, make, ministry, look):
    seen = 0
    for who, (name, scope) in product(READERS, scopes(ministry, session, make.today).items()):
        for opened in ((), ("East",), ("West",)):
            _reader, rows, twin = look(who, scope, opened)
            found = queries.holdings(session, scope, rows)
            lines = twin.lines()
            wanted = scope.topic_ids
            cells = Counter((twin.row(e.unit_id), t.id) for e in lines for t in e.topics if wanted is None or t.id in wanted)
            assert found.cells == dict(cells), name
            assert found.rows == dict(Counter(twin.row(e.unit_id) for e in lines)), name
            assert found.level == max((e.level for e in lines), default=0), name
            seen += len(lines)
    assert seen > 30


def test_two_readers_see_different_numbers(session, make, ministry, look):
    """Otherwise the tests above would prove nothing about who sees what."""
    totals = []
    for who in (*READERS, "leader"):
        _reader, rows, _twin = look(who)
        totals.append(
            (
                queries.clashes(session, Scope(), rows, on=make.today).total,
                sum(queries.holdings(session, Scope(), rows).rows.values()),
            )
        )
    assert totals[0] == totals[2] != totals[1]


def span(first: date, last: date) -> tuple[datetime, datetime]:
    begin, end = (datetime.combine(d, time(), ZoneInfo(ZONE)) for d in (first, last))
    return begin, end


def test_the_weeks_and_the_medians_are_what_one_would_count_by_hand(session, make, ministry, look):
    scatter(session, make)
    weeks = rules.mondays(on=make.today, weeks=5)
    for who, (name, scope) in product(READERS, scopes(ministry, session, make.today).items()):
        _reader, _rows, twin = look(who, scope)
        found = queries.pace(session, scope, weeks, zone=ZONE)
        held = [o for o in twin.overlaps if twin.holds(o)]
        for week in found.weeks:
            begin, end = span(week.monday, week.monday + timedelta(days=7))
            assert week.found == sum(begin <= o.found_at < end for o in held), name
            assert week.closed == sum(o.closed_at is not None and begin <= o.closed_at < end for o in held), name
        begin, end = span(weeks[0], weeks[-1] + timedelta(days=7))

        def hours(moments: list[tuple[datetime, datetime]]) -> rules.Median:
            taken = [max(0, int((late - early).total_seconds() // 3600)) for late, early in moments]
            return rules.Median(median_low(taken), len(taken)) if taken else rules.Median(None, 0)

        known = [o for o in held if o.acknowledged_at is not None and begin <= o.acknowledged_at < end]
        settled = [o for o in held if o.closed_at is not None and begin <= o.closed_at < end and o.state is OverlapState.SETTLED]
        assert found.acknowledging == hours([(o.acknowledged_at, o.open_since) for o in known]), name
        assert found.settling == hours([(o.closed_at, o.open_since) for o in settled]), name


def scatter(session: Any, make: Any) -> None:
    """Spread what happened over the last weeks: the detector found everything in one moment."""
    table = Overlap.__table__
    with db.engine.begin() as connection:
        connection = connection.execution_options(migration=True)
        for i, acknowledged, closed in connection.execute(select(table.c.id, table.c.acknowledged_at, table.c.closed_at)).all():
            found = make.at - timedelta(days=(i * 7) % 40, hours=i % 24, minutes=i % 60)
            values = {"found_at": found, "reopened_at": found + timedelta(days=1) if i % 5 == 0 else None}
            values |= {"acknowledged_at": found + timedelta(hours=i * 3)} if acknowledged else {}
            values |= {"closed_at": min(found + timedelta(hours=i * 7), make.at)} if closed else {}
            connection.execute(update(table).where(table.c.id == i), values)
    session.expire_all()


def test_the_week_is_what_one_would_count_by_hand(session, make, ministry, look):
    scatter(session, make)
    seen = 0
    for who, (name, scope) in product(READERS, scopes(ministry, session, make.today).items()):
        reader, _rows, twin = look(who, replace(scope, until=None))
        found = queries.week(session, reader, on=make.today, zone=ZONE, scope=scope, most=5)
        begin, end = span(make.today - timedelta(days=7), make.today + timedelta(days=1))
        held = [o for o in twin.overlaps if twin.holds(o)]
        new = [o for o in held if begin <= o.found_at < end]
        closed = [o for o in held if o.closed_at is not None and begin <= o.closed_at < end]
        assert found.found == dict(Counter(o.severity for o in new)), name
        assert found.settled == sum(o.state is OverlapState.SETTLED for o in closed), name
        assert found.dismissed == sum(o.state is OverlapState.DISMISSED for o in closed), name
        assert found.waiting == sum(o.acknowledged_at is None for o in twin.open()), name
        assert [p.overlap.id for p in found.clashes] == [o.id for o in sorted(new, key=lambda o: (o.rank, o.near_on, o.id))[:5]]
        assert found.changed == len(twin.lines()), name  # all were released at the moment of the test
        assert len(found.lines) == min(5, found.changed + found.ended)
        assert [c.days for c in found.events] == sorted(c.days for c in found.events)
        assert found.level == max((p.level for p in found.clashes + found.closed), default=0) or found.lines
        seen += len(new)
    assert seen > 10


def counted(function: Any) -> int:
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        if not statement.startswith(("BEGIN", "SELECT audience_token.audience_id")):  # once in a transaction, whatever is asked
            statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        function()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(statements)


def test_the_number_of_statements_is_the_same_however_much_there_is(session, make, ministry, look):
    for ask in (
        lambda reader, rows: queries.clashes(session, Scope(), rows, on=make.today),
        lambda reader, rows: queries.holdings(session, Scope(), rows),
        lambda reader, rows: queries.pace(session, Scope(), rules.mondays(on=make.today, weeks=13), zone=ZONE),
        lambda reader, rows: queries.week(session, reader, on=make.today, zone=ZONE),
    ):
        numbers = set()
        for who, opened in product(READERS, [(), ("East",)]):
            reader, rows, _twin = look(who, opened=opened)
            numbers.add(counted(partial(ask, reader, rows)))
        assert len(numbers) == 1
