"""What the picture counts: grouped by the database, over what the session's reader sees, in few statements whatever there is."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import CTE, ColumnElement, Integer, String, and_, case, cast, extract, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from coordinator.agenda.queries import ahead
from coordinator.agenda.rules import Coming
from coordinator.dashboard.rules import (
    BY_RANK,
    COMES_NEAR,
    NEAR_BY,
    SOON,
    WEEK,
    Cell,
    Change,
    Line,
    Median,
    Near,
    Node,
    Place,
    Turn,
    Week,
    median,
    total,
)
from coordinator.entries import queries as entries
from coordinator.entries.models import Entry, EntryTopic, EntryVersion, Kind, State
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.models import FAR, Overlap, OverlapState, Severity
from coordinator.people.models import Circle, Organisation, Unit
from coordinator.people.rules import Reader
from coordinator.positions.models import Position, Stance
from coordinator.topics.models import Broader, Topic
from coordinator.worklist.rules import Pair, pair

_topic = EntryTopic.__table__  # of an end, or of an entry, that is seen already: what hangs on it is seen with it


@dataclass(frozen=True)
class Scope:
    """What the picture is narrowed to; every part is optional."""

    circle: Circle | None = None
    unit_ids: frozenset[int] | None = None
    """A bureau, with all units below it."""
    topic_ids: frozenset[int] | None = None
    """A basket, with all topics within it."""
    forum_id: int | None = None
    until: date | None = None
    """The last day that is looked ahead to."""

    @property
    def clashes(self) -> overlaps.Filters:
        """Return the filters of the list of overlaps that leave the clashes of this scope that are not closed."""
        return overlaps.Filters(
            clashes=True,
            circle=self.circle,
            unit_ids=self.unit_ids,
            topic_ids=self.topic_ids,
            forum_id=self.forum_id,
            until=self.until,
        )

    @property
    def lines(self) -> entries.Filters:
        """Return the filters of the list of positions that leave the current ones of this scope."""
        return entries.Filters(
            kind=Kind.POSITION,
            current=True,
            circle=self.circle or Circle.MINISTRY,
            unit_ids=self.unit_ids,
            topic_ids=self.topic_ids,
            forum_id=self.forum_id,
        )


EVERYTHING = Scope()


def places(session: Session) -> list[Place]:
    """Return all units as places."""
    found = select(Unit.id, Unit.ref, Unit.short_name, Unit.name, Unit.parent_id, Unit.organisation_id, Organisation.circle).join(
        Organisation, Organisation.id == Unit.organisation_id
    )
    return [Place(*row) for row in session.execute(found.order_by(Unit.id))]


def _rolled_up(rows: Iterable[Node]) -> CTE:
    """Return the row of each unit: its own, or that of the nearest unit above it that has one.

    Every unit has one; joined from outside all the same, so that SQLite looks it up for what it counts and not the other way round.
    """
    ids = sorted({row.id for row in rows})
    node = select(Unit.id.label("unit_id"), Unit.id.label("node_id")).where(Unit.id.in_(ids)).cte("node", recursive=True)
    return node.union_all(select(Unit.id, node.c.node_id).join(node, Unit.parent_id == node.c.unit_id).where(Unit.id.not_in(ids)))


@dataclass(frozen=True)
class Subject:
    """A topic: as much of it as a table needs."""

    id: int
    ref: str
    name: str


def subjects(session: Session) -> list[Subject]:
    """Return all topics that are not merged, by name."""
    found = select(Topic.id, Topic.ref, Topic.name).where(Topic.merged_into_id.is_(None))
    return [Subject(*row) for row in session.execute(found.order_by(Topic.name, Topic.id))]


def baskets(session: Session) -> list[Subject]:
    """Return the topics within which others lie, by name."""
    wide = select(Topic.id, Topic.ref, Topic.name).where(Topic.id.in_(select(Broader.broader_id)), Topic.merged_into_id.is_(None))
    return [Subject(*row) for row in session.execute(wide.order_by(Topic.name, Topic.id))]


# --- what clashes ------------------------------------------------------------------------------------------------------


@dataclass
class Clashes:
    """The clashes that are not closed: by severity and nearness, by pair of rows, and the worst by row and topic."""

    near: dict[tuple[Severity, Near], int] = field(default_factory=dict)
    pairs: dict[tuple[int, int], Cell] = field(default_factory=dict)
    """Under both orders of the two rows; a pair within one row once."""
    worst: dict[tuple[int, int], int] = field(default_factory=dict)
    """By row and topic that both ends are on: the rank of the worst."""
    unacknowledged: int = 0
    oldest: list[int] = field(default_factory=list)
    """Ids of those that have waited longest for anybody to acknowledge them."""

    @property
    def total(self) -> int:
        """Return how many there are."""
        return sum(self.near.values())


_NEAR = tuple(Near)
_BY_NEAR, _BY_PAIR, _BY_TOPIC, _WAITING, _OLDEST = range(5)


def clashes(session: Session, scope: Scope, rows: Sequence[Node], *, on: date, oldest: int = 6) -> Clashes:
    """Return the clashes of a scope that are not closed, put in rows: one statement, because reading them is what costs."""
    node = _rolled_up(rows)
    low, high = node.alias("low_node"), node.alias("high_node")
    near = case((Overlap.near_on <= on + SOON, 0), (Overlap.near_on <= on + NEAR_BY, 1), (Overlap.near_on < FAR, 2), else_=3)
    seen = (
        select(
            Overlap.id,
            Overlap.rank,
            near.label("near"),
            case((Overlap.acknowledged_at.is_(None), 1), else_=0).label("waits"),
            Overlap.open_since.label("since"),
            Overlap.low_id,
            Overlap.high_id,
            low.c.node_id.label("low_node"),
            high.c.node_id.label("high_node"),
        )
        .outerjoin(low, low.c.unit_id == Overlap.low_unit_id)
        .outerjoin(high, high.c.unit_id == Overlap.high_unit_id)
        .where(*overlaps.conditions(scope.clashes))
        .cte("seen")
    )
    first, second = _topic.alias("first"), _topic.alias("second")
    shared = (
        select(seen.c.low_node, seen.c.high_node, first.c.topic_id, func.min(seen.c.rank).label("rank"))
        .join(first, first.c.entry_id == seen.c.low_id)
        .join(second, and_(second.c.entry_id == seen.c.high_id, second.c.topic_id == first.c.topic_id))
        .group_by(seen.c.low_node, seen.c.high_node, first.c.topic_id)
        .cte("shared")
    )
    ends = union_all(
        select(shared.c.low_node.label("node_id"), shared.c.topic_id, shared.c.rank),
        select(shared.c.high_node, shared.c.topic_id, shared.c.rank),
    ).subquery()
    waiting = select(seen.c.id).where(seen.c.waits == 1).order_by(seen.c.since, seen.c.id).limit(oldest).subquery()
    many, worst, nothing = func.count(), func.min(seen.c.rank), literal(0)
    severity, nearness = seen.c.rank.label("a"), seen.c.near.label("b")
    counted = union_all(
        select(literal(_BY_NEAR).label("what"), severity, nearness, nothing.label("rank"), many.label("n")).group_by(
            seen.c.rank, seen.c.near
        ),
        select(literal(_BY_PAIR), seen.c.low_node, seen.c.high_node, worst, many).group_by(seen.c.low_node, seen.c.high_node),
        select(literal(_BY_TOPIC), ends.c.node_id, ends.c.topic_id, func.min(ends.c.rank), nothing).group_by(
            ends.c.node_id, ends.c.topic_id
        ),
        select(literal(_WAITING), nothing, nothing, nothing, many).select_from(seen).where(seen.c.waits == 1),
        select(literal(_OLDEST), waiting.c.id, nothing, nothing, nothing),
    ).subquery()
    return _sorted_out(session.execute(select(counted)).all())


def _sorted_out(counted: Iterable[Any]) -> Clashes:
    found, between = Clashes(), defaultdict[tuple[int, int], list[Cell]](list)
    for what, a, b, rank, number in counted:
        if what == _BY_NEAR:
            found.near[BY_RANK[a], _NEAR[b]] = number
        elif what == _BY_PAIR:
            between[min(a, b), max(a, b)].append(Cell(number, rank))
        elif what == _BY_TOPIC:
            found.worst[a, b] = rank
        elif what == _WAITING:
            found.unacknowledged = number
        else:
            found.oldest.append(a)
    for (a, b), cells in between.items():
        found.pairs[a, b] = found.pairs[b, a] = total(cells)
    return found


def pairs_of(session: Session, ids: Sequence[int], reader: Reader, *, on: date) -> tuple[Pair, ...]:
    """Return some overlaps as they are put before a reader, in the order of their ids' list."""
    found = {o.id: o for o in session.scalars(overlaps.with_company().where(Overlap.id.in_(ids)))}
    return tuple(pair(found[i], reader, on=on) for i in ids if i in found)


