"""What is known of what happened."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased, joinedload

from coordinator.history.models import Event, Head, Payload
from coordinator.history.rules import first_break


def of(session: Session, kind: str, subject_id: int) -> Sequence[Event]:
    """Return the events of one thing, oldest first, each with its actor and payload."""
    return session.scalars(
        select(Event)
        .where(Event.subject_kind == kind, Event.subject_id == subject_id)
        .options(joinedload(Event.actor), joinedload(Event.payload))
        .order_by(Event.number)
    ).all()


def of_units_people(session: Session, unit_id: int) -> Sequence[tuple[int, str, datetime, int | None]]:
    """Return (person, action, moment, unit said) for what happened to all persons who were ever in a unit, oldest first."""
    said = aliased(Event)
    ever = (
        select(said.subject_id)
        .join(Payload, Payload.number == said.number)
        .where(said.subject_kind == "person", Payload.said["unit"].as_integer() == unit_id)
    )
    rows = session.execute(
        select(Event.subject_id, Event.action, Event.at, Payload.said["unit"].as_integer())
        .join(Payload, Payload.number == Event.number)
        .where(Event.subject_kind == "person", Event.subject_id.in_(ever))
        .order_by(Event.number)
    )
    return [(person, action, at, unit) for person, action, at, unit in rows]


def last_number(session: Session) -> int:
    """Return the last number of the change sequence."""
    return session.scalars(select(Head.number)).one()


def broken_at(session: Session) -> int | None:
    """Return the number at which the chain of events breaks, or None if it holds."""
    head = session.scalars(select(Head).execution_options(populate_existing=True)).one()
    with closing(session.scalars(select(Event).order_by(Event.number).execution_options(yield_per=2000))) as events:
        return first_break(events, last_number=head.number, last_digest=head.digest)
