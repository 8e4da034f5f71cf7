"""What is missing, as the session's reader sees it: derived when it is read, from what that reader may see, and from nothing else.

The number of statements is the same however much there is and however much of it is hidden.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeVar

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, joinedload

from coordinator.calendar.models import Event, Question
from coordinator.db import Reader as AnyReader
from coordinator.db import among_found, behind, protect
from coordinator.dossiers.models import Contributor
from coordinator.entries import queries as entries
from coordinator.entries.models import Entry, EntryTopic, EntryVersion, Kind, State
from coordinator.entries.queries import visible, with_company
from coordinator.entries.rules import WRITERS
from coordinator.errors import NotFound
from coordinator.gaps import rules
from coordinator.gaps.models import Asked, GapKind, Known
from coordinator.gaps.rules import SAY, Gap, Heard, Upcoming, Windows
from coordinator.people.models import Circle, Role, Unit, UnitSuccession
from coordinator.people.rules import Reader
from coordinator.positions.models import Adherence
from coordinator.settings import detection
from coordinator.topics.models import Equity, Related, Stake, Topic
from coordinator.topics.queries import broader_edges
from coordinator.topics.rules import LEADING, WEIGHT

PAGE = 25
NEWEST = 1_000
"""Of so many entries, those released last, it is asked whom they passed over where nothing narrows the list."""
_entry, _found = Entry.__table__, Entry.__table__.alias("found")
_question_id = _entry.c.question_id  # a position's alone
_on, _adherence, _contributor = EntryTopic.__table__, Adherence.__table__, Contributor.__table__
_asked, _known = Asked.__table__, Known.__table__  # of an entry that is seen already: what hangs on it is seen with it


def _known_visible(reader: AnyReader) -> ColumnElement[bool]:
    """Return the rule for what is said of gaps: that of its entry, or, without one, to be inside the ministry."""
    entry = _entry.alias()
    inside = literal(is_inside(reader))
    hangs = exists().where(entry.c.id == Known.entry_id, visible(reader, entry.c))
    return and_(inside, or_(Known.entry_id.is_(None), hangs))


def is_inside(reader: AnyReader) -> bool:
    """Outside the ministry, nobody is told which unit has a stake in what, so nobody is told of a gap."""
    return f"circle:{Circle.MINISTRY.value}" in reader.tokens


protect(Asked, entries.hangs_on(Asked.entry_id))
protect(Known, _known_visible)


@lru_cache
def windows() -> Windows:
    """Return the windows of config/detection.toml."""
    said = detection()["gaps"]
    return Windows(
        event=timedelta(days=said["event_days"]),
        asked=timedelta(days=said["asked_days"]),
        wings=said["wings"],
        known=timedelta(days=said["known_days"]),
    )


# --- what a list is narrowed by ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filters:
    """What a list of gaps is narrowed by; every part is optional."""

    kind: GapKind | None = None
    unit_ids: frozenset[int] | None = None
    """One of these units owns the entry, was not asked, has a say in the event, works on the topic, or leads on the butterfly."""
    topic_ids: frozenset[int] | None = None
    forum_id: int | None = None
    event_id: int | None = None
    entry_id: int | None = None
    shown_to: Reader | None = None
    """What is put before this reader, as an officer or as a coordinator."""
    known: bool | None = False
    """Those of which somebody says that they know; None for both."""

    @property
    def narrowed(self) -> bool:
        """Say whether the list is narrowed to somebody or something; the kind and what is known do not count."""
        by = (self.unit_ids, self.topic_ids, self.forum_id, self.event_id, self.entry_id, self.shown_to)
        return any(part is not None for part in by)

    @property
    def kinds(self) -> frozenset[GapKind]:
        """Return the kinds that can pass; those that have no event or entry do not where one is named."""
        if self.entry_id is not None:
            return frozenset({GapKind.REVIEW, GapKind.CONSULTATION})
        if self.event_id is not None or self.forum_id is not None:
            return frozenset(GapKind) - {GapKind.WING}
        return frozenset(GapKind)


EVERYTHING = Filters()


@dataclass(frozen=True)
class Listed:
    """One page of gaps, how many there are in all, and how many of each kind; `known` and `unknown` count what is said of them."""

    gaps: tuple[Gap, ...] = ()
    total: int = 0
    counts: Mapping[GapKind, int] = field(default_factory=dict)
    known: int = 0
    unknown: int = 0
    cut: bool = False
    """More was released of late than is looked through for units that were not asked."""

    @property
    def level(self) -> int | None:
        """Return the highest level of the entries on the page, or None if there is none."""
        return max((g.level for g in self.gaps if g.entry is not None), default=None)


NOTHING = Listed()


# --- facts -------------------------------------------------------------------------------------------------------------

Stakes = Mapping[int, Mapping[int, frozenset[Stake]]]
"""By topic and unit the stakes in force."""


@dataclass(frozen=True)
class _Bare:
    """A gap in numbers: what is filtered, counted and put in order before the rows of one page are read."""

    kind: GapKind
    key: str
    rests_on: str
    entry_id: int | None = None
    unit_id: int | None = None
    stake: Stake | None = None
    event_id: int | None = None
    topic_id: int | None = None
    topic_ids: tuple[int, ...] = ()
    unit_ids: tuple[int, ...] = ()
    others: bool = False
    is_known: bool = False


def in_force(on: date) -> list[ColumnElement[bool]]:
    """Return the conditions for a stake that gives a say on a day; its unit is joined."""
    return [
        Equity.stake.in_(SAY),
        Equity.from_on <= on,
        or_(Equity.until_on.is_(None), Equity.until_on >= on),
        or_(Unit.ends_on.is_(None), Unit.ends_on > on),
    ]


def _stakes(session: Session, *, on: date) -> Stakes:
    found: defaultdict[int, defaultdict[int, set[Stake]]] = defaultdict(lambda: defaultdict(set))
    rows = select(Equity.topic_id, Equity.unit_id, Equity.stake).join(Unit, Unit.id == Equity.unit_id).where(*in_force(on))
    for topic_id, unit_id, stake in session.execute(rows):
        found[topic_id][unit_id].add(stake)
    return {topic: {unit: frozenset(held) for unit, held in units.items()} for topic, units in found.items()}


def _of(stakes: Stakes, topic_id: int) -> list[Stake]:
    return [s for held in stakes.get(topic_id, {}).values() for s in held]


@dataclass(frozen=True)
class _Session:
    """An event within the window, and the topics of the questions before its forum."""

    id: int
    forum_id: int
    starts_on: date
    ends_on: date
    questions: tuple[int, ...]
    topics: frozenset[int]


def _sessions(session: Session, *, on: date) -> list[_Session]:
    """Return the events within the window, the nearest first."""
    rows = session.execute(
        select(Event.id, Event.forum_id, Event.starts_on, Event.ends_on, Question.id, Question.topic_id)
        .outerjoin(Question, Question.forum_id == Event.forum_id)
        .where(Event.ends_on >= on, Event.starts_on <= on + windows().event)
        .order_by(Event.starts_on, Event.id, Question.id)
    )
    asked: dict[tuple[int, int, date, date], dict[int, int]] = {}
    for event_id, forum_id, starts_on, ends_on, question_id, topic_id in rows:
        before = asked.setdefault((event_id, forum_id, starts_on, ends_on), {})
        if question_id is not None:
            before[question_id] = topic_id
    return [_Session(*event, questions=tuple(before), topics=frozenset(before.values())) for event, before in asked.items()]


def _is_wanted(session: _Session, filters: Filters) -> bool:
    """Say whether an event can pass the filters: of the others it need not be known who has a line."""
    return (
        filters.event_id in {None, session.id}
        and filters.forum_id in {None, session.forum_id}
        and (filters.topic_ids is None or not filters.topic_ids.isdisjoint(session.topics))
    )


def _answered(session: Session, sessions: Sequence[_Session]) -> dict[int, frozenset[int]]:
    """Return for each event the units of the ministry that have a current line for it, their own or another's."""
    events = {s.id for s in sessions}
    by_question: defaultdict[int, list[int]] = defaultdict(list)
    for s in sessions:
        for question in s.questions:
            by_question[question].append(s.id)
    # numbers first, and only the rule of access and the state of what has them: asked of more at once, SQLite walks through
    # all that is visible, or all that a unit has
    which = select(_found.c.id).where(or_(_found.c.event_id.in_(sorted(events)), _found.c.question_id.in_(sorted(by_question))))
    current = (behind(Entry.kind) == Kind.POSITION, behind(Entry.state) == State.RELEASED)
    lines = select(Entry.event_id, _question_id, Entry.unit_id).where(
        among_found(Entry.id, which), *current, entries.held_in(Circle.MINISTRY)
    )
    standing = select(_adherence.c.entry_id).where(_adherence.c.ended_at.is_(None))
    adhering = (
        select(Entry.event_id, _question_id, _adherence.c.unit_id)
        .join(_adherence, _adherence.c.entry_id == Entry.id)
        .where(
            Entry.id.in_(standing),
            *current,
            _adherence.c.ended_at.is_(None),
            entries.of_units_in(Circle.MINISTRY, _adherence.c.unit_id),
        )
    )
    found: defaultdict[int, set[int]] = defaultdict(set)
    for event_id, question_id, unit_id in session.execute(select(union_all(lines, adhering).subquery())):
        for event in {*([event_id] if event_id in events else []), *by_question.get(question_id or 0, ())}:
            found[event].add(unit_id)
    return {event: frozenset(units) for event, units in found.items()}