# --- who is on what ----------------------------------------------------------------------------------------------------


@dataclass
class Holdings:
    """The current positions: by row and topic, and by row; a position on two topics stands in two cells and once in its row."""

    cells: dict[tuple[int, int], int] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)
    level: int = 0
    """The highest level among them."""


def holdings(session: Session, scope: Scope, rows: Sequence[Node]) -> Holdings:
    """Return the current positions of a scope, put in rows; what outside voices say is no line of a unit."""
    node = _rolled_up(rows)
    held = (
        select(Entry.id, Entry.level, node.c.node_id)
        .outerjoin(node, node.c.unit_id == Entry.unit_id)
        .where(*entries.conditions(session, scope.lines))
        .cte("held")
    )
    on_topic = select(held.c.node_id, func.aggregate_strings(cast(_topic.c.topic_id, String), ",").label("topics"))
    on_topic = on_topic.join(_topic, _topic.c.entry_id == held.c.id)
    if scope.topic_ids is not None:
        on_topic = on_topic.where(_topic.c.topic_id.in_(sorted(scope.topic_ids)))
    # one for each row, its topics in a line: cell by cell takes twice as long
    lines = on_topic.group_by(held.c.node_id).cte("lines")
    whole = (
        select(held.c.node_id, func.count().label("many"), func.max(held.c.level).label("level"))
        .group_by(held.c.node_id)
        .cte("whole")
    )
    found = Holdings()
    counted = select(whole.c.node_id, whole.c.many, whole.c.level, lines.c.topics).outerjoin(
        lines, lines.c.node_id == whole.c.node_id
    )
    for row, number, level, topics in session.execute(counted):
        found.rows[row] = number
        found.level = max(found.level, level)
        for topic, on_it in Counter(topics.split(",") if topics else ()).items():
            found.cells[row, int(topic)] = on_it
    return found


