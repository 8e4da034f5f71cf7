"""The promise of one mail per person and period, and what each person chose."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.db import Base, Moment, Referable, word
from coordinator.errors import N_
from coordinator.people.models import Person


class Cadence(StrEnum):
    """How often a person wants the digest."""

    OFF = "off"
    DAILY = "daily"
    WEEKLY = "weekly"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {Cadence.OFF: N_("Off"), Cadence.DAILY: N_("Daily"), Cadence.WEEKLY: N_("Weekly, on Mondays")}[self]


class DigestState(StrEnum):
    """Where the mail is: only queued and claimed ones may be tried again by the machine."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    DATA = "data"
    SENT = "sent"
    NOTHING = "nothing"
    UNCERTAIN = "uncertain"
    FAILED = "failed"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            DigestState.QUEUED: N_("Waiting to be sent"),
            DigestState.CLAIMED: N_("Being prepared"),
            DigestState.DATA: N_("Being sent"),
            DigestState.SENT: N_("Sent"),
            DigestState.NOTHING: N_("Nothing to send"),
            DigestState.UNCERTAIN: N_("Sent, without an answer from the mail server"),
            DigestState.FAILED: N_("Could not be sent"),
        }[self]


class Subscription(Base):
    """When a person wants the digest, and up to which number of the change sequence it has told."""

    __tablename__ = "digest_subscription"
    __table_args__ = (CheckConstraint("hour BETWEEN 0 AND 23", name="hour_is_an_hour"),)
    bookkeeping = True

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    cadence: Mapped[Cadence] = mapped_column(word(Cadence))
    hour: Mapped[int]
    told_number: Mapped[int] = mapped_column(BigInteger)

    person: Mapped[Person] = relationship(lazy="raise")


class Digest(Referable, Base):
    """One mail to one person for one period; it holds no content: that is computed as that person when it is sent or read."""

    __tablename__ = "digest"
    __table_args__ = (
        UniqueConstraint("person_id", "period_on"),
        Index("ix_digest_state_due_at", "state", "due_at"),
    )
    bookkeeping = True

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    period_on: Mapped[date]
    cadence: Mapped[Cadence] = mapped_column(word(Cadence))
    state: Mapped[DigestState] = mapped_column(word(DigestState))
    message_id: Mapped[str] = mapped_column(String(200))
    due_at: Mapped[datetime] = mapped_column(Moment)
    lease_until: Mapped[datetime | None] = mapped_column(Moment)
    worker: Mapped[str] = mapped_column(String(80), default="")
    tries: Mapped[int] = mapped_column(default=0)
    after_number: Mapped[int | None] = mapped_column(BigInteger)
    up_to_number: Mapped[int | None] = mapped_column(BigInteger)
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    trouble: Mapped[str] = mapped_column(String(300), default="")

    person: Mapped[Person] = relationship(lazy="raise")
