"""Recording what happened, under gap-free numbers and in one chain."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from coordinator.db import change_of
from coordinator.history.models import Event, Head, Note, Noted, Payload
from coordinator.history.rules import event_digest, payload_digest
from coordinator.people.models import Person


def take_turn(session: Session) -> None:
    """Lock the head of the sequence: from here to the commit nobody else changes the register."""
    head = session.scalars(select(Head).with_for_update().execution_options(populate_existing=True)).one()
    session.info["history_head"] = head
    session.info["record"] = record  # for people, which stands a floor below and may not import this


def next_number(session: Session) -> int:
    """Return the number that the next event of this change gets. Needs a transaction."""
    change_of(session)
    head: Head = session.info["history_head"]
    return head.number + 1


def record(
    session: Session,
    action: str,
    *,
    subject: tuple[str, int],
    by: Person | None,
    at: datetime,
    said: dict[str, Any] | None = None,
) -> int:
    """Write one event and return its number; `by` nobody is the product itself. Needs a transaction."""
    change = change_of(session)
    head: Head = session.info["history_head"]
    salt, said = secrets.token_hex(8), said or {}
    event = Event(
        number=head.number + 1,
        at=at,
        actor_id=by.id if by else None,
        actor_kind="person" if by else "system",
        action=action,
        subject_kind=subject[0],
        subject_id=subject[1],
        payload_digest=payload_digest(salt, said),
        previous=head.digest,
    )
    event.digest = event_digest(event)
    session.add_all([event, Payload(number=event.number, salt=salt, said=said)])
    head.number, head.digest = event.number, event.digest
    change.recorded, change.at, change.number = True, at, event.number
    return event.number


NOTES_LAST = timedelta(days=400)


def note(session: Session, did: Noted, *, person: Person | None, at: datetime, said: dict[str, Any] | None = None) -> None:
    """Note for the auditor what happened at the door; `said` of a file: what kind, which format, how many rows. No change."""
    session.execute(delete(Note).where(Note.at < at - NOTES_LAST))
    session.add(Note(did=did, person_id=person.id if person else None, at=at, said=said or {}))
