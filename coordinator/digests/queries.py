"""What is due to whom, and what it tells: computed as its reader, at the moment of sending or reading."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, union_all
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from coordinator.dashboard.queries import week
from coordinator.dashboard.rules import Change
from coordinator.db import new_ref
from coordinator.deputies import queries as deputies
from coordinator.deputies.models import Deputy
from coordinator.deputies.rules import holds_on
from coordinator.digests import rules
from coordinator.digests.models import Cadence, Digest, DigestState, Edition, Probe, Subscription
from coordinator.digests.rules import (
    DEFAULTS,
    MOST_ITEMS,
    Delivery,
    Window,
    due_at,
    latest_period,
    local_day,
    next_period,
    sealed,
)
from coordinator.entries.models import Entry, EntryTopic
from coordinator.errors import N_, NotFound, Refused
from coordinator.gaps.queries import windows
from coordinator.gaps.rules import Gap, is_news, together
from coordinator.history.models import Event, Payload
from coordinator.holidays import queries as holidays
from coordinator.overlaps.models import Overlap, OverlapKind, OverlapState, Severity, Step
from coordinator.overlaps.queries import OPEN, with_company
from coordinator.overlaps.rules import RANK
from coordinator.people import queries as people
from coordinator.people.models import Circle, Duty, Organisation, Person, Role, Unit
from coordinator.people.rules import Reader, comparable
from coordinator.topics.models import Equity
from coordinator.worklist.queries import for_others, gaps_for, to_answer, waiting
from coordinator.worklist.rules import Pair, Paper, StandIn, Task, pair, sees_all

MOST_COUNTED = 1000
_step = Step.__table__

# --- what is due -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Due:
    """A letter that is due and not there yet."""

    subscription_id: int
    period_on: date
    due_at: datetime
    message_id: str


def newcomers(session: Session) -> dict[Edition, list[int]]:
    """Return the active persons who have no subscription yet, by edition."""
    found: dict[Edition, list[int]] = {}
    for edition, whom in _SENT_UNASKED.items():
        has = exists().where(Subscription.person_id == Person.id, Subscription.edition == edition)
        found[edition] = list(
            session.scalars(select(Person.id).where(Person.disabled_at.is_(None), whom, ~has).order_by(Person.id))
        )
    return found


_inside = select(Unit.id).join(Organisation, Organisation.id == Unit.organisation_id).where(Organisation.circle == Circle.MINISTRY)
_SENT_UNASKED: dict[Edition, ColumnElement[bool]] = {
    Edition.PERSON: Person.id.is_not(None),
    Edition.BRIEF: and_(Person.id.in_(select(Duty.person_id).where(Duty.role == Role.LEADERSHIP)), Person.unit_id.in_(_inside)),
}


def due(session: Session, *, domain: str, at: datetime) -> list[Due]:
    """Return what is due by a moment and not there yet; the number of statements is the same however many there are."""
    last = select(func.max(Digest.period_on)).where(Digest.subscription_id == Subscription.id).scalar_subquery()
    rows = session.execute(
        select(Subscription, Person.time_zone, Person.unit_id, last)
        .outerjoin(Person, Person.id == Subscription.person_id)
        .outerjoin(Unit, Unit.id == Subscription.unit_id)
        .where(
            Subscription.cadence != Cadence.OFF,
            Person.disabled_at.is_(None),
            or_(Unit.ends_on.is_(None), Unit.ends_on > at.date() - timedelta(days=1)),
        )
        .order_by(Subscription.id)
        .execution_options(populate_existing=True)
    ).all()
    closed = _holidays(session, {unit_id or s.unit_id or 0 for s, _zone, unit_id, _last in rows}, at=at)
    found = []
    for kept, zone, unit_id, last_on in rows:
        zone, off = kept.time_zone or zone, closed.get(unit_id or kept.unit_id or 0, frozenset())
        period = latest_period(kept.schedule, zone, at=at, holidays=off)
        if period is not None and (last_on is None or period > last_on):
            name = rules.message_id(kept.ref, period, domain=domain)
            found.append(Due(kept.id, period, due_at(period, kept.hour, zone), name))
    return found


def _holidays(session: Session, unit_ids: set[int], *, at: datetime) -> dict[int, frozenset[date]]:
    far = timedelta(days=rules.FAR_DAYS)
    return holidays.days(session, unit_ids, since=at.date() - far, until=at.date() + far)


@dataclass(frozen=True)
class Coming:
    """When the next letter of a subscription comes, in its zone; `now` if it waits to be sent already."""

    at: datetime | None
    zone: str
    now: bool = False


def coming(session: Session, kept: Subscription, *, unit_id: int, zone: str, at: datetime) -> Coming:
    """Return when a subscription's next letter comes."""
    off = _holidays(session, {unit_id}, at=at).get(unit_id, frozenset())
    latest = session.execute(
        select(Digest.period_on, Digest.state).where(Digest.subscription_id == kept.id).order_by(Digest.period_on.desc()).limit(1)
    ).one_or_none()
    period = latest_period(kept.schedule, zone, at=at, holidays=off)
    waits = latest is not None and latest.state in rules.UNDER_WAY
    if local_day(at, zone) not in off and (waits or (period is not None and (latest is None or period > latest.period_on))):
        return Coming(at, zone, now=True)
    on = next_period(kept.schedule, zone, at=at, holidays=off)
    return Coming(due_at(on, kept.hour, zone) if on else None, zone)