def _events(sessions: Sequence[_Session], answered: Mapping[int, frozenset[int]], stakes: Stakes, *, on: date) -> list[_Bare]:
    found = []
    for s in sessions:
        say = {unit for topic in s.topics for unit in stakes.get(topic, {})}
        lines = answered.get(s.id, frozenset())
        if rules.lacks_line(Upcoming(s.starts_on, s.ends_on, frozenset(say), lines), on=on, window=windows().event):
            rests = rules.rests_on(days=f"{s.starts_on}/{s.ends_on}", questions=_digest(s.questions), say=_digest(sorted(say)))
            found.append(
                _Bare(
                    GapKind.EVENT,
                    rules.key_of(GapKind.EVENT, s.id),
                    rests,
                    event_id=s.id,
                    topic_ids=tuple(sorted(s.topics)),
                    unit_ids=tuple(sorted(say)),
                    others=bool(lines),
                )
            )
    return found


def _digest(numbers: Iterable[int]) -> str:
    """Return some numbers in little room: what is compared is only whether they are the same."""
    listed = sorted(numbers)
    return f"{len(listed)}.{sha256(repr(listed).encode()).hexdigest()[:16]}"


def _reviews(session: Session, sessions: Sequence[_Session], filters: Filters, *, on: date) -> list[_Bare]:
    """Return the lines whose review is overdue before the next event that they are for."""
    by_id, by_forum = {s.id: s for s in sessions}, {s.forum_id: s for s in reversed(sessions)}
    by_question = {q: s for s in reversed(sessions) for q in s.questions}
    event_id = behind(_found.c.event_id)  # of what is overdue there is little: the day comes first, all else is checked on it
    which = select(_found.c.id).where(
        *([_found.c.id == filters.entry_id] if filters.entry_id is not None else []),
        *([_found.c.unit_id == filters.shown_to.unit_id] if filters.shown_to is not None else []),
        _found.c.review_by < on,
        behind(_found.c.kind) == Kind.POSITION,
        or_(
            event_id.in_(sorted(by_id)),
            and_(
                event_id.is_(None),
                or_(_found.c.forum_id.in_(sorted(by_forum)), _found.c.question_id.in_(sorted(by_question))),
            ),
        ),
    )
    narrowed = entries.conditions(session, entries.Filters(topic_ids=filters.topic_ids))
    rows = session.execute(
        select(
            Entry.id,
            Entry.unit_id,
            Entry.review_by,
            Entry.standing_version,
            Entry.event_id,
            Entry.forum_id,
            _question_id,
        ).where(
            among_found(Entry.id, which),
            behind(Entry.state) == State.RELEASED,
            entries.of_units_in(Circle.MINISTRY, Entry.unit_id),
            *narrowed,
            *([Entry.id == filters.entry_id] if filters.entry_id is not None else []),
        )
    ).all()
    found = []
    for row in rows:
        named = by_id.get(row.event_id or 0) or by_forum.get(row.forum_id or 0)
        event = named or by_question.get(row.question_id or 0)
        if event is not None and rules.lapsed_before(row.review_by, event_ends_on=event.ends_on, on=on):
            rests = rules.rests_on(version=row.standing_version, review=row.review_by, event=event.id)
            key = rules.key_of(GapKind.REVIEW, row.id)
            bare = _Bare(GapKind.REVIEW, key, rests, entry_id=row.id, event_id=event.id, unit_ids=(row.unit_id,))
            found.append((event.starts_on, row.review_by, row.id, bare))
    return [bare for *_order, bare in sorted(found, key=lambda f: f[:3])]