# --- what is coming ----------------------------------------------------------------------------------------------------


def coming(session: Session, scope: Scope, *, on: date, until: date) -> Sequence[Coming]:
    """Return the events ahead of a scope's forum and topics, the nearest first, with their state of coordination."""
    return ahead(
        session, on=on, until=until, forum_ids=None if scope.forum_id is None else [scope.forum_id], topic_ids=scope.topic_ids
    )


# --- how fast ----------------------------------------------------------------------------------------------------------


@dataclass
class Pace:
    """What came up and was closed week by week, and how long it took."""

    weeks: tuple[Week, ...]
    acknowledging: Median
    settling: Median


def pace(session: Session, scope: Scope, weeks: Sequence[date], *, zone: str) -> Pace:
    """Return what came up and was closed in some weeks, one after the other, that begin on Mondays in a time zone."""
    begin = [_midnight(day, zone) for day in (*weeks, weeks[-1] + WEEK)]
    everything = replace(scope.clashes, still_open=False, until=None)

    def within(moment: Any) -> ColumnElement[bool]:
        return and_(moment >= begin[0], moment < begin[-1])

    moments = Overlap.found_at, Overlap.acknowledged_at, Overlap.closed_at
    seen = (  # once, because to ask of each whether it is seen is what costs
        select(*moments, Overlap.state, Overlap.open_since.label("since"))
        .where(or_(*(within(moment) for moment in moments)), *overlaps.conditions(everything))
        .cte("seen")
    )
    came_on, known_on, closed_on = seen.c.found_at, seen.c.acknowledged_at, seen.c.closed_at
    taken = [
        (_week_of(came_on, begin), within(came_on)),
        (_week_of(closed_on, begin), within(closed_on)),
        (_hours(session, seen.c.since, known_on), within(known_on)),
        (_hours(session, seen.c.since, closed_on), and_(within(closed_on), seen.c.state == OverlapState.SETTLED)),
    ]
    listed = [select(literal(what).label("what"), key.label("key")).where(where) for what, (key, where) in enumerate(taken)]
    rows = union_all(*listed).subquery()
    counted: list[dict[int, int]] = [{} for _ in taken]
    for what, key, number in session.execute(select(rows.c.what, rows.c.key, func.count()).group_by(rows.c.what, rows.c.key)):
        counted[what][key] = number
    came, went, acknowledging, settling = counted
    return Pace(
        tuple(Week(monday, came.get(n, 0), went.get(n, 0)) for n, monday in enumerate(weeks)),
        median(acknowledging),
        median(settling),
    )


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone))


