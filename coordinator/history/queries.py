"""What is known of what happened."""

from collections.abc import Sequence
from contextlib import closing

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from coordinator.history.models import Event, Head
from coordinator.history.rules import first_break


def of(session: Session, kind: str, subject_id: int) -> Sequence[Event]:
    """Return the events of one thing, oldest first, each with its actor and payload."""
    return session.scalars(
        select(Event)
        .where(Event.subject_kind == kind, Event.subject_id == subject_id)
        .options(joinedload(Event.actor), joinedload(Event.payload))
        .order_by(Event.number)
    ).all()


def last_number(session: Session) -> int:
    """Return the last number of the change sequence."""
    return session.scalars(select(Head.number)).one()


def broken_at(session: Session) -> int | None:
    """Return the number at which the chain of events breaks, or None if it holds."""
    head = session.scalars(select(Head).execution_options(populate_existing=True)).one()
    with closing(session.scalars(select(Event).order_by(Event.number).execution_options(yield_per=2000))) as events:
        return first_break(events, last_number=head.number, last_digest=head.digest)
