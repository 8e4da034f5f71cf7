"""The change sequence and the chain of events."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.db import Base, Moment, word
from coordinator.errors import N_
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
    __table_args__ = (
        Index("ix_history_event_subject", "subject_kind", "subject_id"),
        Index("ix_history_event_at", "at", "number"),
    )
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


class Noted(StrEnum):
    """What is noted though it changes nothing of the register."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_IN_THROTTLED = "sign_in_throttled"
    SIGNED_OUT = "signed_out"
    LINK_ASKED_FOR = "link_asked_for"
    EXPORTED = "exported"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Noted.SIGNED_IN: N_("Signed in"),
            Noted.SIGN_IN_FAILED: N_("Failed to sign in"),
            Noted.SIGN_IN_THROTTLED: N_("Was kept from trying to sign in again"),
            Noted.SIGNED_OUT: N_("Signed out"),
            Noted.LINK_ASKED_FOR: N_("Asked for a link that sets a password"),
            Noted.EXPORTED: N_("Took out a file"),
        }[self]


class Note(Base):
    """Something that happened at the door, for the auditor: who and when, and of a file what kind and how many rows.

    It stands outside the chain: signing in is no change of the register. Without a person, nobody of that address is known; what
    was typed is not kept, because it may have been a password.
    """

    __tablename__ = "history_note"
    __table_args__ = (Index("ix_history_note_at", "at", "id"),)
    bookkeeping = True

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    did: Mapped[Noted] = mapped_column(word(Noted))
    said: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    person: Mapped[Person | None] = relationship(lazy="raise")