def _week_of(moment: Any, begin: Sequence[datetime]) -> ColumnElement[int]:
    return case(*((moment >= b, n) for n, b in reversed(list(enumerate(begin[:-1])))), else_=0)


def _hours(session: Session, begin: Any, end: Any) -> ColumnElement[int]:
    """Return the whole hours from when an overlap was found or last taken up again to a moment; nought if it was known before."""
    if session.get_bind().dialect.name == "sqlite":
        hours: Any = (cast(func.strftime("%s", end), Integer) - cast(func.strftime("%s", begin), Integer)) / literal(3600)
        hours = cast(hours, Integer)
    else:
        hours = cast(func.floor(extract("epoch", end - begin) / 3600), Integer)
    return case((end > begin, hours), else_=0)


# --- what changed since last week --------------------------------------------------------------------------------------


def week(
    session: Session,
    reader: Reader,
    *,
    on: date,
    zone: str,
    scope: Scope = EVERYTHING,
    since: date | None = None,
    events: Sequence[Coming] | None = None,
    waiting: int | None = None,
    most: int = 12,
) -> Change:
    """Return what changed from a day (seven days before unless one is said) up to a local day, as the session's reader sees it.

    Each list holds at most `most`; the number of statements is the same however much changed. `events` are those that come near,
    and `waiting` how many clashes nobody has acknowledged, where they are known already.
    """
    since = on - WEEK if since is None else since
    begin, end = _midnight(since, zone), _midnight(on + timedelta(days=1), zone)
    everything = replace(scope.clashes, still_open=False, until=None)
    found = overlaps.conditions(replace(everything, found=(begin, end)))
    closed = overlaps.conditions(replace(everything, closed=(begin, end)))
    waits = overlaps.conditions(replace(scope.clashes, unacknowledged=True, until=None))
    unknown = [select(literal("waits"), literal(""), func.count()).where(*waits)] if waiting is None else []
    counted = union_all(
        select(literal("found").label("what"), cast(Overlap.severity, String).label("word"), func.count().label("n"))
        .where(*found)
        .group_by(Overlap.severity),
        select(literal("closed"), cast(Overlap.state, String), func.count()).where(*closed).group_by(Overlap.state),
        *unknown,
    ).subquery()
    numbers = {(what, word): n for what, word, n in session.execute(select(counted))}
    lines, changed, ended = _lines(session, scope, begin, end, most=most)
    if events is None:
        events = coming(session, scope, on=on, until=on + COMES_NEAR)
    return Change(
        since=since,
        on=on,
        found={s: numbers["found", s.value] for s in Severity if ("found", s.value) in numbers},
        settled=numbers.get(("closed", OverlapState.SETTLED.value), 0),
        dismissed=numbers.get(("closed", OverlapState.DISMISSED.value), 0),
        changed=changed,
        ended=ended,
        near=len(events),
        waiting=numbers.get(("waits", ""), 0) if waiting is None else waiting,
        clashes=_listed(session, reader, found, overlaps.in_order(), on=on, most=most),
        closed=_listed(session, reader, closed, (Overlap.closed_at.desc(), Overlap.id), on=on, most=most),
        lines=lines,
        events=tuple(events[:most]),
    )


