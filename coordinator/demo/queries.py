"""What is known of the demo in a register: the day it began on, how far it was told, which of its entries are which."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from coordinator.exchange import queries as exchange
from coordinator.history import queries as history
from coordinator.history.models import Event
from coordinator.overlaps.models import Overlap

SOURCE = "demo"
BEGUN = ("demo", 1)


def begun(session: Session) -> Mapping[str, Any] | None:
    """Return what was noted when the demo was begun (its day, its edition), or None if it was not."""
    events = history.of(session, *BEGUN)
    return events[0].payload.said if events and events[0].payload else None


def holds_another(session: Session, keys: list[str]) -> bool:
    """Say whether entries of the demo are there that nothing was noted about: an edition from before it was noted."""
    return bool(exchange.taken_before(session, SOURCE, keys))


def moments(session: Session) -> set[datetime]:
    """Return the moments at which anything happened."""
    return set(session.scalars(select(Event.at)))


def entry_ids(session: Session, *keys: str) -> tuple[int, ...]:
    """Return the ids of entries by their keys in the demo; raises KeyError."""
    found = exchange.taken_before(session, SOURCE, keys)
    return tuple(found[key][0] for key in keys)


def overlap_of(session: Session, a: int, b: int) -> Overlap | None:
    """Return the current overlap of two entries, or None unless there is one that the reader sees."""
    pair = or_(and_(Overlap.low_id == a, Overlap.high_id == b), and_(Overlap.low_id == b, Overlap.high_id == a))
    return session.scalars(select(Overlap).where(pair, Overlap.current.is_(True))).one_or_none()