@dataclass(frozen=True)
class _Subject:
    """A topic: whether it is an umbrella, and whether somebody has current work on it."""

    id: int
    name: str
    umbrella: bool
    worked_on: bool
    worked_by: bool
    """By one of the units that the list is narrowed to."""


def _subjects(session: Session, filters: Filters) -> dict[int, _Subject]:
    """Return the topics that are not merged, by name."""
    released = and_(behind(Entry.state) == State.RELEASED, entries.of_units_in(Circle.MINISTRY, Entry.unit_id))
    by_some: ColumnElement[bool] = literal(True)
    if filters.unit_ids is not None:
        by_some = entries.is_worked_on(released, behind(Entry.unit_id).in_(sorted(filters.unit_ids)))
    rows = select(Topic.id, Topic.name, Topic.umbrella, entries.is_worked_on(released), by_some)
    rows = rows.where(Topic.merged_into_id.is_(None))
    return {row[0]: _Subject(*row) for row in session.execute(rows.order_by(Topic.name, Topic.id))}


def _leads(subjects: Mapping[int, _Subject], stakes: Stakes) -> list[_Bare]:
    found = []
    for subject in subjects.values():
        if rules.lacks_lead(_of(stakes, subject.id), worked_on=subject.worked_on, umbrella=subject.umbrella):
            rests = rules.rests_on(say=_digest(stakes.get(subject.id, {})))
            key = rules.key_of(GapKind.LEAD, subject.id)
            found.append(_Bare(GapKind.LEAD, key, rests, topic_id=subject.id, topic_ids=(subject.id,)))
    return found


