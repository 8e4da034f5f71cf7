"""Telling the detector what not to say, and letting it speak again: at once, and for what was found before."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from coordinator.db import read_as_system, touch
from coordinator.entries.models import Entry
from coordinator.exclusions import queries
from coordinator.exclusions.models import Exclusion, ExclusionKind
from coordinator.exclusions.rules import (
    EndedAlready,
    ExcludedAlready,
    ExclusionDraft,
    OneUnit,
    checked,
    checked_phrase,
    holds,
)
from coordinator.history.actions import record
from coordinator.people.models import Person, Unit
from coordinator.topics.actions import when_merged
from coordinator.topics.models import Topic

_exclusion = Exclusion.__table__


def exclude_pair(
    session: Session, one: Entry, other: Entry, draft: ExclusionDraft, *, by: Person, at: datetime, on: date
) -> Exclusion:
    """Exclude a pair of entries; raises WhyExclude, EndsOutOfBounds, ExcludedAlready."""
    low, high = sorted((one.id, other.id))
    made = _made(ExclusionKind.PAIR, checked(draft, on=on), by=by, at=at)
    made.low_id, made.high_id = low, high
    return _keep(session, made, Exclusion.low_id == low, Exclusion.high_id == high, by=by, at=at)


def exclude_units(
    session: Session, one: Unit, other: Unit, topic: Topic, draft: ExclusionDraft, *, by: Person, at: datetime, on: date
) -> Exclusion:
    """Exclude two units on a topic; raises OneUnit, WhyExclude, EndsOutOfBounds, ExcludedAlready."""
    if one.id == other.id:
        raise OneUnit
    low, high = sorted((one.id, other.id))
    made = _made(ExclusionKind.UNITS, checked(draft, on=on), by=by, at=at)
    made.unit_id, made.other_unit_id, made.topic_id = low, high, topic.id
    same = Exclusion.unit_id == low, Exclusion.other_unit_id == high, Exclusion.topic_id == topic.id
    return _keep(session, made, *same, by=by, at=at)


def exclude_phrase(
    session: Session, phrase: str, draft: ExclusionDraft, *, unit: Unit, by: Person, at: datetime, on: date
) -> Exclusion:
    """Leave a phrase out of a unit's texts; raises PhraseTooShort, WhyExclude, EndsOutOfBounds, ExcludedAlready."""
    made = _made(ExclusionKind.PHRASE, checked(draft, on=on), by=by, at=at)
    made.unit_id, made.phrase = unit.id, checked_phrase(phrase)
    return _keep(session, made, Exclusion.unit_id == unit.id, Exclusion.phrase == made.phrase, by=by, at=at)


def end(session: Session, exclusion: Exclusion, *, by: Person, at: datetime) -> None:
    """End an exclusion before its day; what it hid comes back. Raises EndedAlready."""
    if exclusion.ended_at is not None:
        raise EndedAlready
    exclusion.ended_at, exclusion.ended_by_id = at, by.id
    record(session, "exclusion.ended", subject=("exclusion", exclusion.id), by=by, at=at)
    _look_again(session, exclusion.kind, exclusion.low_id, exclusion.unit_id, exclusion.topic_id, exclusion.phrase)


def lapse(session: Session, *, on: date, at: datetime) -> int:
    """End every exclusion whose last day lies before a day; return how many. What they hid comes back."""
    with read_as_system(session, "detector") as connection:
        over = connection.execute(
            select(_exclusion).where(_exclusion.c.ended_at.is_(None), _exclusion.c.until_on < on).order_by(_exclusion.c.id)
        ).all()
        if over:
            connection.execute(update(Exclusion).where(_exclusion.c.id.in_([row.id for row in over])).values(ended_at=at))
    for row in over:
        record(session, "exclusion.expired", subject=("exclusion", row.id), by=None, at=at)
        _look_again(session, row.kind, row.low_id, row.unit_id, row.topic_id, row.phrase)
    return len(over)


def _made(kind: ExclusionKind, draft: ExclusionDraft, *, by: Person, at: datetime) -> Exclusion:
    return Exclusion(
        kind=kind, phrase="", reason=draft.reason, until_on=draft.until_on, owner_id=by.id, owner_unit_id=by.unit_id, made_at=at
    )


def _keep(session: Session, made: Exclusion, *same: object, by: Person, at: datetime) -> Exclusion:
    standing = select(Exclusion.id).where(Exclusion.kind == made.kind, Exclusion.ended_at.is_(None), *same)  # type: ignore[arg-type]
    if session.scalars(standing).first() is not None:
        raise ExcludedAlready
    session.add(made)
    session.flush()  # gives the exclusion its id
    said = {"until": made.until_on.isoformat(), "reason": made.reason}
    record(session, "exclusion.made", subject=("exclusion", made.id), by=by, at=at, said=said)
    _look_again(session, made.kind, made.low_id, made.unit_id, made.topic_id, made.phrase)
    return made


def _look_again(
    session: Session, kind: ExclusionKind, low_id: int | None, unit_id: int | None, topic_id: int | None, phrase: str
) -> None:
    """Mark the entries whose overlaps an exclusion moves: one end of each of its pairs is enough."""
    touch(session, "compared", *_concerned(session, kind, low_id, unit_id, topic_id, phrase))


def _concerned(
    session: Session, kind: ExclusionKind, low_id: int | None, unit_id: int | None, topic_id: int | None, phrase: str
) -> Sequence[int]:
    with read_as_system(session, "detector") as connection:
        match kind:
            case ExclusionKind.PAIR:
                return [low_id or 0]
            case ExclusionKind.UNITS:
                return queries.entries_on(connection, unit_id or 0, topic_id or 0)
            case ExclusionKind.PHRASE:
                texts = queries.texts_of(connection, unit_id or 0)
                return [i for i, title, text in texts if holds(title, phrase) or holds(text, phrase)]


def _follow_topic(session: Session, gone: Topic, into: Topic, at: datetime) -> None:
    """Let two units that are excluded on a merged topic be so on the one that stays; where they were already, once is enough."""
    with read_as_system(session, "detector") as connection:
        held = {(one, other) for one, other, topic_id in queries.units_on_topics(connection) if topic_id == into.id}
        moving = [
            (i, (one, other) in held)
            for (one, other, topic_id), i in queries.units_on_topics(connection).items()
            if topic_id == gone.id
        ]
        for i, twice in moving:
            values = {"topic_id": into.id} | ({"ended_at": at} if twice else {})
            connection.execute(update(Exclusion).where(_exclusion.c.id == i).values(values))
        connection.execute(update(Exclusion).where(_exclusion.c.topic_id == gone.id).values(topic_id=into.id))


when_merged(_follow_topic)