def closed_until(session: Session, kept: Subscription, whom: "Addressee", *, at: datetime) -> datetime | None:
    """Return the moment until which a letter that comes on a holiday has to wait, or None if it is none."""
    off = _holidays(session, {whom.unit_id}, at=at).get(whom.unit_id, frozenset())
    if local_day(at, whom.zone) not in off:
        return None
    on = next_period(kept.schedule, whom.zone, at=at, holidays=off)
    return due_at(on, kept.hour, whom.zone) if on else at + timedelta(days=1)


# --- to whom it goes ---------------------------------------------------------------------------------------------------


class NotWanted(Refused):
    """The account is disabled, or its owner wants no digest any more."""


LEFT_MINISTRY = N_("The weekly brief goes to people of the ministry.")
NO_MEMBERS = N_("Nobody is in the unit.")
UNIT_ENDED = N_("The unit has ended.")
OTHER_MAILBOX = N_("The unit's mailbox was changed. A releasing officer of the unit has to agree to the new one.")


@dataclass(frozen=True)
class Addressee:
    """Whom a letter goes to, and as whom it is computed."""

    subscription_id: int
    ref: str
    edition: Edition
    name: str
    address: str
    zone: str
    unit_id: int
    reader: Reader


def to_send(session: Session, digest_id: int) -> Digest:
    """Return a digest with its subscription, as addressee needs it."""
    return session.scalars(
        select(Digest)
        .where(Digest.id == digest_id)
        .options(joinedload(Digest.subscription))
        .execution_options(populate_existing=True)
    ).one()


def addressee(session: Session, kept: Subscription, *, at: datetime) -> Addressee:
    """Return whom a subscription goes to at a moment; raises NotWanted, with the reason, if to nobody."""
    if kept.cadence is Cadence.OFF:
        raise NotWanted
    return _of_unit(session, kept, at=at) if kept.unit_id is not None else _of_person(session, kept)


def _of_person(session: Session, kept: Subscription) -> Addressee:
    person = session.scalars(
        select(Person)
        .where(Person.id == kept.person_id)
        .options(
            joinedload(Person.unit).joinedload(Unit.organisation),
            selectinload(Person.duties),
            selectinload(Person.memberships),
        )
        .execution_options(populate_existing=True)
    ).one()
    if not person.is_active:
        raise NotWanted
    if kept.edition is Edition.BRIEF and not rules.may_have_brief(person):
        raise NotWanted(LEFT_MINISTRY)
    return to_person(session, person, kept)


def to_person(session: Session, person: Person, kept: Subscription) -> Addressee:
    """Return a person, who comes with unit, roles and groups, as the one whom a letter goes to."""
    reader = people.reader_of(session, person)
    return Addressee(kept.id, kept.ref, kept.edition, person.name, person.email, person.time_zone, person.unit_id, reader)


def _of_unit(session: Session, kept: Subscription, *, at: datetime) -> Addressee:
    unit = session.scalars(select(Unit).where(Unit.id == kept.unit_id).execution_options(populate_existing=True)).one()
    zone = kept.time_zone or "UTC"
    if unit.ends_on is not None and unit.ends_on <= local_day(at, zone):
        raise NotWanted(UNIT_ENDED)
    if not same_mailbox(kept, unit):
        raise NotWanted(OTHER_MAILBOX)
    reader = mailbox_reader(session, unit.id)
    if reader is None:
        raise NotWanted(NO_MEMBERS)
    return Addressee(kept.id, kept.ref, kept.edition, unit.name, kept.address or "", zone, unit.id, reader)