def _wings(session: Session, subjects: Mapping[int, _Subject], stakes: Stakes) -> list[_Bare]:
    related: defaultdict[int, set[int]] = defaultdict(set)
    for low, high in session.execute(select(Related.low_id, Related.high_id)):
        if low in subjects and high in subjects:
            related[low].add(high)
            related[high].add(low)
    within: defaultdict[int, set[int]] = defaultdict(set)
    above = broader_edges(session)
    for topic_id, broader in above.items():
        for broader_id in broader if topic_id in subjects else ():
            within[broader_id].add(topic_id)
    covered = {s.id for s in subjects.values() if s.worked_on} | {t for t in stakes if set(LEADING) & set(_of(stakes, t))}
    over = _above(covered, above)
    bodies: defaultdict[int, list[int]] = defaultdict(list)
    for body in subjects.values():
        known_as = {"worked_on": body.worked_on, "umbrella": body.umbrella}
        if rules.is_butterfly(related=len(related[body.id]), wings=windows().wings, **known_as):
            for topic_id in related[body.id] | within[body.id]:
                bodies[topic_id].append(body.id)
    found = []
    for wing in subjects.values():
        of = bodies.get(wing.id)
        stands = {"worked_on": wing.worked_on, "covered_within": wing.id in over, "umbrella": wing.umbrella}
        if of and rules.is_bare(_of(stakes, wing.id), **stands):
            leads = {u for body in of for u, held in stakes.get(body, {}).items() if held & set(LEADING)}
            found.append(
                _Bare(
                    GapKind.WING,
                    rules.key_of(GapKind.WING, wing.id),
                    rules.rests_on(edges=_digest(related[wing.id])),
                    topic_id=wing.id,
                    topic_ids=tuple(of),
                    unit_ids=tuple(sorted(leads)),
                )
            )
    return found


def _above(topic_ids: Iterable[int], broader: Mapping[int, Iterable[int]]) -> set[int]:
    """Return all topics that lie, however far, above some."""
    waiting, found = list(topic_ids), set[int]()
    while waiting:
        for above in broader.get(waiting.pop(), ()):
            if above not in found:
                found.add(above)
                waiting.append(above)
    return found


# --- who was not asked -------------------------------------------------------------------------------------------------


def _heirs() -> CTE:
    """Return which unit stands for which earlier one: whoever asked a unit that went on as another has asked that other."""
    line = select(UnitSuccession.successor_id.label("unit_id"), UnitSuccession.predecessor_id.label("before_id")).cte(
        "heirs", recursive=True
    )
    return line.union(
        select(UnitSuccession.successor_id, line.c.before_id).join(line, UnitSuccession.predecessor_id == line.c.unit_id)
    )


NEARER = (GapKind.EVENT, GapKind.REVIEW)
"""What stands before a unit that was not asked in a list; the rest follows."""

_BY_WEIGHT = {weight: stake for stake, weight in WEIGHT.items()}


@dataclass(frozen=True)
class _Consulted:
    """What is missing of who was asked: how many by whether it is known, and the gaps of one page, the newest entry first."""

    counts: Mapping[bool, int]
    page: Sequence[_Bare]
    cut: bool


_of_standing = EntryVersion.__table__.alias()  # the version that stands is what is seen of a released entry


def _recent(filters: Filters, *, on: date) -> CTE:
    """Return the entries of the ministry whose version that stands was released within the window, and that pass some filters.

    Where nothing narrows them, the newest 1,000: a page costs the same however much is released.
    """
    since, version = datetime.combine(on - windows().asked, time(), UTC), _of_standing
    stands = and_(version.c.entry_id == Entry.id, version.c.number == Entry.standing_version, version.c.released_at >= since)
    found = (
        select(Entry.id, Entry.unit_id, Entry.released_at, Entry.standing_version.label("version"))
        .join(version, stands)
        # of what was released of late there is little: the time comes first, whose and what it is afterwards
        .where(behind(Entry.state) == State.RELEASED, entries.held_in(Circle.MINISTRY))
    )
    if filters.entry_id is not None:
        found = found.where(Entry.id == filters.entry_id)
    if filters.topic_ids is not None:
        found = found.where(exists().where(_on.c.entry_id == Entry.id, _on.c.topic_id.in_(sorted(filters.topic_ids))))
    if filters.forum_id is not None:
        found = found.where(entries.before_forum(filters.forum_id))
    if filters.event_id is not None:
        found = found.where(Entry.event_id == filters.event_id)
    # the pairs are narrowed once more, by whose they are: here, what is none of these units' business is not even paired
    for units in _whose(filters):
        found = found.where(among_found(Entry.id, _concerning(units, on=on)))
    if not filters.narrowed:
        found = found.order_by(version.c.released_at.desc(), version.c.entry_id.desc()).limit(NEWEST)
    return found.cte("recent")


