"""The change sequence and the chain of events."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.db import Base, Moment
from coordinator.people.models import Person


class Head(Base):
    """The last number of the change sequence and the digest of its event: one row, locked first by every change."""

    __tablename__ = "history_head"
    __table_args__ = (CheckConstraint("id = 1", name="there_is_one"),)
    bookkeeping = True

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))


class Event(Base):
    """One thing that happened, under its number; never changed, never deleted."""

    __tablename__ = "history_event"
    __table_args__ = (Index("ix_history_event_subject", "subject_kind", "subject_id"),)
    bookkeeping = True

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Moment)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    actor_kind: Mapped[str] = mapped_column(String(20))
    action: Mapped[str] = mapped_column(String(60))
    subject_kind: Mapped[str] = mapped_column(String(30))
    subject_id: Mapped[int]
    payload_digest: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))

    actor: Mapped[Person | None] = relationship(lazy="raise")
    payload: Mapped["Payload | None"] = relationship(lazy="raise", uselist=False)


class Payload(Base):
    """What an event says of itself; may be purged by law without breaking the chain, which keeps its salted digest."""

    __tablename__ = "history_payload"
    bookkeeping = True

    number: Mapped[int] = mapped_column(ForeignKey("history_event.number"), primary_key=True, autoincrement=False)
    salt: Mapped[str] = mapped_column(String(32))
    said: Mapped[dict[str, Any]] = mapped_column(JSON)
