"""What is due to whom, and what it tells: computed as that person, at the moment of sending or reading."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload

from coordinator.digests.models import Cadence, Digest, Subscription
from coordinator.digests.rules import DEFAULT, MOST_ITEMS, Window, due_at, latest_period, message_id, sealed
from coordinator.errors import NotFound
from coordinator.history.models import Event
from coordinator.overlaps.models import Overlap, OverlapKind, OverlapState, Step
from coordinator.overlaps.queries import OPEN, with_company
from coordinator.people.models import Person, Unit
from coordinator.people.rules import Reader
from coordinator.worklist.queries import to_answer
from coordinator.worklist.rules import Pair, Paper, Task, pair, sees_all

MOST_COUNTED = 1000
_step = Step.__table__

# --- what is due -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Due:
    """A digest that is due and not there yet."""

    person_id: int
    period_on: date
    cadence: Cadence
    due_at: datetime
    message_id: str


def subscriptions(session: Session, *, domain: str, at: datetime) -> tuple[list[int], list[Due]]:
    """Return the active persons who have not chosen yet, and what is due to all active persons by a moment and not there yet."""
    rows = session.execute(
        select(Person.id, Person.ref, Person.time_zone, Subscription.cadence, Subscription.hour, func.max(Digest.period_on))
        .outerjoin(Subscription, Subscription.person_id == Person.id)
        .outerjoin(Digest, Digest.person_id == Person.id)
        .where(Person.disabled_at.is_(None))
        .group_by(Person.id, Person.ref, Person.time_zone, Subscription.cadence, Subscription.hour)
        .order_by(Person.id)
    ).all()
    new: list[int] = []
    found: list[Due] = []
    for person_id, ref, zone, cadence, hour, last in rows:
        if cadence is None:
            new.append(person_id)
            cadence, hour = DEFAULT
        period = latest_period(cadence, hour, zone, at=at)
        if period is not None and (last is None or period > last):
            name = message_id(ref, period, domain=domain)
            found.append(Due(person_id, period, cadence, due_at(period, hour, zone), name))
    return new, found


def to_send(session: Session, digest_id: int) -> tuple[Digest, Subscription]:
    """Return a digest with its person, as reader_of needs them, and what they chose."""
    digest = session.scalars(
        select(Digest)
        .where(Digest.id == digest_id)
        .options(
            joinedload(Digest.person).joinedload(Person.unit).joinedload(Unit.organisation),
            joinedload(Digest.person).selectinload(Person.duties),
            joinedload(Digest.person).selectinload(Person.memberships),
        )
        .execution_options(populate_existing=True)
    ).one()
    chosen = session.scalars(
        select(Subscription).where(Subscription.person_id == digest.person_id).execution_options(populate_existing=True)
    ).one()
    return digest, chosen


def subscription(session: Session, person_id: int) -> Subscription | None:
    """Return what a person chose, or None."""
    return session.scalars(select(Subscription).where(Subscription.person_id == person_id)).one_or_none()


def of_person(session: Session, person_id: int, *, offset: int, limit: int) -> Sequence[Digest]:
    """Return the digests of a person, newest first."""
    return session.scalars(
        select(Digest)
        .where(Digest.person_id == person_id)
        .order_by(Digest.period_on.desc(), Digest.id.desc())
        .offset(offset)
        .limit(limit)
    ).all()


def count_of(session: Session, person_id: int) -> int:
    """Return how many digests a person has."""
    return session.scalar(select(func.count()).select_from(Digest).where(Digest.person_id == person_id)) or 0


def one(session: Session, ref: str, *, person_id: int) -> Digest:
    """Return one of a person's own digests by ref; raises NotFound, also for somebody else's."""
    found = session.scalars(select(Digest).where(Digest.ref == ref, Digest.person_id == person_id)).one_or_none()
    if found is None:
        raise NotFound
    return found


# --- what it tells -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contents:
    """What changed for one person within a window of the change sequence, as they may see it now."""

    window: Window
    pairs: tuple[Pair, ...] = ()
    total: int = 0
    papers: tuple[Paper, ...] = ()
    closed: dict[OverlapState, int] = field(default_factory=dict)

    @property
    def worth_sending(self) -> bool:
        """Say whether something changed that a person would want to hear of; that something merely lapsed is not."""
        return bool(self.pairs or self.papers or self.closed.keys() - {OverlapState.LAPSED})

    @property
    def _levels(self) -> list[int]:
        return [*(p.level for p in self.pairs), *(p.level for p in self.papers)]

    @property
    def told_level(self) -> int:
        """Return the highest level of what a mail says: of what is sealed it says nothing."""
        return max((level for level in self._levels if not sealed(level)), default=0)

    @property
    def level(self) -> int:
        """Return the highest level of all that is in it."""
        return max(self._levels, default=0)


def contents(session: Session, reader: Reader, window: Window, *, at: datetime, on: date, most: int = MOST_ITEMS) -> Contents:
    """Return what a digest of a window tells the person that the session is bound to; the number of statements is constant."""
    moved = _moved(reader, window)
    is_open = and_(Overlap.current.is_(True), Overlap.state.in_(OPEN))
    shown = session.scalars(
        with_company()
        .where(*moved, is_open)
        .order_by(Overlap.changed_number.desc(), Overlap.rank, Overlap.near_on, Overlap.id)
        .limit(most)
    ).all()
    some = select(Overlap.id).where(*moved, is_open).limit(MOST_COUNTED).subquery()
    total = session.scalar(select(func.count()).select_from(some)) or 0
    closed = session.execute(select(Overlap.state, func.count(Overlap.id)).where(*moved, ~is_open).group_by(Overlap.state)).all()
    return Contents(
        window=window,
        pairs=tuple(pair(o, reader, on=on) for o in shown),
        total=total,
        papers=_news(session, reader, window, to_answer(session, reader, at=at).papers),
        closed={state: number for state, number in closed if state not in OPEN},
    )


def _moved(reader: Reader, window: Window) -> list[ColumnElement[bool]]:
    """Return the conditions for overlaps that somebody other than the reader, or the detector, moved within a window."""
    here = and_(_step.c.overlap_id == Overlap.id, _step.c.number > window.after, _step.c.number <= window.up_to)
    by_others = exists().where(here, or_(_step.c.person_id.is_(None), _step.c.person_id != reader.person_id))
    # the detector brings dates and who is asked up to date without a step
    silently = and_(
        Overlap.changed_number <= window.up_to,
        ~exists().where(_step.c.overlap_id == Overlap.id, _step.c.number == Overlap.changed_number),
    )
    found: list[ColumnElement[bool]] = [
        Overlap.changed_number > window.after,
        Overlap.kind != OverlapKind.POSSIBLE,
        or_(by_others, silently),
    ]
    if not sees_all(reader.roles):
        found.append(or_(Overlap.low_unit_id == reader.unit_id, Overlap.high_unit_id == reader.unit_id))
    return found


NEWS = {
    Task.RELEASE: {"logged", "revised", "offered"},
    Task.ANSWER_TOPIC: {"topic_proposed"},
    Task.READ_LINE: {"released", "topic_added"},
    Task.REPLACE_LINE: {"superseded", "withdrawn", "expired"},
}


def _news(session: Session, reader: Reader, window: Window, papers: Sequence[Paper]) -> tuple[Paper, ...]:
    """Return those of the papers that wait which somebody else brought there within a window."""
    ids = sorted({p.entry.id for p in papers})
    rows: Sequence[Any] = session.execute(
        select(Event.subject_id, Event.action).where(
            Event.subject_kind == "entry",
            Event.subject_id.in_(ids),
            Event.number > window.after,
            Event.number <= window.up_to,
            or_(Event.actor_id.is_(None), Event.actor_id != reader.person_id),
        )
    ).all()
    happened = {(entry_id, action.partition(".")[2]) for entry_id, action in rows}
    return tuple(p for p in papers if any((p.entry.id, word) in happened for word in NEWS.get(p.task, ())))