def _whose(filters: Filters) -> list[list[int]]:
    """Return the units to which a list is narrowed: the one to whom it is shown, and those that are named."""
    found = [] if filters.unit_ids is None else [sorted(filters.unit_ids)]
    if filters.shown_to is not None:  # who has no unit has no gaps
        found.append([] if filters.shown_to.unit_id is None else [filters.shown_to.unit_id])
    return found


def _concerning(unit_ids: Sequence[int], *, on: date) -> CompoundSelect[int]:
    """Return a select of the numbers of the entries that some units own, or that are on a topic in which one has a say."""
    say = select(Equity.topic_id).join(Unit, Unit.id == Equity.unit_id).where(Equity.unit_id.in_(unit_ids), *in_force(on))
    return union_all(
        select(_found.c.id).where(_found.c.unit_id.in_(unit_ids)), select(_on.c.entry_id).where(_on.c.topic_id.in_(say))
    )


def _having_say(*, on: date) -> CTE:
    """Return the units that have a say in topics, and its weight; on an umbrella nobody has to be asked."""
    weight = case(*((Equity.stake == stake, WEIGHT[stake]) for stake in SAY)).label("weight")
    return (
        select(Equity.topic_id, Equity.unit_id, weight)
        .join(Unit, Unit.id == Equity.unit_id)
        .join(Topic, and_(Topic.id == Equity.topic_id, Topic.umbrella.is_(False)))
        .where(*in_force(on))
        .cte("say")
    )


def _passed_over(recent: CTE, filters: Filters, *, on: date) -> CTE:
    """Return whom some entries passed over: (entry, unit, weight, version, when it was released, whether it is known).

    rules.missed is its twin.
    """
    say, heirs = _having_say(on=on), _heirs()

    def took_part(row: Any) -> Any:
        return exists().where(row.c.entry_id == recent.c.id, row.c.unit_id == say.c.unit_id)

    went_on = exists().where(
        heirs.c.unit_id == say.c.unit_id, _asked.c.entry_id == recent.c.id, _asked.c.unit_id == heirs.c.before_id
    )
    weight = func.min(say.c.weight).label("weight")
    missed = (
        select(
            recent.c.id.label("entry_id"),
            say.c.unit_id,
            weight,
            func.min(recent.c.version).label("version"),  # of an entry there is one: the less there is to group by, the quicker
            func.min(recent.c.released_at).label("released_at"),
        )
        .join(_on, _on.c.entry_id == recent.c.id)
        .join(say, say.c.topic_id == _on.c.topic_id)
        .where(
            say.c.unit_id != recent.c.unit_id,
            *_of_units(filters, recent.c.unit_id, say.c.unit_id),
            ~took_part(_asked),
            ~went_on,
            ~took_part(_adherence).where(_adherence.c.ended_at.is_(None)),
            ~took_part(_contributor),
        )
        .group_by(recent.c.id, say.c.unit_id)
    )
    if filters.topic_ids is not None:  # the weight stays that of all topics
        missed = missed.having(func.max(case((_on.c.topic_id.in_(sorted(filters.topic_ids)), 1), else_=0)) == 1)
    rows = missed.subquery()
    rests = literal("version=", String).concat(cast(rows.c.version, String)).concat(";stake=").concat(cast(rows.c.weight, String))
    is_known = exists().where(
        _known.c.kind == GapKind.CONSULTATION,
        _known.c.entry_id == rows.c.entry_id,
        _known.c.unit_id == rows.c.unit_id,
        _known.c.ended_at.is_(None),
        _known.c.until_on >= on,
        _known.c.rests_on == rests,
    )
    return select(*rows.c, case((is_known, 1), else_=0).label("is_known")).cte("missed")


def _of_units(filters: Filters, owner: Any, unit: Any) -> list[ColumnElement[bool]]:
    """Return the conditions on whose the entry is and which unit was not asked."""
    where: list[ColumnElement[bool]] = [or_(owner.in_(units), unit.in_(units)) for units in _whose(filters)]
    if filters.shown_to is not None and not filters.shown_to.roles & WRITERS:
        where.append(false())
    return where


_COUNT, _LOOKED_AT, _ROW = range(3)


