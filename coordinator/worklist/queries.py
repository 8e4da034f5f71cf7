"""What waits for whom: one derivation, for the first page and for the digest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from coordinator.db import behind
from coordinator.deputies import queries as deputies
from coordinator.deputies.rules import holds_on
from coordinator.entries import queries as entries
from coordinator.entries.models import Entry, EntryVersion, State
from coordinator.gaps import queries as gaps
from coordinator.gaps.models import GapKind
from coordinator.gaps.queries import NOTHING, Listed
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.models import Overlap, OverlapKind
from coordinator.people.models import Role
from coordinator.people.rules import Reader
from coordinator.positions.models import Adherence
from coordinator.worklist import rules
from coordinator.worklist.rules import Pair, Paper, StandIn, Task, pair

MOST = 50


@dataclass(frozen=True)
class Worklist:
    """What waits for one person, by what it asks; `open` is what a coordinator or the leadership watches over."""

    pairs: tuple[Pair, ...] = ()
    more_pairs: bool = False
    """There are others, which press less."""
    to_release: tuple[Paper, ...] = ()
    proposals: tuple[Paper, ...] = ()
    lines: tuple[Paper, ...] = ()
    to_review: tuple[Paper, ...] = ()
    drafts: tuple[Paper, ...] = ()
    open: tuple[Pair, ...] = ()
    open_total: int = 0
    possible: int = 0
    still_open: int = 0
    gaps: Listed = NOTHING
    """The first of what is missing and for them to deal with, and how much there is in all."""

    @property
    def papers(self) -> tuple[Paper, ...]:
        """Return all that waits and is no overlap, the most pressing sort first; the own drafts are no news to anybody."""
        return (*self.to_release, *self.proposals, *self.lines, *self.to_review)

    @property
    def level(self) -> int | None:
        """Return the highest level of what waits, None if nothing does."""
        missing = [self.gaps.level] if self.gaps.level is not None else []
        return max((*(p.level for p in (*self.pairs, *self.open)), *self._paper_levels, *missing), default=None)

    @property
    def _paper_levels(self) -> list[int]:
        return [p.level for p in (*self.papers, *self.drafts)]

    @property
    def is_empty(self) -> bool:
        """Say whether nothing waits."""
        return not (self.pairs or self.papers or self.drafts or self.gaps.total)


def waiting(
    session: Session,
    reader: Reader,
    *,
    at: datetime,
    on: date,
    number: int = 1,
    with_gaps: bool = True,
    most: int | None = None,
) -> Worklist:
    """Return what waits for the person that a session is bound to, at a moment and on their local day.

    Of the overlaps that wait for the own unit there are as many as fit on a page, or at `most` so many. `number` is the page of the
    open overlaps that a coordinator or the leadership sees. Gaps are those of a unit, so whoever stands in for a colleague has them
    already. The number of statements is the same however much waits.
    """
    person_id, unit_id, writes = reader.person_id, reader.unit_id, rules.writes(reader.roles)
    watched, total = _watched(session, reader, number=number)
    missing = gaps_for(session, reader, on=on) if with_gaps else NOTHING
    if person_id is None or unit_id is None or not writes:
        return Worklist(open=tuple(pair(o, reader, on=on) for o in watched), open_total=total, gaps=missing)
    answers = to_answer(session, reader, at=at)
    known = {p.entry.id for p in answers.to_release}
    told = {g.entry.id for g in missing.gaps if g.kind is GapKind.REVIEW and g.entry is not None}
    most = overlaps.PAGE if most is None else most
    asked = overlaps.waiting_for(session, unit_id, most=most + 1)
    return Worklist(
        pairs=tuple(pair(o, reader, on=on) for o in asked[:most]),
        more_pairs=len(asked) > most,
        to_release=answers.to_release,
        proposals=answers.proposals,
        lines=answers.lines,
        to_review=tuple(
            Paper(e, Task.REVIEW, rules.why_review(e, on=on), ((e.review_by or on) - on).days)
            for e in entries.to_review(session, unit_id, by=on + rules.REVIEW_AHEAD, most=MOST)
            if e.id not in told
        ),
        drafts=tuple(p for p in _drafts(session, person_id) if p.entry.id not in known),
        open=tuple(pair(o, reader, on=on) for o in watched),
        open_total=total,
        possible=_count(session, unit_id, possible=True),
        still_open=_count(session, unit_id, possible=False),
        gaps=missing,
    )


MOST_GAPS = 5


def gaps_for(session: Session, reader: Reader, *, on: date, most: int = MOST_GAPS) -> Listed:
    """Return the first of what is missing and put before a reader: an officer's unit, or a coordinator."""
    return gaps.listed(session, reader, gaps.Filters(shown_to=reader), on=on, size=most)