def same_mailbox(kept: Subscription, unit: Unit) -> bool:
    """Say whether the unit's mailbox is still the one that was agreed to: another may be read by others."""
    return comparable(kept.address or "") == comparable(unit.mailbox or "")


ANSWERS_FOR_UNIT = frozenset({Role.OFFICER, Role.RELEASING_OFFICER})


def mailbox_reader(session: Session, unit_id: int) -> Reader | None:
    """Return a unit's mailbox as the register sees it: what everybody in the unit may read; None if nobody is in it.

    The tokens are those that every member holds (no person's, no group's, no coordinator's), the level is the lowest that any
    of them reads. What is put before it is what waits for the unit.
    """
    clearances = session.scalars(select(Person.clearance).where(Person.unit_id == unit_id, Person.disabled_at.is_(None))).all()
    shared = people.unit_readers(session, [unit_id])[unit_id]
    level = rules.shared_level(shared.level, clearances)
    return None if level is None else replace(shared, level=level, roles=ANSWERS_FOR_UNIT)


def subscription(session: Session, person_id: int, edition: Edition = Edition.PERSON) -> Subscription | None:
    """Return what a person chose, or None if nothing yet."""
    return _one_subscription(session, Subscription.person_id == person_id, Subscription.edition == edition)


def chosen(session: Session, person_id: int, edition: Edition = Edition.PERSON) -> Subscription:
    """Return what a person chose, or what holds until they do: the latter is kept nowhere."""
    schedule = DEFAULTS[edition]
    return subscription(session, person_id, edition) or Subscription(
        ref=new_ref(),
        edition=edition,
        person_id=person_id,
        cadence=schedule.cadence,
        weekdays=schedule.bits,
        hour=schedule.hour,
        told_number=0,
    )


def wanted_brief(session: Session, person: Person) -> Subscription:
    """Return what a person chose of the weekly brief, or what holds until they do: only the leadership gets it unasked."""
    kept = chosen(session, person.id, Edition.BRIEF)
    if kept.id is None and Role.LEADERSHIP not in person.roles:
        kept.cadence = Cadence.OFF
    return kept


def mailbox(session: Session, unit_id: int) -> Subscription | None:
    """Return what was chosen for a unit's mailbox, or None if nothing yet."""
    return _one_subscription(session, Subscription.unit_id == unit_id)


def mailbox_changes(session: Session, unit_id: int, *, most: int = 10) -> Sequence[Event]:
    """Return who chose what for a unit's mailbox, newest first, each with its actor and payload."""
    return session.scalars(
        select(Event)
        .where(
            Event.subject_kind == "unit",
            Event.subject_id == unit_id,
            Event.action.in_(["unit.mailbox_chosen", "unit.mailbox_stopped"]),
        )
        .options(joinedload(Event.actor), joinedload(Event.payload))
        .order_by(Event.number.desc())
        .limit(most)
    ).all()


def by_ref(session: Session, ref: str) -> Subscription:
    """Return a subscription by ref; raises NotFound."""
    found = _one_subscription(session, Subscription.ref == ref)
    if found is None:
        raise NotFound
    return found


def _one_subscription(session: Session, *which: ColumnElement[bool]) -> Subscription | None:
    return session.scalars(select(Subscription).where(*which).execution_options(populate_existing=True)).one_or_none()


def _of(person: Person) -> ColumnElement[bool]:
    """Return the condition for the letters to a person, and to the mailbox of their unit."""
    return or_(Subscription.person_id == person.id, Subscription.unit_id == person.unit_id)


def of_person(session: Session, person: Person, *, offset: int, limit: int) -> Sequence[Digest]:
    """Return the letters to a person and to the mailbox of their unit, newest first, each with its subscription."""
    return session.scalars(
        select(Digest)
        .join(Digest.subscription)
        .options(joinedload(Digest.subscription))
        .where(_of(person))
        .order_by(Digest.period_on.desc(), Digest.id.desc())
        .offset(offset)
        .limit(limit)
    ).all()


def count_of(session: Session, person: Person) -> int:
    """Return how many letters there were to a person and to the mailbox of their unit."""
    return session.scalar(select(func.count()).select_from(Digest).join(Digest.subscription).where(_of(person))) or 0