def _consulted(session: Session, filters: Filters, *, on: date, skip: int, most: int) -> _Consulted:
    """Return what is missing of who was asked: one statement, because finding it is what costs."""
    recent = _recent(filters, on=on)
    missed = _passed_over(recent, filters, on=on)
    order = (missed.c.released_at.desc(), missed.c.entry_id.desc(), missed.c.weight, missed.c.unit_id)
    page = select(missed.c.entry_id, missed.c.unit_id, missed.c.weight, missed.c.version, missed.c.is_known)
    if filters.known is not None:
        page = page.where(missed.c.is_known == int(filters.known))
    listed = page.order_by(*order).offset(skip).limit(max(most, 0)).subquery()
    nothing = (literal(0), literal(0), literal(0))
    number = select(func.count(), *nothing, missed.c.is_known, literal(_COUNT).label("what")).select_from(missed)
    # a second look at the entries makes a table of them, and where they are narrowed that is longer than to pick them out
    looked = [] if filters.narrowed else [select(func.count(), *nothing, literal(0), literal(_LOOKED_AT)).select_from(recent)]
    rows = union_all(number.group_by(missed.c.is_known), *looked, select(*listed.c, literal(_ROW))).subquery("found")
    counts, found, looked_at = dict[bool, int](), list[tuple[int, int, int, int, int]](), 0
    for number_or_entry, unit_id, weight, version, is_known, what in session.execute(select(rows)):
        if what == _COUNT:
            counts[bool(is_known)] = number_or_entry
        elif what == _LOOKED_AT:
            looked_at = number_or_entry
        else:
            found.append((number_or_entry, unit_id, weight, version, is_known))
    return _Consulted(counts, [_bare_consultation(*row) for row in found], cut=looked_at == NEWEST)


def _bare_consultation(entry_id: int, unit_id: int, weight: int, version: int, is_known: int) -> _Bare:
    return _Bare(
        GapKind.CONSULTATION,
        rules.key_of(GapKind.CONSULTATION, entry_id, unit_id),
        rules.rests_on(version=version, stake=weight),
        entry_id=entry_id,
        unit_id=unit_id,
        stake=_BY_WEIGHT[weight],
        is_known=bool(is_known),
    )


# --- the list ----------------------------------------------------------------------------------------------------------


def listed(
    session: Session, reader: Reader, filters: Filters = EVERYTHING, *, on: date, number: int = 1, size: int = PAGE
) -> Listed:
    """Return one page of what is missing, the nearest event first, as the reader sees it whom the session is bound to.

    The counts by kind leave the kind that is asked for out of account, the counts of what is known leave that out.
    """
    if not is_inside(reader):
        return NOTHING
    stakes = _stakes(session, on=on)
    bare = [b for b in _all_but_consultations(session, filters, stakes, on=on) if _passes(b, filters)]
    said = Counter((b.kind, b.is_known) for b in bare)
    wanted = (True, False) if filters.known is None else (filters.known,)
    kinds = [filters.kind] if filters.kind is not None else list(GapKind)
    before = [b for b in bare if b.kind in kinds and b.is_known in wanted and b.kind in NEARER]
    after = [b for b in bare if b.kind in kinds and b.is_known in wanted and b.kind not in NEARER]
    first, last = (number - 1) * size, number * size
    room = range(*(0, 0) if GapKind.CONSULTATION not in kinds else (max(first - len(before), 0), max(last - len(before), 0)))
    consulted = _consulted(session, filters, on=on, skip=room.start, most=len(room))
    said.update({(GapKind.CONSULTATION, is_known): n for is_known, n in consulted.counts.items()})
    counts = {kind: sum(said[kind, k] for k in wanted) for kind in GapKind}
    passed = len(before) + counts[GapKind.CONSULTATION] if GapKind.CONSULTATION in kinds else len(before)
    page = [*before[first:last], *consulted.page, *after[max(first - passed, 0) : max(last - passed, 0)]]
    return Listed(
        gaps=tuple(_shown(session, page, stakes, on=on)) if size else (),
        total=sum(counts[k] for k in kinds),
        counts=counts,
        known=sum(said[k, True] for k in kinds),
        unknown=sum(said[k, False] for k in kinds),
        cut=consulted.cut,
    )


def one(session: Session, reader: Reader, kind: GapKind, key: str, filters: Filters, *, on: date) -> Gap:
    """Return a gap by its key, known or not, among those that pass some filters; raises NotFound if it is not there (any more)."""
    narrow = Filters(kind=kind, topic_ids=filters.topic_ids, event_id=filters.event_id, entry_id=filters.entry_id, known=None)
    found = listed(session, reader, narrow, on=on, size=1000).gaps
    gap = next((g for g in found if g.key == key), None)
    if gap is None:
        raise NotFound
    return gap


