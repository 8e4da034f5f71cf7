"""Who waits for whom, counted over what the session's reader sees; the number of statements is the same however much there is."""

from collections import defaultdict
from datetime import date
from typing import Any

from sqlalchemy import CTE, Select, and_, case, func, literal, or_, select, union_all
from sqlalchemy.orm import Session, joinedload

from coordinator.dashboard.rules import Cell
from coordinator.db import behind
from coordinator.entries import queries as entries
from coordinator.entries.models import Entry, EntryTopic, Kind
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.models import Overlap, Side
from coordinator.people.models import Circle, Unit
from coordinator.topics.models import Equity, Stake, Topic
from coordinator.waits.rules import OnTopic, Owed, Owing, Wait, in_order

_topic, _side = EntryTopic.__table__, Side.__table__  # of what is seen already: what hangs on it is seen with it


def _open(unit_id: int | None) -> Any:
    """Return the clashes that are not closed, of one unit or of all."""
    where = overlaps.conditions(overlaps.Filters(clashes=True, unit_id=unit_id))
    columns = Overlap.id, Overlap.rank, Overlap.low_id, Overlap.high_id, Overlap.low_unit_id, Overlap.high_unit_id
    return select(*columns, Overlap.open_since.label("since")).where(*where).cte("seen")


def waits(session: Session, unit_id: int) -> list[Wait]:
    """Return who waits for whom to acknowledge or to answer, over the clashes of one unit."""
    seen = _open(unit_id)
    waiting = case((_own.c.unit_id == seen.c.low_unit_id, seen.c.high_unit_id), else_=seen.c.low_unit_id)
    rows = session.execute(_owing(seen, _own.c.unit_id, waiting))
    return [Wait(silent, waiting, Owed(owed), Cell(n, rank), since) for owed, silent, waiting, n, rank, since in rows]


def owing(session: Session) -> dict[int, dict[Owed, Owing]]:
    """Return what each unit owes, over all clashes."""
    found: defaultdict[int, dict[Owed, Owing]] = defaultdict(dict)
    # not in the order of an index of sides: that would walk through all of them
    for owed, unit_id, number, rank, since in session.execute(_owing(_open(None), behind(_own.c.unit_id).label("unit_id"))):
        found[unit_id][Owed(owed)] = Owing(Cell(number, rank), since)
    return found


_own, _other = _side.alias("own"), _side.alias("other")


def _owing(seen: CTE, *by: Any) -> Select[Any]:
    """Return a select of what is waited for, counted by some columns: an acknowledgement, or an answer to the other side."""
    asked = and_(_own.c.overlap_id == seen.c.id, _own.c.asked.is_(True))
    proposed = and_(_other.c.overlap_id == seen.c.id, _other.c.unit_id != _own.c.unit_id, _other.c.closing.is_not(None))

    def counted(owed: Owed, since: Any) -> Select[Any]:
        number, worst = func.count().label("number"), func.min(seen.c.rank).label("rank")
        return select(literal(owed.value).label("owed"), *by, number, worst, func.min(since).label("since")).select_from(seen)

    told = counted(Owed.ACKNOWLEDGEMENT, seen.c.since).join(_own, asked).where(_own.c.acknowledged_at.is_(None))
    answered = counted(Owed.ANSWER, _other.c.closing_at).join(_own, asked).join(_other, proposed).where(_own.c.closing.is_(None))
    return select(union_all(told.group_by(*by), answered.group_by(*by)).subquery())


def clashes(session: Session, *, unit_id: int | None = None) -> dict[int, Cell]:
    """Return the clashes that are not closed: of one unit by the unit at the other end, or of each unit."""
    seen = _open(unit_id)
    if unit_id is None:
        ends = union_all(select(seen.c.low_unit_id.label("unit"), seen.c.rank), select(seen.c.high_unit_id, seen.c.rank)).subquery()
        counted = select(ends.c.unit, func.count(), func.min(ends.c.rank)).group_by(ends.c.unit)
    else:
        other = case((seen.c.low_unit_id == unit_id, seen.c.high_unit_id), else_=seen.c.low_unit_id)
        counted = select(other, func.count(), func.min(seen.c.rank)).group_by(other)
    return {i: Cell(number, rank) for i, number, rank in session.execute(counted)}


def topics(session: Session, unit_id: int, *, on: date) -> tuple[tuple[OnTopic, ...], int | None]:
    """Return the topics on which a unit has a stake on a day or a current position, and the highest level of these positions."""
    lines = entries.Filters(kind=Kind.POSITION, current=True, circle=Circle.MINISTRY, unit_id=unit_id)
    held = (
        select(_topic.c.topic_id, func.count(), func.max(Entry.level))
        .join(_topic, _topic.c.entry_id == Entry.id)
        .where(*entries.conditions(session, lines))
        .group_by(_topic.c.topic_id)
    )
    positions: dict[int, int] = {}
    highest: int | None = None
    for topic_id, number, level in session.execute(held):
        positions[topic_id] = number
        highest = max(level, highest or 0)
    worst = _by_topic(session, unit_id)
    stakes: dict[int, Stake] = {}
    holds = (Equity.from_on <= on, or_(Equity.until_on.is_(None), Equity.until_on >= on))
    for topic_id, stake in session.execute(select(Equity.topic_id, Equity.stake).where(Equity.unit_id == unit_id, *holds)):
        stakes[topic_id] = min(stake, stakes.get(topic_id, stake), key=lambda s: s.weight)
    named = select(Topic.id, Topic.ref, Topic.name).where(Topic.id.in_(sorted({*positions, *worst, *stakes})))
    found = in_order(
        OnTopic(ref, name, stakes.get(i), positions.get(i, 0), worst.get(i, Cell())) for i, ref, name in session.execute(named)
    )
    return found, highest


def _by_topic(session: Session, unit_id: int) -> dict[int, Cell]:
    """Return the clashes of a unit by each topic that both ends are on."""
    seen, one, other = _open(unit_id), _topic.alias("one"), _topic.alias("other")
    counted = (
        select(one.c.topic_id, func.count(), func.min(seen.c.rank))
        .join(one, one.c.entry_id == seen.c.low_id)
        .join(other, and_(other.c.entry_id == seen.c.high_id, other.c.topic_id == one.c.topic_id))
        .group_by(one.c.topic_id)
    )
    return {i: Cell(number, rank) for i, number, rank in session.execute(counted)}


def named(session: Session, unit_ids: set[int]) -> dict[int, Unit]:
    """Return some units by their numbers inside."""
    found = select(Unit).where(Unit.id.in_(sorted(unit_ids))).options(joinedload(Unit.organisation))
    return {u.id: u for u in session.scalars(found)}
