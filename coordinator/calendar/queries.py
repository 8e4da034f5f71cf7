"""What is known of forums, their events, the questions before them, and counterparts."""

from collections.abc import Sequence
from datetime import date
from typing import TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from coordinator.calendar.models import Counterpart, Event, Forum, Question
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


def event(session: Session, ref: str) -> Event:
    """Return an event by ref with its forum; raises NotFound."""
    return _one(session, select(Event).where(Event.ref == ref).options(joinedload(Event.forum)))


def questions(session: Session) -> Sequence[Question]:
    """Return the questions with topic and forum, by text."""
    return session.scalars(
        select(Question).options(joinedload(Question.topic), joinedload(Question.forum)).order_by(Question.text, Question.id)
    ).all()


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