def _all_but_consultations(session: Session, filters: Filters, stakes: Stakes, *, on: date) -> list[_Bare]:
    kinds, found = filters.kinds, list[_Bare]()
    sessions = _sessions(session, on=on)
    if GapKind.EVENT in kinds:
        wanted = [s for s in sessions if _is_wanted(s, filters)]
        found += _events(wanted, _answered(session, wanted), stakes, on=on)
    found += _reviews(session, sessions, filters, on=on)
    if GapKind.LEAD in kinds:
        subjects = _subjects(session, filters)
        before = _before(session, filters)
        found += [b for b in _leads(subjects, stakes) if _of_subject(b, subjects, filters, before)]
        if GapKind.WING in kinds:
            found += _wings(session, subjects, stakes)
    standing = dict(
        session.execute(
            select(Known.key, Known.rests_on).where(
                Known.kind != GapKind.CONSULTATION, Known.ended_at.is_(None), Known.until_on >= on
            )
        ).all()
    )
    forums = {s.id: s.forum_id for s in sessions}
    return [
        _with(b, is_known=standing.get(b.key) == b.rests_on)
        for b in found
        if filters.forum_id is None or b.event_id is None or forums[b.event_id] == filters.forum_id
    ]


def _with(bare: _Bare, **changes: Any) -> _Bare:
    return _Bare(**{**vars(bare), **changes})


def _before(session: Session, filters: Filters) -> frozenset[int] | None:
    """Return the topics of the questions before a forum or an event's forum; None if the list is narrowed to neither."""
    if filters.forum_id is None and filters.event_id is None:
        return None
    forum: Any = filters.forum_id
    if filters.event_id is not None:
        forum = select(Event.forum_id).where(Event.id == filters.event_id).scalar_subquery()
    return frozenset(session.scalars(select(Question.topic_id).where(Question.forum_id == forum)))


def _of_subject(bare: _Bare, subjects: Mapping[int, _Subject], filters: Filters, before: frozenset[int] | None) -> bool:
    topic_id = bare.topic_id or 0
    return (filters.unit_ids is None or subjects[topic_id].worked_by) and (before is None or topic_id in before)


def _passes(bare: _Bare, filters: Filters) -> bool:
    """Say whether a gap passes the filters; what is narrowed by the database already passes here."""
    if filters.event_id is not None and bare.event_id not in {filters.event_id, None}:
        return False
    if filters.unit_ids is not None and bare.kind is not GapKind.LEAD and filters.unit_ids.isdisjoint(bare.unit_ids):
        return False
    topics = {*bare.topic_ids, bare.topic_id}
    if filters.topic_ids is not None and bare.kind is not GapKind.REVIEW and filters.topic_ids.isdisjoint(topics):
        return False
    reader = filters.shown_to
    if reader is None:
        return True
    own = bool(reader.roles & WRITERS) and reader.unit_id in bare.unit_ids
    return own or (bare.kind in rules.COORDINATED and Role.COORDINATOR in reader.roles)


# --- rows as they are shown --------------------------------------------------------------------------------------------

Thing = TypeVar("Thing")


def _things(session: Session, found: Select[Any], model: Any, ids: Iterable[int | None]) -> dict[int, Any]:
    wanted = sorted({i for i in ids if i is not None})
    return {thing.id: thing for thing in session.scalars(found.where(model.id.in_(wanted)))}


def _shown(session: Session, page: Sequence[_Bare], stakes: Stakes, *, on: date) -> list[Gap]:
    """Return the gaps of one page with all that is shown of them."""
    papers = _things(session, with_company(), Entry, (b.entry_id for b in page))
    units = _things(session, select(Unit), Unit, (i for b in page for i in (b.unit_id, *b.unit_ids)))
    events = _things(session, select(Event).options(joinedload(Event.forum)), Event, (b.event_id for b in page))
    topics = _things(session, select(Topic), Topic, (i for b in page for i in (b.topic_id, *b.topic_ids)))
    said = {
        k.key: k
        for k in session.scalars(
            select(Known)
            .where(Known.key.in_([b.key for b in page]), Known.ended_at.is_(None))
            .options(joinedload(Known.by), joinedload(Known.by_unit))
        )
    }

    def gap(bare: _Bare) -> Gap:
        entry = papers.get(bare.entry_id or 0)
        event = events.get(bare.event_id or 0)
        if event is None and entry is not None and entry.event is not None and entry.event.ends_on >= on:
            event = entry.event
        if bare.kind is GapKind.CONSULTATION and entry is not None:
            say = [t for t in entry.topics if not t.umbrella and bare.unit_id in stakes.get(t.id, {})]
        else:
            say = [topics[i] for i in bare.topic_ids if bare.kind is not GapKind.LEAD]
        return Gap(
            kind=bare.kind,
            key=bare.key,
            rests_on=bare.rests_on,
            entry=entry,
            unit=units.get(bare.unit_id or 0),
            stake=bare.stake,
            event=event,
            topic=topics.get(bare.topic_id or 0),
            topics=tuple(sorted(say, key=lambda t: t.name)),
            units=tuple(sorted((units[i] for i in bare.unit_ids), key=lambda u: (u.short_name, u.id))),
            others=bare.others,
            days=(event.starts_on - on).days if event is not None else None,
            known=said.get(bare.key),
            is_known=bare.is_known,
        )

    return [gap(b) for b in page]