def one(session: Session, ref: str, person: Person) -> Digest:
    """Return a letter to a person or to the mailbox of their unit by ref; raises NotFound, also for somebody else's."""
    found = session.scalars(
        select(Digest).join(Digest.subscription).options(joinedload(Digest.subscription)).where(Digest.ref == ref, _of(person))
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


# --- what became of them -----------------------------------------------------------------------------------------------

_UNDELIVERED = (DigestState.FAILED, DigestState.UNCERTAIN)


def _has_later() -> ColumnElement[bool]:
    later = aliased(Digest)
    return exists().where(later.subscription_id == Digest.subscription_id, later.period_on > Digest.period_on)


def delivery(session: Session, *, at: datetime) -> Delivery:
    """Return how mail stands, in two statements."""
    untried = select(func.min(Digest.due_at)).where(
        Digest.state == DigestState.QUEUED, Digest.tried_at.is_(None), Digest.due_at <= at
    )
    undelivered = select(func.count(Digest.id)).where(
        Digest.state.in_(_UNDELIVERED), Digest.period_on >= (at - rules.DAYS_WARNED).date(), ~_has_later()
    )
    since, number = session.execute(select(untried.scalar_subquery(), undelivered.scalar_subquery())).one()
    return Delivery(_last_tries(session), since, number)


def _last_tries(session: Session) -> tuple[tuple[DigestState, str, datetime], ...]:
    """Return what became of the last tries to send anything, the newest first."""
    letters, tests = (
        select(t.tried_at, t.state, said).where(t.tried_at.is_not(None)).order_by(t.tried_at.desc()).limit(rules.LAST_TRIES)
        for t, said in ((Digest, Digest.trouble.label("said")), (Probe, Probe.answer.label("said")))
    )
    both = union_all(letters.subquery().select(), tests.subquery().select()).subquery()
    newest = select(both.c.state, both.c.said, both.c.tried_at).order_by(both.c.tried_at.desc()).limit(rules.LAST_TRIES)
    return tuple((state, said, tried_at) for state, said, tried_at in session.execute(newest))


def by_day(session: Session, *, since: date) -> Sequence[tuple[date, dict[str, int]]]:
    """Return for each day from one on, the latest first, how many letters are in which state."""
    rows = session.execute(
        select(Digest.period_on, Digest.state, func.count(Digest.id))
        .where(Digest.period_on >= since)
        .group_by(Digest.period_on, Digest.state)
        .order_by(Digest.period_on.desc())
    ).all()
    found: dict[date, dict[str, int]] = {}
    for day, state, number in rows:
        column = "waiting" if state in rules.UNDER_WAY else state.value
        counts = found.setdefault(day, {})
        counts[column] = counts.get(column, 0) + number
    return list(found.items())


def _in_trouble(since: date) -> ColumnElement[bool]:
    stuck = and_(Digest.state == DigestState.QUEUED, Digest.trouble != "")
    return and_(Digest.period_on >= since, or_(Digest.state.in_(_UNDELIVERED), stuck))


def in_trouble(session: Session, *, since: date, offset: int, limit: int) -> Sequence[tuple[Digest, bool]]:
    """Return the letters that were not delivered or wait because they were refused, the latest first, with whom they are for.

    Beside each: whether a later one stands for it.
    """
    rows = session.execute(
        select(Digest, _has_later())
        .options(
            joinedload(Digest.subscription).joinedload(Subscription.person),
            joinedload(Digest.subscription).joinedload(Subscription.unit),
        )
        .where(_in_trouble(since))
        .order_by(Digest.period_on.desc(), Digest.id.desc())
        .offset(offset)
        .limit(limit)
    )
    return [(digest, later) for digest, later in rows]


def count_in_trouble(session: Session, *, since: date) -> int:
    """Return how many letters were not delivered or wait because they were refused."""
    return session.scalar(select(func.count(Digest.id)).where(_in_trouble(since))) or 0


def any_letter(session: Session, ref: str) -> Digest:
    """Return anybody's letter by ref, of which an administrator sees the way and never the content; raises NotFound."""
    found = session.scalars(select(Digest).where(Digest.ref == ref)).one_or_none()
    if found is None:
        raise NotFound
    return found


def last_of(session: Session, person_id: int) -> Digest | None:
    """Return the last digest of a person, or None."""
    return session.scalars(
        select(Digest)
        .join(Digest.subscription)
        .where(Subscription.person_id == person_id, Subscription.edition == Edition.PERSON)
        .order_by(Digest.period_on.desc())
        .limit(1)
    ).one_or_none()


def address_of(session: Session, person_id: int) -> str:
    """Return the address of a person."""
    return session.scalars(select(Person.email).where(Person.id == person_id)).one()


def probes_of(session: Session, person_id: int, *, most: int = 5) -> Sequence[Probe]:
    """Return the last test letters of a person, newest first."""
    return session.scalars(select(Probe).where(Probe.person_id == person_id).order_by(Probe.id.desc()).limit(most)).all()


# --- what it tells -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contents:
    """What changed for one person within a window of the change sequence, as they may see it now."""

    window: Window
    pairs: tuple[Pair, ...] = ()
    total: int = 0
    papers: tuple[Paper, ...] = ()
    papers_total: int = 0
    gaps: tuple[tuple[Gap, ...], ...] = ()
    """What is missing since the last letter, and for its reader to deal with: together what is missing of one thing."""
    gaps_total: int = 0
    closed: dict[OverlapState, int] = field(default_factory=dict)
    others: tuple[StandIn, ...] = ()
    """What is new of what waits for those whom the person stands in for."""

    @property
    def worth_sending(self) -> bool:
        """Say whether something changed that a person would want to hear of; that something merely lapsed is not."""
        return bool(self.pairs or self.papers or self.gaps or self.others or self.closed.keys() - {OverlapState.LAPSED})

    @property
    def told(self) -> list[Entry]:
        """Return the entries whose titles a mail says: of what is sealed it says nothing."""
        ends = [end for p in self.pairs if not sealed(p.level) for end in (p.mine, p.theirs)]
        papers = [p.entry for p in self.papers if not sealed(p.level)]
        for other in self.others:  # a letter has one line for each, with what the other unit holds
            lines = [*((p.theirs, p.level) for p in other.pairs), *((p.entry, p.level) for p in other.papers)]
            papers += [entry for entry, level in lines if not sealed(level)][:MOST_ITEMS]
        missing = (g.entry for g, *_others in self.gaps if g.entry is not None and not sealed(g.level))
        return [*ends, *papers, *missing]

    @property
    def _all(self) -> tuple[tuple[Pair, ...], tuple[Paper, ...]]:
        """Return all pairs and papers, those that wait for others included."""
        pairs = (*self.pairs, *(p for other in self.others for p in other.pairs))
        return pairs, (*self.papers, *(p for other in self.others for p in other.papers))

    @property
    def _levels(self) -> list[int]:
        pairs, papers = self._all
        return [*(p.level for p in pairs), *(p.level for p in papers), *(g.level for group in self.gaps for g in group)]

    @property
    def told_level(self) -> int:
        """Return the highest level of what a mail says: of what is sealed it says nothing."""
        return max((level for level in self._levels if not sealed(level)), default=0)

    @property
    def level(self) -> int:
        """Return the highest level of all that is in it."""
        return max(self._levels, default=0)


def numbers(found: Contents) -> dict[str, int]:
    """Return how many of each sort there are in all, and how many of them are described."""
    return {
        "shown": len(found.pairs),
        "total": found.total,
        "notes_shown": len(found.papers),
        "notes_total": found.papers_total,
        "missing_shown": len(found.gaps),
        "missing_total": found.gaps_total,
    }


def contents(
    session: Session,
    reader: Reader,
    window: Window,
    *,
    at: datetime,
    on: date,
    told_on: date | None = None,
    most: int | None = None,
) -> Contents:
    """Return what a digest of a window tells the person that the session is bound to: `most` of each sort, or as many as a letter.

    `told_on` is the day of the digest before. The number of statements is constant, but for those whom the person stands in for.
    """
    moved, most = _moved(reader, window), most or rules.most_items(reader.roles)
    is_open = and_(Overlap.current.is_(True), Overlap.state.in_(OPEN))
    worst, newest = (Overlap.rank, Overlap.near_on), (Overlap.changed_number.desc(),)
    critical_first = Overlap.rank != RANK[Severity.CRITICAL]
    order = (*worst, *newest) if rules.worst_first(reader.roles) else (critical_first, *newest, *worst)
    shown = session.scalars(with_company().where(*moved, is_open).order_by(*order, Overlap.id).limit(most)).all()
    some = select(Overlap.id).where(*moved, is_open).limit(MOST_COUNTED).subquery()
    total = session.scalar(select(func.count()).select_from(some)) or 0
    closed = session.execute(select(Overlap.state, func.count(Overlap.id)).where(*moved, ~is_open).group_by(Overlap.state)).all()
    papers = _news(session, reader, window, to_answer(session, reader, at=at).papers)
    missing = _missing(session, reader, window, since=told_on, on=on)
    return Contents(
        window=window,
        pairs=tuple(pair(o, reader, on=on) for o in shown),
        total=total,
        papers=papers[:most],
        papers_total=len(papers),
        gaps=tuple(missing[: MOST_GAPS if most <= MOST_ITEMS else most]),
        gaps_total=len(missing),
        closed={state: number for state, number in closed if state not in OPEN},
        others=_for_others(session, reader, window, at=at, on=on, told_on=told_on),
    )


MOST_GAPS, GAPS_READ = 5, 200


def _missing(session: Session, reader: Reader, window: Window, *, since: date | None, on: date) -> list[tuple[Gap, ...]]:
    """Return what is missing, for a reader to deal with, and was not so at the last letter, thing by thing."""
    found = gaps_for(session, reader, on=on, most=GAPS_READ).gaps
    moved = _moved_topics(session, {g.topic.id for g in found if g.topic is not None}, window, since=since, on=on)
    after, up_to = window.after, window.up_to
    news = (g for g in found if is_news(g, after=after, up_to=up_to, since=since, window=windows().event, moved=moved))
    return together(news)


TOPIC_MOVES = ("topic.added", "topic.related", "topic.broadened", "topic.umbrella_marked", "topic.took_in", "equity.%")


def _moved_topics(session: Session, topic_ids: Iterable[int], window: Window, *, since: date | None, on: date) -> set[int]:
    """Return of some topics those whose stakes, place or work moved since the last letter, so that it says what is missing there.

    Work moved where all of it began since that letter, or some of it ended; without a letter before, no work is new.
    """
    some, first = sorted(topic_ids), since or date.max
    about = select(Event.subject_id).where(
        Event.subject_kind == "topic",
        Event.subject_id.in_(some),
        Event.number > window.after,
        Event.number <= window.up_to,
        or_(*(Event.action.like(action) for action in TOPIC_MOVES)),
    )
    ran_out = select(Equity.topic_id).where(Equity.topic_id.in_(some), Equity.until_on >= first, Equity.until_on < on)
    changed = and_(Entry.changed_number > window.after, Entry.changed_number <= window.up_to)
    begun = and_(func.min(Entry.logged_on) >= first, func.count(case((changed, 1))) > 0)
    ended = func.count(case((and_(changed, Entry.ended_at.is_not(None)), 1))) > 0
    work = (
        select(EntryTopic.topic_id)
        .join(Entry, Entry.id == EntryTopic.entry_id)
        .where(EntryTopic.topic_id.in_(some), Entry.released_at.is_not(None))
        .group_by(EntryTopic.topic_id)
        .having(or_(begun, ended))
    )
    return set(session.scalars(union_all(about, ran_out, work)))


EVERY = 1_000
"""As many overlaps that wait for a unit are looked at: what moved may be far from what presses most."""


def _for_others(
    session: Session, reader: Reader, window: Window, *, at: datetime, on: date, told_on: date | None
) -> tuple[StandIn, ...]:
    """Return of what waits for those whom a person stands in for what is new, by the same derivation as the worklist's.

    When somebody begins to stand in, all that waits is new to them; later, what moved within the window.
    """
    if reader.person_id is None or not any(_begun(d, on=on) for d in deputies.for_whom(session, reader.person_id, on=on)):
        return ()
    own = waiting(session, reader, at=at, on=on, most=EVERY)
    waits = for_others(session, reader, own, at=at, on=on, most=EVERY)
    named = _named_within(session, reader.person_id, window)
    moved = _moved_papers(session, reader, window, [p.entry.id for other in waits for p in other.papers])
    found = []
    for other in waits:
        if other.person.id not in named and told_on is not None and other.since <= told_on:
            other = replace(
                other,
                pairs=tuple(p for p in other.pairs if window.after < p.overlap.changed_number <= window.up_to),
                papers=tuple(p for p in other.papers if p.entry.id in moved),
            )
        if other.pairs or other.papers:
            found.append(other)
    return tuple(found)


def _begun(deputy: Deputy, *, on: date) -> bool:
    return holds_on(on, from_on=deputy.from_on, until_on=deputy.until_on)


def _named_within(session: Session, deputy_id: int, window: Window) -> set[int]:
    """Return for whom somebody was named as deputy within a window."""
    named = session.execute(
        select(Event.subject_id, Payload.said)
        .join(Payload, Payload.number == Event.number)
        .where(Event.action == "deputy.named", Event.number > window.after, Event.number <= window.up_to)
    ).all()
    return {person_id for person_id, said in named if said.get("deputy") == deputy_id}


def _moved_papers(session: Session, reader: Reader, window: Window, ids: Sequence[int]) -> set[int]:
    """Return those of some entries with which somebody other than the reader did something within a window."""
    return set(
        session.scalars(
            select(Event.subject_id).where(
                Event.subject_kind == "entry",
                Event.subject_id.in_(sorted(set(ids))),
                Event.number > window.after,
                Event.number <= window.up_to,
                or_(Event.actor_id.is_(None), Event.actor_id != reader.person_id),
            )
        )
    )


def told_on(session: Session, subscription_id: int, *, before: date | None = None) -> date | None:
    """Return the day of the last letter of a subscription after which its reader knew all (before a day, if one is said)."""
    known = (DigestState.SENT, DigestState.NOTHING)
    last = select(func.max(Digest.period_on)).where(
        Digest.subscription_id == subscription_id, Digest.state.in_(known), Digest.up_to_number.is_not(None)
    )
    return session.scalar(last if before is None else last.where(Digest.period_on < before))


@dataclass(frozen=True)
class Brief:
    """What a weekly brief tells: the week of the dashboard, as its reader may see it now."""

    window: Window
    change: Change

    @property
    def worth_sending(self) -> bool:
        """Say whether anything changed, or comes."""
        return not self.change.is_quiet

    @property
    def told(self) -> list[Entry]:
        """Return the entries that a mail speaks of: of what is sealed it says nothing."""
        pairs = (p for p in (*self.change.clashes, *self.change.closed) if not sealed(p.level))
        lines = (line.entry for line in self.change.lines if not sealed(line.entry.level))
        return [*(end for p in pairs for end in (p.mine, p.theirs)), *lines]

    @property
    def told_level(self) -> int:
        """Return the highest level of what a mail says."""
        return max((entry.level for entry in self.told), default=0)

    @property
    def level(self) -> int:
        """Return the highest level of all that is in it."""
        return self.change.level


def brief(session: Session, reader: Reader, window: Window, *, since: date, on: date, zone: str, most: int = MOST_ITEMS) -> Brief:
    """Return what a weekly brief tells the person that the session is bound to; the number of statements is constant."""
    return Brief(window, week(session, reader, on=on, zone=zone, since=since, most=most))


def told_before(session: Session, subscription_id: int, *, zone: str, before: datetime | None = None) -> date | None:
    """Return the local day on which the last letter of a subscription was sent (before a moment, if one is said), or None."""
    last = select(func.max(Digest.sent_at)).where(Digest.subscription_id == subscription_id, Digest.state == DigestState.SENT)
    if before is not None:
        last = last.where(Digest.sent_at < before)
    sent_at = session.scalar(last)
    return None if sent_at is None else local_day(sent_at, zone)


def _moved(reader: Reader, window: Window) -> list[ColumnElement[bool]]:
    """Return the conditions for overlaps that somebody other than the reader, or the detector, moved within a window."""
    here = and_(_step.c.overlap_id == Overlap.id, _step.c.number > window.after, _step.c.number <= window.up_to)
    # to a mailbox what anybody of the unit did is what it did itself
    mine = _step.c.unit_id == reader.unit_id if reader.person_id is None else _step.c.person_id == reader.person_id
    by_others = exists().where(here, or_(_step.c.person_id.is_(None), ~mine))
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
            *([] if reader.person_id is None else [or_(Event.actor_id.is_(None), Event.actor_id != reader.person_id)]),
        )
    ).all()
    happened = {(entry_id, action.partition(".")[2]) for entry_id, action in rows}
    return tuple(p for p in papers if any((p.entry.id, word) in happened for word in NEWS.get(p.task, ())))