def _listed(session: Session, reader: Reader, where: Any, order: Any, *, on: date, most: int) -> tuple[Pair, ...]:
    if not most:
        return ()
    ids = session.scalars(select(Overlap.id).where(*where).order_by(*order).limit(most)).all()
    return pairs_of(session, ids, reader, on=on)


_version = EntryVersion.__table__  # of an entry that is seen: the version that stands is what is seen of it

ENDS = {State.WITHDRAWN: Turn.WITHDRAWN, State.EXPIRED: Turn.EXPIRED, State.SUPERSEDED: Turn.SUPERSEDED}


def _lines(session: Session, scope: Scope, begin: datetime, end: datetime, *, most: int) -> tuple[tuple[Line, ...], int, int]:
    """Return the lines that changed between two moments, the last first, how many are new or revised, and how many ended."""
    changed = entries.conditions(session, replace(scope.lines, released=(begin, end)))
    ended = entries.conditions(session, replace(scope.lines, current=False, ended=(begin, end)))
    standing = and_(_version.c.entry_id == Entry.id, _version.c.number == Entry.standing_version)
    moved = union_all(
        select(Entry.id, _version.c.released_at.label("moment"), literal(1).label("stands"))
        .join(_version, standing)
        .where(*changed),
        select(Entry.id, Entry.ended_at, literal(0)).where(*ended),
    ).cte("moved")
    last = select(moved.c.id, moved.c.stands).order_by(moved.c.moment.desc(), moved.c.id).limit(most).subquery()
    rows = union_all(
        select(literal("number").label("what"), moved.c.stands.label("a"), func.count().label("n")).group_by(moved.c.stands),
        select(literal("last"), last.c.id, last.c.stands),
    ).subquery()
    numbers: dict[int, int] = {}
    ids: list[int] = []
    for what, a, n in session.execute(select(rows)):
        if what == "number":
            numbers[a] = n
        else:
            ids.append(a)
    return _told(session, ids) if most else (), numbers.get(1, 0), numbers.get(0, 0)


def _told(session: Session, ids: Sequence[int]) -> tuple[Line, ...]:
    """Return some positions in the order of their ids' list, each with what became of it and how its stance moved."""
    found = {p.id: p for p in session.scalars(entries.with_company().where(Entry.id.in_(ids)))}
    stances: defaultdict[int, list[tuple[int, Stance | None]]] = defaultdict(list)
    versions = session.execute(
        select(EntryVersion.entry_id, EntryVersion.number, EntryVersion.content)
        .where(EntryVersion.entry_id.in_(ids), EntryVersion.released_at.is_not(None))
        .order_by(EntryVersion.entry_id, EntryVersion.number)
    )
    for entry_id, number, content in versions:
        said = content.get("stance")
        stances[entry_id].append((number, Stance(said) if said else None))
    older = [p.supersedes_id for p in found.values() if p.supersedes_id is not None]
    earlier = dict(session.execute(select(Position.id, Position.stance).where(Position.id.in_(older))).all())
    return tuple(_line(found[i], stances[i], earlier) for i in ids if i in found)


def _line(entry: Entry, stances: Sequence[tuple[int, Stance | None]], earlier: dict[int, Stance | None]) -> Line:
    if entry.state in ENDS:
        return Line(entry, ENDS[entry.state])
    before = [stance for number, stance in stances if number < entry.standing_version]
    after = next((stance for number, stance in stances if number == entry.standing_version), None)
    if before:
        return Line(entry, Turn.REVISED, before[-1], after)
    if entry.supersedes_id is not None:
        return Line(entry, Turn.REPLACED, earlier.get(entry.supersedes_id), after)
    return Line(entry, Turn.NEW)