# --- around one entry --------------------------------------------------------------------------------------------------


def heard(session: Session, reader: Reader, entry: Entry, *, on: date) -> tuple[list[Heard], list[Gap]]:
    """Return who has a say in an entry's topics and how it stands with each, and the gaps of the entry; for the ministry only."""
    if not is_inside(reader):
        return [], []
    gaps = listed(session, reader, Filters(entry_id=entry.id, known=None), on=on, size=200).gaps
    asked = session.scalars(
        select(Asked).where(Asked.entry_id == entry.id).options(joinedload(Asked.unit), joinedload(Asked.by)).order_by(Asked.id)
    ).all()
    heirs = _heirs()
    went_on = session.execute(select(heirs.c.unit_id, heirs.c.before_id).where(heirs.c.before_id.in_([a.unit_id for a in asked])))
    asked_of: dict[int, Asked] = {a.unit_id: a for a in asked}
    for unit_id, before_id in went_on.all():
        asked_of.setdefault(unit_id, asked_of[before_id])
    part_of = {
        name: set(session.scalars(found))
        for name, found in (
            ("adheres", select(Adherence.unit_id).where(Adherence.entry_id == entry.id, Adherence.ended_at.is_(None))),
            ("contributes", select(Contributor.unit_id).where(Contributor.entry_id == entry.id)),
        )
    }
    plain = {t.id: t for t in entry.topics if not t.umbrella}
    held: defaultdict[int, list[Equity]] = defaultdict(list)
    for equity in session.scalars(
        select(Equity)
        .join(Unit, Unit.id == Equity.unit_id)
        .where(Equity.topic_id.in_(sorted(plain)), Equity.unit_id != entry.unit_id, *in_force(on))
        .options(joinedload(Equity.unit))
    ):
        held[equity.unit_id].append(equity)
    found = [
        Heard(
            unit=says[0].unit,
            stake=min((e.stake for e in says), key=WEIGHT.__getitem__),
            topics=tuple(sorted({plain[e.topic_id] for e in says}, key=lambda t: t.name)),
            asked=asked_of.get(unit_id),
            adheres=unit_id in part_of["adheres"],
            contributes=unit_id in part_of["contributes"],
            gap=next((g for g in gaps if g.unit is not None and g.unit.id == unit_id), None),
        )
        for unit_id, says in held.items()
    ]
    shown = {id(h.asked) for h in found}
    found += [Heard(unit=a.unit, asked=a) for a in asked if id(a) not in shown]
    order = sorted(found, key=lambda h: (not h.passed_over, len(WEIGHT) if h.stake is None else WEIGHT[h.stake], h.unit.short_name))
    return order, list(gaps)


def asked_row(session: Session, entry: Entry, unit_id: int) -> Asked | None:
    """Return that a unit was asked about an entry, or None if nobody said so."""
    return session.scalars(select(Asked).where(Asked.entry_id == entry.id, Asked.unit_id == unit_id)).one_or_none()


def known(session: Session, ref: str) -> Known:
    """Return what was said of a gap by ref, if it stands; raises NotFound."""
    found = session.scalars(
        select(Known)
        .where(Known.ref == ref, Known.ended_at.is_(None))
        .options(joinedload(Known.entry), joinedload(Known.event), joinedload(Known.topic))
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def standing(session: Session, key: str) -> Known | None:
    """Return what was last said of a gap and not taken back, or None."""
    return session.scalars(select(Known).where(Known.key == key, Known.ended_at.is_(None))).one_or_none()


def offered(session: Session, entry: Entry, *, on: date) -> list[tuple[str, str, int]]:
    """Return the units that may have been asked about an entry, as choices of a form: all that have not ended but its own."""
    rows: Sequence[Any] = session.execute(
        select(Unit.ref, Unit.short_name, Unit.name, Unit.id)
        .where(or_(Unit.ends_on.is_(None), Unit.ends_on > on), Unit.id != entry.unit_id)
        .order_by(Unit.short_name, Unit.id)
    ).all()
    return [(ref, f"{short} – {name}", i) for ref, short, name, i in rows]
