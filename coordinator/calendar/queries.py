"""What is known of forums, their events, the questions before them, counterparts, and instruments."""

from collections.abc import Sequence
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from coordinator.calendar.models import Counterpart, Event, Forum, Instrument, InstrumentParty, Question
from coordinator.errors import NotFound

Thing = TypeVar("Thing")


def _one(session: Session, found: Select[Thing]) -> Thing:
    thing = session.scalars(found).one_or_none()
    if thing is None:
        raise NotFound
    return thing


def forums(session: Session) -> Sequence[Forum]:
    """Return the forums by short name."""
    return session.scalars(select(Forum).order_by(Forum.short_name, Forum.id)).all()


def forum(session: Session, ref: str) -> Forum:
    """Return a forum by ref; raises NotFound."""
    return _one(session, select(Forum).where(Forum.ref == ref))


def events(session: Session, *, ending_from: date | None = None, before: date | None = None) -> Sequence[Event]:
    """Return events with their forums in the order of their days: those not over on a day, or those over before one."""
    found = select(Event).options(joinedload(Event.forum)).order_by(Event.starts_on, Event.id)
    if ending_from is not None:
        found = found.where(Event.ends_on >= ending_from)
    if before is not None:
        found = found.where(Event.ends_on < before)
    return session.scalars(found).all()


def events_between(session: Session, first: date, last: date) -> Sequence[Event]:
    """Return the events with a day between two days, these two counted in, with their forums, in the order of their days."""
    return session.scalars(
        select(Event)
        .where(Event.starts_on <= last, Event.ends_on >= first)
        .options(joinedload(Event.forum))
        .order_by(Event.starts_on, Event.ends_on, Event.id)
    ).all()


def event(session: Session, ref: str) -> Event:
    """Return an event by ref with its forum; raises NotFound."""
    return _one(session, select(Event).where(Event.ref == ref).options(joinedload(Event.forum)))


def next_events(session: Session, *, on: date) -> dict[int, Event]:
    """Return for each forum the first of its events that is not over on a day; a forum without one is left out."""
    found: dict[int, Event] = {}
    for event in events(session, ending_from=on):
        found.setdefault(event.forum_id, event)
    return found


def events_of(session: Session, forum_id: int) -> Sequence[Event]:
    """Return the events of a forum in the order of their days."""
    return session.scalars(select(Event).where(Event.forum_id == forum_id).order_by(Event.starts_on, Event.id)).all()


def questions(session: Session, *where: ColumnElement[bool]) -> Sequence[Question]:
    """Return the questions (for which all of some conditions hold) with topic and forum, by text."""
    return session.scalars(
        select(Question)
        .where(*where)
        .options(joinedload(Question.topic), joinedload(Question.forum))
        .order_by(Question.text, Question.id)
    ).all()


def questions_nearest_first(session: Session, *where: ColumnElement[bool], on: date) -> list[int]:
    """Return the ids of questions (for which all of some conditions hold): the nearest event of its forum first, then by text."""
    nearest = next_events(session, on=on)
    rows = session.execute(select(Question.id, Question.forum_id, Question.text).where(*where)).all()

    def place(row: Any) -> tuple[bool, date, str, int]:
        event = nearest.get(row.forum_id)
        return (event is None, event.starts_on if event else on, row.text, row.id)

    return [row.id for row in sorted(rows, key=place)]


def forums_nearest_first(session: Session, *, on: date) -> list[tuple[Forum, Event | None]]:
    """Return the forums, each with its next event: the nearest first, then those without one by short name."""
    nearest = next_events(session, on=on)
    found = [(f, nearest.get(f.id)) for f in forums(session)]
    return sorted(found, key=lambda pair: (pair[1] is None, pair[1].starts_on if pair[1] else on))


def question(session: Session, ref: str) -> Question:
    """Return a question by ref with topic and forum; raises NotFound."""
    return _one(
        session, select(Question).where(Question.ref == ref).options(joinedload(Question.topic), joinedload(Question.forum))
    )


def counterparts(session: Session) -> Sequence[Counterpart]:
    """Return the counterparts by name."""
    return session.scalars(select(Counterpart).order_by(Counterpart.name, Counterpart.id)).all()


def counterpart(session: Session, ref: str) -> Counterpart:
    """Return a counterpart by ref; raises NotFound."""
    return _one(session, select(Counterpart).where(Counterpart.ref == ref))


def instruments(session: Session) -> Sequence[Instrument]:
    """Return the instruments with their forums by short name."""
    return session.scalars(
        select(Instrument).options(joinedload(Instrument.forum)).order_by(Instrument.short_name, Instrument.id)
    ).all()


def instrument(session: Session, ref: str) -> Instrument:
    """Return an instrument by ref with its forum and the counterparts that are parties to it; raises NotFound."""
    return _one(
        session,
        select(Instrument)
        .where(Instrument.ref == ref)
        .options(joinedload(Instrument.forum), selectinload(Instrument.named_parties))
        .execution_options(populate_existing=True),
    )


def instruments_of(session: Session, counterpart_id: int) -> Sequence[Instrument]:
    """Return the instruments to which a counterpart is a party, by short name."""
    to_it = select(InstrumentParty.instrument_id).where(InstrumentParty.counterpart_id == counterpart_id)
    return session.scalars(select(Instrument).where(Instrument.id.in_(to_it)).order_by(Instrument.short_name, Instrument.id)).all()
