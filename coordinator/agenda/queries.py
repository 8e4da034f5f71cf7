"""What is known of the events ahead: who is ready, who is missing, whose lines clash; always as the session's reader sees it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, SelectBase, and_, exists, func, literal, or_, select, union_all
from sqlalchemy.orm import Session, aliased, joinedload

from coordinator.agenda.rules import ANSWERS, Answer, Asked, Coming, Further, Tally, Work, answer, at_work_in_order, place
from coordinator.calendar.models import Counterpart, Event, Instrument, Question
from coordinator.calendar.queries import counterparts, events, instruments, next_events, questions
from coordinator.db import among_found, behind, bound_reader, one_of
from coordinator.dossiers.models import Milestone
from coordinator.entries.models import Entry, EntryCounterpart, EntryInstrument, EntryTopic, Kind, State
from coordinator.entries.queries import with_company
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.models import FAR, Overlap, OverlapKind, Severity
from coordinator.overlaps.queries import OPEN
from coordinator.overlaps.rules import RANK
from coordinator.people.models import Circle, Organisation, Unit
from coordinator.positions.models import Adherence, Position
from coordinator.positions.queries import adherences
from coordinator.positions.queries import with_company as positions_with_company
from coordinator.topics.models import Equity, Stake

_BY_RANK = {rank: severity for severity, rank in RANK.items()}
_WEIGHT = {stake: place for place, stake in enumerate(Stake)}


# --- found by question or event ----------------------------------------------------------------------------------------

_entry = Entry.__table__.alias("found")
_adherence = Adherence.__table__  # of a line that is seen: what hangs on it is seen with it
_question_id, _stance = Entry.__table__.c.question_id, Entry.__table__.c.stance  # a position's alone


def _numbers(*which: ColumnElement[bool]) -> SelectBase:
    """Return a select of the numbers of the entries for which one of some conditions holds.

    One after the other, each by its index: of conditions in one, PostgreSQL may ask all entries.
    """
    each = [select(_entry.c.id).where(where) for where in which]
    return union_all(*each) if len(each) > 1 else each[0]


def _found(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that an entry is among those released ones for which one of others holds.

    It finds numbers only, and the rule of access is asked of what has them. Asked of both at once, SQLite walks through all that
    the reader may see instead of the few entries on a question.
    """
    return and_(among_found(Entry.id, _numbers(*which)), behind(Entry.state) == State.RELEASED)


