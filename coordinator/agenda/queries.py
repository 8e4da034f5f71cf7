"""What is known of the events ahead: who is ready, who is missing, whose lines clash; always as the session's reader sees it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from coordinator.agenda.rules import ANSWERS, Coming
from coordinator.calendar.models import Event, Question
from coordinator.db import bound_reader
from coordinator.entries.models import Entry, EntryTopic, State
from coordinator.overlaps.models import Overlap, OverlapKind, Severity
from coordinator.overlaps.queries import OPEN
from coordinator.overlaps.rules import RANK
from coordinator.people.models import Circle, Organisation, Unit
from coordinator.positions.models import Adherence, Position
from coordinator.topics.models import Equity

_BY_RANK = {rank: severity for severity, rank in RANK.items()}


@dataclass
class _Count:
    """What is counted for one question, or for one event beside the questions before its forum."""

    positions: int = 0
    outside: int = 0
    adhered: int = 0
    conflicting: int = 0
    worst: int | None = None
    missing: dict[int, int] = field(default_factory=dict)  # unit → the weight of its stake

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
    of_forums = Question.forum_id.in_(sorted({e.forum_id for e in events}))
    before: defaultdict[int, list[int]] = defaultdict(list)
    for question_id, forum_id in session.execute(select(Question.id, Question.forum_id).where(of_forums)):
        if forum_id is not None:
            before[forum_id].append(question_id)
    answered = _on_questions(session, of_forums, on=on)
    beside = _beside_questions(session, [e.id for e in events])
    totals: dict[int, _Count] = {}
    for event in events:
        totals[event.id] = total = _Count()
        for count in (beside[event.id], *(answered[q] for q in before[event.forum_id])):
            total.add(count)
    units = _units(session, {u for t in totals.values() for u in t.missing})
    return [
        Coming(
            event=event,
            days=(event.starts_on - on).days,
            questions=len(before[event.forum_id]),
            unanswered=sum(not answered[q].positions for q in before[event.forum_id]),
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
    """Count what is current on each of some questions, and who has no line on it."""
    asked = Position.question_id.in_(select(Question.id).where(which))
    found = _positions(session, Position.question_id, asked)
    _conflicts(session, found, Position.question_id, asked)
    for question_id, unit_id, stake in _missing(session, which, on=on):
        held = found[question_id].missing
        held[unit_id] = min(ANSWERS.index(stake), held.get(unit_id, len(ANSWERS)))
    return found


def _beside_questions(session: Session, event_ids: Sequence[int]) -> _Counts:
    """Count what is current for each of some events and answers no question that is before its forum."""
    event, question = aliased(Event), aliased(Question)
    before = exists().where(event.id == Position.event_id, question.id == Position.question_id, question.forum_id == event.forum_id)
    named = and_(Position.event_id.in_(event_ids), ~before)
    found = _positions(session, Position.event_id, named)
    _conflicts(session, found, Position.event_id, named, both=True)
    return found


def _positions(session: Session, key: Any, where: ColumnElement[bool]) -> _Counts:
    found: _Counts = defaultdict(_Count)
    current = and_(where, Position.state == State.RELEASED)
    lines = (
        select(key, Organisation.circle, func.count(Position.id))
        .join(Unit, Unit.id == Position.unit_id)
        .join(Organisation, Organisation.id == Unit.organisation_id)
        .where(current)
        .group_by(key, Organisation.circle)
    )
    for of, circle, number in session.execute(lines):
        if circle is Circle.MINISTRY:
            found[of].positions += number
        else:
            found[of].outside += number
    shared = (
        select(key, func.count(Adherence.id))
        .join(Adherence, Adherence.entry_id == Position.id)
        .where(current, Adherence.ended_at.is_(None))
        .group_by(key)
    )
    for of, number in session.execute(shared):
        found[of].adhered = number
    return found


def _conflicts(session: Session, found: _Counts, key: Any, where: ColumnElement[bool], *, both: bool = False) -> None:
    """Count the open conflicts of positions; two that clash are on one question, and with `both` they name one event."""
    clashing = (
        select(key, func.count(Overlap.id), func.min(Overlap.rank))
        .join(Overlap, Overlap.low_id == Position.id)
        .where(where, Overlap.kind == OverlapKind.CONFLICT, Overlap.current.is_(True), Overlap.state.in_(OPEN))
        .group_by(key)
    )
    if both:
        high = aliased(Entry)
        clashing = clashing.join(high, and_(high.id == Overlap.high_id, high.event_id == Position.event_id))
    for of, number, rank in session.execute(clashing):
        found[of].conflicting, found[of].worst = number, rank


def _missing(session: Session, which: ColumnElement[bool], *, on: date) -> Iterable[Any]:
    """Return (question, unit, stake) where a unit with a say in the question's topic has no line on it, own or adhered to.

    Outside the ministry, nobody is told which unit has a stake in what.
    """
    reader = bound_reader(session)
    if reader is None or f"circle:{Circle.MINISTRY.value}" not in reader.tokens:
        return ()
    own, joint, adhering = aliased(Position), aliased(Position), aliased(Adherence)
    has_line = exists().where(own.question_id == Question.id, own.unit_id == Equity.unit_id, own.state == State.RELEASED)
    has_joined = exists().where(
        joint.question_id == Question.id,
        joint.state == State.RELEASED,
        adhering.entry_id == joint.id,
        adhering.unit_id == Equity.unit_id,
        adhering.ended_at.is_(None),
    )
    return session.execute(
        select(Question.id, Equity.unit_id, Equity.stake)
        .join(Equity, Equity.topic_id == Question.topic_id)
        .join(Unit, Unit.id == Equity.unit_id)
        .where(
            which,
            Equity.stake.in_(ANSWERS),
            Equity.from_on <= on,
            or_(Equity.until_on.is_(None), Equity.until_on >= on),
            or_(Unit.ends_on.is_(None), Unit.ends_on >= on),
            ~has_line,
            ~has_joined,
        )
    ).all()


def _units(session: Session, ids: Iterable[int]) -> dict[int, Unit]:
    found = session.scalars(select(Unit).where(Unit.id.in_(sorted(ids))).options(joinedload(Unit.organisation)))
    return {u.id: u for u in found}


def _in_order(missing: dict[int, int], units: dict[int, Unit]) -> tuple[Unit, ...]:
    """Return the missing units, those with the weightiest stake first."""
    return tuple(units[u] for u in sorted(missing, key=lambda u: (missing[u], units[u].short_name, u)))