def for_others(
    session: Session, reader: Reader, own: Worklist, *, at: datetime, on: date, most: int | None = None
) -> tuple[StandIn, ...]:
    """Return what waits for those that the session's reader stands in for on a day and is not in the own list.

    Of overlaps as many for each as fit on a page, or at `most` so many.

    The session stays bound to the deputy, so nobody sees more by standing in; what they may not do, they are told to pass on.
    """
    if reader.person_id is None:
        return ()
    known = {p.overlap.id for p in own.pairs}, {p.entry.id for p in (*own.papers, *own.drafts)}
    found = []
    for row in deputies.for_whom(session, reader.person_id, on=on):
        if not holds_on(on, from_on=row.from_on, until_on=row.until_on):
            continue
        other = row.person
        theirs = replace(reader, unit_id=other.unit_id, person_id=other.id, roles=other.roles - rules.WATCHERS)
        waits = waiting(session, theirs, at=at, on=on, with_gaps=False, most=most)
        found.append(
            StandIn(
                person=other,
                since=row.from_on,
                until=row.until_on,
                pairs=tuple(rules.passed_on(p, reader, theirs) for p in waits.pairs if p.overlap.id not in known[0]),
                papers=tuple(
                    rules.passed_on(p, reader, theirs) for p in (*waits.papers, *waits.drafts) if p.entry.id not in known[1]
                ),
                more_pairs=waits.more_pairs,
            )
        )
    return tuple(found)


def to_answer(session: Session, reader: Reader, *, at: datetime) -> Worklist:
    """Return that part of what waits for a person which others brought there: releases, proposals, lines that moved on."""
    if reader.unit_id is None or not rules.writes(reader.roles):
        return Worklist()
    releases = Role.RELEASING_OFFICER in reader.roles
    offered = entries.waiting_for_release(session, reader.unit_id, most=MOST) if releases else ()
    return Worklist(
        to_release=tuple(Paper(e, Task.RELEASE, rules.WAITS_FOR_RELEASE) for e in offered),
        proposals=_proposals(session, reader.unit_id),
        lines=_lines(session, reader.unit_id, at=at),
    )


def _watched(session: Session, reader: Reader, *, number: int) -> tuple[Sequence[Overlap], int]:
    if not rules.sees_all(reader.roles):
        return (), 0
    return overlaps.listed(session, overlaps.Filters(apart=False), number=number)


def _proposals(session: Session, unit_id: int) -> tuple[Paper, ...]:
    found = entries.proposals(session, unit_id)[:MOST]
    # a second look fills in what a list shows of the entries
    session.scalars(entries.with_company().where(Entry.id.in_([p.entry_id for p in found]))).all()
    return tuple(
        Paper(p.entry, Task.ANSWER_TOPIC, (rules.TOPIC_PROPOSED, {"unit": p.by_unit.short_name, "topic": p.topic.name}))
        for p in found
    )


def _lines(session: Session, unit_id: int, *, at: datetime) -> tuple[Paper, ...]:
    """Return the lines that a unit adheres to and that moved on, and those that ended under it of late."""
    moved_on = and_(Adherence.ended_at.is_(None), Adherence.version < Entry.standing_version)
    ended = and_(Adherence.ended_at == Entry.ended_at, Entry.ended_at > at - rules.ENDED_LINES_STAY)
    found = session.scalars(
        entries.with_company()
        .join(Adherence, Adherence.entry_id == Entry.id)
        .where(Adherence.unit_id == unit_id, or_(moved_on, ended))
        .order_by(Entry.changed_number.desc(), Entry.id)
        .limit(MOST)
    ).all()
    return tuple(
        Paper(e, Task.READ_LINE, rules.CHANGED) if e.state is State.RELEASED else Paper(e, Task.REPLACE_LINE, rules.ENDED[e.state])
        for e in found
    )


def _drafts(session: Session, person_id: int) -> Iterable[Paper]:
    """Return what a person has under way: drafts, and newer versions of what is released."""
    rows = session.execute(
        entries.with_company()
        .add_columns(EntryVersion.offered_at)
        .join(EntryVersion, and_(EntryVersion.entry_id == Entry.id, EntryVersion.number == Entry.newest_version))
        .where(
            or_(
                EntryVersion.handed_to_id == person_id,
                and_(EntryVersion.author_id == person_id, EntryVersion.handed_to_id.is_(None)),
            ),
            EntryVersion.released_at.is_(None),
            Entry.state.in_([State.DRAFT, State.RELEASED]),
        )
        .order_by(EntryVersion.made_at.desc(), Entry.id)
        .limit(MOST)
    ).all()
    for entry, offered_at in rows:
        if offered_at is None:
            yield Paper(entry, Task.FINISH, rules.NOT_OFFERED)
        else:
            yield Paper(entry, Task.AWAIT_RELEASE, rules.OFFERED)


def _count(session: Session, unit_id: int, *, possible: bool) -> int:
    """Return how many overlaps of a unit are open, counted to a hundred: those that only the text says, or all others."""
    some = (
        select(Overlap.id)
        .where(
            or_(Overlap.low_unit_id == unit_id, Overlap.high_unit_id == unit_id),
            behind(Overlap.current).is_(True),
            Overlap.state.in_(overlaps.OPEN),
            (Overlap.kind == OverlapKind.POSSIBLE).is_(possible),
        )
        .limit(100)
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(some)) or 0
