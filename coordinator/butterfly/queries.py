"""What is known of butterflies: counted by the database over what the session's reader sees, in few statements."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from coordinator.butterfly.rules import Butterfly, Holder, Outline, Subject, Way, Wing, ends, in_order, outlines, reached
from coordinator.dashboard.rules import Cell
from coordinator.db import found_first, looked_up
from coordinator.entries import queries as entries
from coordinator.entries.models import Entry, EntryTopic
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.models import Overlap
from coordinator.people.models import Circle, Unit
from coordinator.topics.models import Equity, Related, Stake, Topic
from coordinator.topics.queries import broader_edges
from coordinator.topics.rules import LEADING

_topic = EntryTopic.__table__  # of an entry, or of an end, that is seen already: what hangs on it is seen with it

CURRENT = entries.Filters(current=True, circle=Circle.MINISTRY)
"""What a unit has on a topic: its current entries; what outside voices say is no unit's."""


def _subjects(session: Session) -> list[Subject]:
    """Return all topics that are not merged, by name."""
    found = select(Topic.id, Topic.ref, Topic.name, Topic.umbrella).where(Topic.merged_into_id.is_(None))
    return [Subject(*row) for row in session.execute(found.order_by(Topic.name, Topic.id))]


def _related(session: Session) -> dict[int, set[int]]:
    found: defaultdict[int, set[int]] = defaultdict(set)
    for low, high in session.execute(select(Related.low_id, Related.high_id)):
        found[low].add(high)
        found[high].add(low)
    return found


def _turned(edges: dict[int, set[int]]) -> dict[int, set[int]]:
    """Return for each topic those that lie directly within it."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for topic_id, above in edges.items():
        for one in above:
            found[one].add(topic_id)
    return found


def butterfly(session: Session, topic_id: int, *, on: date) -> Butterfly:
    """Return the butterfly of a topic that is not merged, as it stands on a day; the number of statements is always the same."""
    listed = {s.id: s for s in _subjects(session)}
    broader, related = broader_edges(session), _related(session)
    within = _turned(broader)
    ways = {i: Way.TOUCHES for i in related.get(topic_id, ()) if i in listed}
    ways |= {i: Way.WITHIN for i in within.get(topic_id, ()) if i in listed}
    shown = [topic_id, *(s.id for s in listed.values() if s.id in ways)]
    looked_at = {topic_id} | reached(shown[1:], within)
    held, level = _held(session, looked_at)
    stakes = _stakes(session, looked_at, on=on)
    leading = {t for t, units in stakes.items() if any(stake in LEADING for stake in units.values())}
    covered = reached({*held, *leading}, broader)  # whoever is on a topic covers what it lies within too
    units = _units(session, {u for of in (held, stakes) for t in shown for u in of.get(t, ())})

    def wing(i: int) -> Wing:
        says, has = stakes.get(i, {}), held.get(i, {})
        holders = in_order(Holder(*units[u], says.get(u), has.get(u, 0)) for u in {*says, *has})
        return Wing(listed[i], ways.get(i), holders, covered_within=i in covered and i not in {*held, *leading})

    wings = sorted((wing(i) for i in shown[1:]), key=lambda w: w.way is Way.WITHIN)
    return Butterfly(wing(topic_id), tuple(wings), _clashes(session, shown), level)


def _held(session: Session, topic_ids: Collection[int]) -> tuple[dict[int, dict[int, int]], int | None]:
    """Return how many current entries each unit has on each of some topics, and the highest level among them."""
    ids = sorted(topic_ids)
    counted = (
        select(_topic.c.topic_id, Entry.unit_id, func.count(), func.max(Entry.level))
        .join(_topic, _topic.c.entry_id == Entry.id)
        .where(found_first(Entry.id, entries.ids_on(*ids)), *entries.conditions(session, CURRENT), _topic.c.topic_id.in_(ids))
        .group_by(_topic.c.topic_id, Entry.unit_id)
    )
    found: defaultdict[int, dict[int, int]] = defaultdict(dict)
    highest: int | None = None
    for topic_id, unit_id, number, level in session.execute(counted):
        found[topic_id][unit_id] = number
        highest = max(level, highest or 0)
    return found, highest


def _stakes(session: Session, topic_ids: Collection[int] | None = None, *, on: date) -> dict[int, dict[int, Stake]]:
    """Return the stakes of units in some topics, or in all, on a day; of two the one with the most say."""
    holds = (Equity.from_on <= on, or_(Equity.until_on.is_(None), Equity.until_on >= on))
    wanted = select(Equity.topic_id, Equity.unit_id, Equity.stake).where(*holds)
    if topic_ids is not None:
        wanted = wanted.where(Equity.topic_id.in_(sorted(topic_ids)))
    found: defaultdict[int, dict[int, Stake]] = defaultdict(dict)
    for topic_id, unit_id, stake in session.execute(wanted):
        known = found[topic_id].get(unit_id, stake)
        found[topic_id][unit_id] = min(known, stake, key=lambda s: s.weight)
    return found


def _units(session: Session, unit_ids: Collection[int]) -> dict[int, tuple[str, str, str]]:
    found = select(Unit.id, Unit.ref, Unit.short_name, Unit.name).where(Unit.id.in_(sorted(unit_ids)))
    return {i: (ref, short, name) for i, ref, short, name in session.execute(found)}


def _clashes(session: Session, topic_ids: Collection[int]) -> dict[tuple[int, int], Cell]:
    """Return how many clashes are not closed with one end on one topic and the other end on another, or on the same."""
    ids = sorted(topic_ids)
    on_both = [looked_up(end, entries.ids_on(*ids)) for end in (Overlap.low_id, Overlap.high_id)]
    where = (*overlaps.conditions(overlaps.Filters(clashes=True)), *on_both)
    seen = select(Overlap.id, Overlap.rank, Overlap.low_id, Overlap.high_id).where(*where).cte("seen")
    one, other = _topic.alias("one"), _topic.alias("other")
    low = case((one.c.topic_id <= other.c.topic_id, one.c.topic_id), else_=other.c.topic_id).label("low")
    high = case((one.c.topic_id <= other.c.topic_id, other.c.topic_id), else_=one.c.topic_id).label("high")
    met = (
        select(seen.c.id, seen.c.rank, low, high)
        .join(one, and_(one.c.entry_id == seen.c.low_id, one.c.topic_id.in_(ids)))
        .join(other, and_(other.c.entry_id == seen.c.high_id, other.c.topic_id.in_(ids)))
        .distinct()  # two that are on both topics meet both ways round, and are one clash
        .subquery()
    )
    counted = select(met.c.low, met.c.high, func.count(), func.min(met.c.rank)).group_by(met.c.low, met.c.high)
    return {ends(a, b): Cell(number, rank) for a, b, number, rank in session.execute(counted)}


def every(session: Session, *, on: date) -> tuple[Outline, ...]:
    """Return all cross-cutting topics with their wings and those that no unit covers, as they stand on a day."""
    listed, broader, wings = _subjects(session), broader_edges(session), _related(session)
    for above, inner in _turned(broader).items():
        wings[above] = wings.get(above, set()) | inner
    held = session.scalars(select(Topic.id).where(entries.is_worked_on(*entries.conditions(session, CURRENT))))
    leading = {t for t, units in _stakes(session, on=on).items() if any(stake in LEADING for stake in units.values())}
    return outlines(listed, wings, reached({*held, *leading}, broader))