def _on(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition of `_found` for lines on the questions for which one holds."""
    return _entry.c.question_id.in_(select(Question.id).where(which))


@dataclass
class _Count:
    """What is counted for one question, or for one event beside the questions before its forum."""

    forum_id: int | None = None
    units: set[int] = field(default_factory=set)  # that have a line, their own or another's
    positions: int = 0
    outside: int = 0
    adhered: int = 0
    conflicting: int = 0
    worst: int | None = None
    missing: dict[int, int] = field(default_factory=dict)  # unit → the weight of its stake

    def says(self, unit_id: int, *, outside: bool, recorded: bool) -> None:
        """Count a position of a unit, or one that it only wrote down: that is an outside voice, and the unit still has no line."""
        if recorded:
            self.outside += 1
            return
        self.units.add(unit_id)
        self.positions += not outside
        self.outside += outside

    def adheres(self, unit_id: int) -> None:
        """Count a unit that made a line its own."""
        self.units.add(unit_id)
        self.adhered += 1

    def add(self, other: "_Count") -> None:
        """Take another count into this one."""
        self.positions += other.positions
        self.outside += other.outside
        self.adhered += other.adhered
        self.conflicting += other.conflicting
        self.worst = min((w for w in (self.worst, other.worst) if w is not None), default=None)
        for unit_id, weight in other.missing.items():
            self.missing[unit_id] = min(weight, self.missing.get(unit_id, weight))

    @property
    def severity(self) -> Severity | None:
        """Return the worst severity."""
        return None if self.worst is None else _BY_RANK[self.worst]


_Counts = defaultdict[int, _Count]


def ahead(
    session: Session,
    *,
    on: date,
    until: date,
    forum_ids: Collection[int] | None = None,
    topic_ids: Collection[int] | None = None,
) -> Sequence[Coming]:
    """Return the events that are not over on a day and start until another one, the nearest first, with their state.

    `topic_ids` keeps the events of forums with a question on one of these topics, and those that entries on them go to. The
    number of statements is the same however much there is.
    """
    wanted = select(Event).where(Event.ends_on >= on, Event.starts_on <= until)
    if forum_ids is not None:
        wanted = wanted.where(Event.forum_id.in_(sorted(forum_ids)))
    if topic_ids is not None:
        wanted = wanted.where(_concerns(sorted(topic_ids)))
    events = session.scalars(wanted.options(joinedload(Event.forum)).order_by(Event.starts_on, Event.ends_on, Event.id)).all()
    return state_of(session, events, on=on)


def state_of(session: Session, events: Sequence[Event], *, on: date) -> list[Coming]:
    """Return some events, loaded with their forums, each with its state of coordination on a day, in the order given."""
    which = Question.forum_id.in_(sorted({e.forum_id for e in events}))
    return _coming(session, events, _on_questions(session, which, on=on), on=on)


def _coming(session: Session, events: Sequence[Event], answered: _Counts, *, on: date) -> list[Coming]:
    before: defaultdict[int | None, list[_Count]] = defaultdict(list)
    for count in answered.values():
        before[count.forum_id].append(count)
    beside = _beside_questions(session, events, answered)
    totals: dict[int, _Count] = {}
    for event in events:
        totals[event.id] = total = _Count()
        for count in (beside[event.id], *before[event.forum_id]):
            total.add(count)
    units = _units(session, {u for t in totals.values() for u in t.missing})
    return [
        Coming(
            event=event,
            days=(event.starts_on - on).days,
            questions=len(before[event.forum_id]),
            unanswered=sum(not count.positions for count in before[event.forum_id]),
            positions=total.positions,
            missing=_in_order(total.missing, units),
            conflicting=total.conflicting,
            worst=total.severity,
            adhered=total.adhered,
            outside=total.outside,
        )
        for event in events
        for total in [totals[event.id]]
    ]


def _concerns(topic_ids: Sequence[int]) -> ColumnElement[bool]:
    asked = select(Question.forum_id).where(Question.topic_id.in_(topic_ids), Question.forum_id.is_not(None))
    named = (
        select(Entry.event_id)
        .join(EntryTopic, EntryTopic.entry_id == Entry.id)
        .where(EntryTopic.topic_id.in_(topic_ids), Entry.state == State.RELEASED, Entry.event_id.is_not(None))
    )
    return or_(Event.forum_id.in_(asked), Event.id.in_(named))


# --- counting ----------------------------------------------------------------------------------------------------------


def _on_questions(session: Session, which: ColumnElement[bool], *, on: date) -> _Counts:
    """Count for each question of which a condition holds what is current on it, and who has no line on it.

    The rows are narrow and counted here: grouped by the database, and asked for once for each thing that is counted, they take
    it three times as long.
    """
    found: _Counts = defaultdict(_Count)
    topics: dict[int, int] = {}
    for question_id, forum_id, topic_id in session.execute(select(Question.id, Question.forum_id, Question.topic_id).where(which)):
        found[question_id].forum_id, topics[question_id] = forum_id, topic_id
    outside = _outside(session)
    on_them = one_of(_entry.c.question_id, sorted(topics))  # found once, not in each statement
    asked = _found(on_them)
    for on_it, unit_id, voice in session.execute(select(_question_id, Entry.unit_id, Entry.on_behalf_of_id).where(asked)):
        found[on_it or 0].says(unit_id, outside=unit_id in outside, recorded=voice is not None)
    for on_it, _event_id, unit_id in _adherences(session):
        if on_it in topics:
            found[on_it].adheres(unit_id)
    _conflicts(session, found, _low.c.question_id, on_them)
    held = _stakes(session, topics.values(), on=on)
    for question_id, topic_id in topics.items():
        count = found[question_id]
        count.missing = {u: ANSWERS.index(s) for u, s in held[topic_id].items() if s in ANSWERS and u not in count.units}
    return found


def _beside_questions(session: Session, events: Sequence[Event], answered: _Counts) -> _Counts:
    """Count what is current for each of some events beside what is counted for the questions before its forum."""
    found: _Counts = defaultdict(_Count)
    forums, outside = {e.id: e.forum_id for e in events}, _outside(session)

    def beside(event_id: int, question_id: int | None) -> bool:
        return question_id is None or question_id not in answered or answered[question_id].forum_id != forums[event_id]

    named = _entry.c.event_id.in_(sorted(forums))
    rows = select(Entry.event_id, _question_id, Entry.unit_id, Entry.on_behalf_of_id).where(
        _found(named), behind(Entry.kind) == Kind.POSITION
    )
    for event_id, question_id, unit_id, voice in session.execute(rows):
        if event_id is not None and beside(event_id, question_id):
            found[event_id].says(unit_id, outside=unit_id in outside, recorded=voice is not None)
    for question_id, event_id, unit_id in _adherences(session):
        if event_id in forums and beside(event_id, question_id):
            found[event_id].adheres(unit_id)
    event, question = aliased(Event), aliased(Question)
    before = exists().where(event.id == _low.c.event_id, question.id == _low.c.question_id, question.forum_id == event.forum_id)
    _conflicts(session, found, _low.c.event_id, named, _high.c.event_id == _low.c.event_id, ~before)
    return found


def _outside(session: Session) -> set[int]:
    """Return the units outside the ministry."""
    away = select(Unit.id).join(Organisation, Organisation.id == Unit.organisation_id)
    return set(session.scalars(away.where(Organisation.circle != Circle.MINISTRY)))


def _adherences(session: Session) -> Sequence[Any]:
    """Return (question, event, unit) of every standing adherence."""
    standing = _adherence.c.ended_at.is_(None)
    return session.execute(
        select(_question_id, Entry.event_id, _adherence.c.unit_id)
        .join(_adherence, _adherence.c.entry_id == Entry.id)
        .where(standing, _found(_entry.c.id.in_(select(_adherence.c.entry_id).where(standing))))
    ).all()


_low, _high = Entry.__table__.alias("low_end"), Entry.__table__.alias("high_end")  # of an overlap that is seen: then they are


def _conflicts(session: Session, found: _Counts, key: Any, which: ColumnElement[bool], *also: ColumnElement[bool]) -> None:
    """Count the open conflicts of the positions for which a condition of `_found` holds by a column of the low end.

    Two that clash are on one question. Where both are outside voices, it is not the units that have to get in order.
    """
    inside = select(Unit.id).join(Organisation, Organisation.id == Unit.organisation_id)
    inside = inside.where(Organisation.circle == Circle.MINISTRY)
    ends = ((Overlap.low_unit_id, _low), (Overlap.high_unit_id, _high))
    clashing = (
        select(key, func.count(Overlap.id), func.min(Overlap.rank))
        .join(_low, _low.c.id == Overlap.low_id)
        .join(_high, _high.c.id == Overlap.high_id)
        .where(
            among_found(_low.c.id, select(_entry.c.id).where(which)),
            behind(Overlap.kind) == OverlapKind.CONFLICT,
            behind(Overlap.current).is_(True),
            behind(Overlap.state).in_(OPEN),
            or_(*(and_(unit_id.in_(inside), end.c.on_behalf_of_id.is_(None)) for unit_id, end in ends)),
            *also,
        )
        .group_by(key)
    )
    for of, number, rank in session.execute(clashing):
        found[of].conflicting, found[of].worst = number, rank


def _stakes(session: Session, topic_ids: Iterable[int], *, on: date) -> defaultdict[int, dict[int, Stake]]:
    """Return for each topic the weightiest stake of each unit that holds on a day.

    Outside the ministry, nobody is told which unit has a stake in what.
    """
    found: defaultdict[int, dict[int, Stake]] = defaultdict(dict)
    reader = bound_reader(session)
    if reader is None or f"circle:{Circle.MINISTRY.value}" not in reader.tokens:
        return found
    rows = session.execute(
        select(Equity.topic_id, Equity.unit_id, Equity.stake)
        .join(Unit, Unit.id == Equity.unit_id)
        .where(
            Equity.topic_id.in_(sorted(set(topic_ids))),
            Equity.from_on <= on,
            or_(Equity.until_on.is_(None), Equity.until_on >= on),
            or_(Unit.ends_on.is_(None), Unit.ends_on >= on),
        )
    )
    for topic_id, unit_id, stake in rows:
        known = found[topic_id].get(unit_id)
        if known is None or _WEIGHT[stake] < _WEIGHT[known]:
            found[topic_id][unit_id] = stake
    return found


def _units(session: Session, ids: Iterable[int]) -> dict[int, Unit]:
    found = session.scalars(select(Unit).where(Unit.id.in_(sorted(ids))).options(joinedload(Unit.organisation)))
    return {u.id: u for u in found}


def _in_order(missing: dict[int, int], units: dict[int, Unit]) -> tuple[Unit, ...]:
    """Return the missing units, those with the weightiest stake first."""
    return tuple(units[u] for u in sorted(missing, key=lambda u: (missing[u], units[u].short_name, u)))


# --- questions ---------------------------------------------------------------------------------------------------------


def asked(session: Session, question_ids: Sequence[int], *, on: date) -> list[Asked]:
    """Return some questions in the order given, each with how far the units are with it and the next event of its forum."""
    which = Question.id.in_(question_ids)
    counts, nearest = _on_questions(session, which, on=on), next_events(session, on=on)
    units = _units(session, {u for c in counts.values() for u in c.missing})
    listed = {q.id: q for q in questions(session, which)}
    return [
        Asked(
            question=listed[i],
            event=nearest.get(listed[i].forum_id or 0),
            positions=counts[i].positions,
            missing=_in_order(counts[i].missing, units),
            conflicting=counts[i].conflicting,
            worst=counts[i].severity,
            adhered=counts[i].adhered,
            outside=counts[i].outside,
        )
        for i in question_ids
        if i in listed
    ]


# --- who says what -----------------------------------------------------------------------------------------------------

MOST_LINES = 300
WHOLE = 60
"""As many units' lines are shown whole at an event, spread over the questions; the further ones are named by their stance."""
FEWEST, FOREMOST = 1, 6
"""Whole lines of one question, where there are many questions and where there are few."""
MOST_DOSSIERS = 10


def at_event(session: Session, event: Event, *, on: date, whole: bool = False) -> tuple[Coming, list[Answer]]:
    """Return an event with its state of coordination, and what is said on each question before its forum.

    Lines for the event that are on none of these follow; there are at most 300 lines. Unless all are wanted `whole`, one to six
    of each question are, by how many questions there are.
    """
    before = Question.forum_id == event.forum_id
    counts = _on_questions(session, before, on=on)
    [coming] = _coming(session, [event], counts, on=on)
    which = [_on(before), _entry.c.event_id == event.id]
    foremost = MOST_LINES if whole else max(FEWEST, min(FOREMOST, WHOLE // max(1, len(counts))))
    return coming, _answers(session, which, before, counts, on=on, foremost=foremost)


def on_question(session: Session, question: Question, *, on: date) -> Answer:
    """Return what is said on one question; at most 300 lines."""
    itself, counts = Question.id == question.id, _on_questions(session, Question.id == question.id, on=on)
    return _answers(session, [_entry.c.question_id == question.id], itself, counts, on=on, foremost=MOST_LINES)[0]


def _answers(
    session: Session,
    which: Sequence[ColumnElement[bool]],
    before: ColumnElement[bool],
    counts: _Counts,
    *,
    on: date,
    foremost: int,
) -> list[Answer]:
    asked_of: dict[int, Question | None] = {q.id: q for q in questions(session, before)}
    rows = session.execute(
        select(
            Entry.id,
            Entry.ref,
            Entry.unit_id,
            Unit.short_name,
            _stance,
            Entry.level,
            _question_id,
            Question.topic_id,
            or_(Entry.on_behalf_of_id.is_not(None), Organisation.circle != Circle.MINISTRY).label("voice"),
        )
        .join(Unit, Unit.id == Entry.unit_id)
        .join(Organisation, Organisation.id == Unit.organisation_id)
        .outerjoin(Question, Question.id == _question_id)
        .where(_found(*which), Entry.kind == Kind.POSITION)
        .order_by(Unit.short_name, Entry.id)
        .limit(MOST_LINES)
    ).all()
    topics = {q.topic_id for q in asked_of.values() if q is not None} | {row.topic_id for row in rows if row.topic_id is not None}
    stakes = _stakes(session, topics, on=on)
    lines: defaultdict[int, list[Any]] = defaultdict(list)
    for row in sorted(rows, key=lambda r: place(stakes[r.topic_id].get(r.unit_id), r.short_name, r.id)):
        lines[row.question_id or 0].append(row)
    after = {row.id for listed in lines.values() for row in [r for r in listed if not r.voice][foremost:]}
    said: defaultdict[int, list[Position]] = defaultdict(list)
    for position in _whole(session, [row.id for row in rows if row.id not in after]):
        said[position.question_id or 0].append(position)
        asked_of.setdefault(position.question_id or 0, position.question)
    adherents: defaultdict[int, list[Unit]] = defaultdict(list)
    for adherence in adherences(session, [p.id for listed in said.values() for p in listed]):
        adherents[adherence.entry_id].append(adherence.unit)
    missing = {u for count in counts.values() for u in count.missing}
    units = _units(session, missing | {row.unit_id for row in rows if row.id in after})
    found = [
        answer(
            question,
            said[key],
            adherents=adherents,
            stakes=stakes[question.topic_id] if question else {},
            missing=_in_order(counts[key].missing, units) if key in counts else (),
            further=[Further(r.ref, units[r.unit_id], r.stance, r.level) for r in lines[key] if r.id in after],
        )
        for key, question in asked_of.items()
    ]
    return sorted(found, key=lambda a: a.question is None)


def _whole(session: Session, ids: Sequence[int]) -> Sequence[Position]:
    return session.scalars(
        select(Position)
        .where(Position.id.in_(ids))
        .options(
            joinedload(Position.unit).joinedload(Unit.organisation),
            joinedload(Position.question).options(joinedload(Question.topic), joinedload(Question.forum)),
            joinedload(Position.on_behalf_of),
        )
    ).all()


# --- around an event ---------------------------------------------------------------------------------------------------


def overlaps_at(session: Session, event: Event, *, most: int) -> Sequence[Overlap]:
    """Return the open overlaps with both ends at an event, the worst first; what only the text says is left out."""
    return _open(session, _entry.c.event_id == event.id, _on(Question.forum_id == event.forum_id), most=most)


def overlaps_on(session: Session, question_id: int, *, most: int) -> Sequence[Overlap]:
    """Return the open overlaps of two lines on a question, the worst first."""
    return _open(session, _entry.c.question_id == question_id, most=most)


def _open(session: Session, *which: ColumnElement[bool], most: int) -> Sequence[Overlap]:
    ends = _numbers(*which)  # numbers only: with the overlap both are seen
    return session.scalars(
        overlaps.with_company()
        .where(
            among_found(Overlap.low_id, ends),
            among_found(Overlap.high_id, ends),
            Overlap.current.is_(True),
            Overlap.state.in_(OPEN),
            Overlap.kind != OverlapKind.POSSIBLE,
        )
        .order_by(*overlaps.in_order())
        .limit(most)
    ).all()


def dossiers_at(session: Session, event_id: int, *, most: int = MOST_DOSSIERS) -> Sequence[Entry]:
    """Return the newest released dossiers that name an event."""
    return session.scalars(
        with_company()
        .where(_found(_entry.c.event_id == event_id), Entry.kind == Kind.DOSSIER)
        .order_by(Entry.logged_on.desc(), Entry.id.desc())
        .limit(most)
    ).all()


# --- who works on a thing ----------------------------------------------------------------------------------------------

MOST_WORK = 200


def at_work(session: Session, links: type[EntryCounterpart | EntryInstrument], thing_id: int, *, on: date) -> list[Work]:
    """Return who works on a counterpart or an instrument: the units whose next day is nearest first, and so their entries.

    At most the 200 newest entries; the number of statements is the same however much there is. Outside voices are no work.
    """
    entries = session.scalars(
        with_company()
        .where(_found(_entry.c.id.in_(_named_by(links, thing_id))), Entry.on_behalf_of_id.is_(None))
        .order_by(Entry.logged_on.desc(), Entry.id.desc())
        .limit(MOST_WORK)
    ).all()
    due = session.execute(
        select(Milestone.entry_id, func.min(Milestone.due_on))
        .where(Milestone.entry_id.in_([e.id for e in entries]), Milestone.due_on >= on)
        .group_by(Milestone.entry_id)
    )
    days: dict[int, date] = dict(due.all())
    for entry in entries:
        if entry.event is not None and entry.event.ends_on >= on:
            days[entry.id] = min(entry.event.starts_on, days.get(entry.id, entry.event.starts_on))
    return at_work_in_order(entries, days)


def voices_of(session: Session, counterpart_id: int) -> Sequence[Position]:
    """Return what units wrote down of what a counterpart holds, the newest first; at most 200."""
    return _voices(session, _entry.c.on_behalf_of_id == counterpart_id)


def voices_on(session: Session, instrument_id: int) -> Sequence[Position]:
    """Return what units wrote down of what others hold about an instrument, the newest first; at most 200."""
    return _voices(session, _entry.c.id.in_(_named_by(EntryInstrument, instrument_id)))


def _voices(session: Session, which: ColumnElement[bool]) -> Sequence[Position]:
    return session.scalars(
        positions_with_company()
        .where(_found(which), Position.on_behalf_of_id.is_not(None))
        .order_by(Position.said_on.desc(), Position.id.desc())
        .limit(MOST_WORK)
    ).all()


def overlaps_of(
    session: Session, links: type[EntryCounterpart | EntryInstrument], thing_id: int, *, most: int
) -> Sequence[Overlap]:
    """Return the open overlaps of two entries that both concern a counterpart or refer to an instrument, the worst first."""
    return _open(session, _entry.c.id.in_(_named_by(links, thing_id)), most=most)


def _thing(links: Any) -> Any:
    return links.counterpart_id if links is EntryCounterpart else links.instrument_id


def _named_by(links: Any, thing_id: int) -> Any:
    return select(links.entry_id).where(_thing(links) == thing_id)


def tallies(session: Session, links: type[EntryCounterpart | EntryInstrument], *, on: date) -> dict[int, Tally]:
    """Return for each counterpart or instrument how many units and entries are on it, and the nearest event they go to."""
    link: Any = links.__table__  # of an entry that is seen: what hangs on it is seen with it
    of = link.c[_thing(links).key].label("thing_id")
    work = (  # once for both: to look through all entries that are linked is what costs
        select(of, Entry.unit_id, Entry.event_id, func.count().label("entries"))
        .join(Entry, and_(Entry.id == link.c.entry_id, behind(Entry.state) == State.RELEASED))
        .group_by(of, Entry.unit_id, Entry.event_id)
        .cte("work")
    )
    units = func.count(func.distinct(work.c.unit_id))
    rows = union_all(
        select(work.c.thing_id, units.label("units"), func.sum(work.c.entries).label("entries"), literal(0).label("event_id"))
        .select_from(work)
        .group_by(work.c.thing_id),
        select(work.c.thing_id, literal(0), literal(0), work.c.event_id).where(work.c.event_id.is_not(None)).distinct(),
    ).subquery()
    ahead_of_us = {event.id: event for event in events(session, ending_from=on)}
    counted: dict[int, tuple[int, int]] = {}
    named: dict[int, Event] = {}
    for thing_id, on_it, entries, event_id in session.execute(select(rows)):
        event = ahead_of_us.get(event_id)
        if not event_id:
            counted[thing_id] = on_it, int(entries)
        elif event is not None and (thing_id not in named or _nearer(event, named[thing_id])):
            named[thing_id] = event
    return {thing_id: Tally(on_it, entries, named.get(thing_id)) for thing_id, (on_it, entries) in counted.items()}


def _nearer(event: Event, other: Event) -> bool:
    return (event.starts_on, event.id) < (other.starts_on, other.id)


def instruments_nearest_first(session: Session, *, on: date) -> list[tuple[Instrument, Tally]]:
    """Return the instruments, each with who is on it: the nearest event first (of an entry, else of the forum), then by name."""
    counted, nearest = tallies(session, EntryInstrument, on=on), next_events(session, on=on)
    found = []
    for instrument in instruments(session):
        tally = counted.get(instrument.id, Tally())
        if tally.event is None:
            tally = replace(tally, event=nearest.get(instrument.forum_id or 0))
        found.append((instrument, tally))
    return sorted(found, key=_by_day)


def counterparts_nearest_first(session: Session, *, on: date) -> list[tuple[Counterpart, Tally]]:
    """Return the counterparts, each with who is on it: the nearest event of an entry first, then by name."""
    counted = tallies(session, EntryCounterpart, on=on)
    return sorted(((c, counted.get(c.id, Tally())) for c in counterparts(session)), key=_by_day)


def _by_day(pair: tuple[Any, Tally]) -> tuple[bool, date]:
    event = pair[1].event
    return (event is None, event.starts_on if event else FAR)
