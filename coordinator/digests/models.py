"""The promise of one mail per subscription and period, and what each person or unit chose."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.db import Base, Moment, Referable, word
from coordinator.errors import N_
from coordinator.people.models import Person, Unit


class Edition(StrEnum):
    """Which letter it is: to a person, to the mailbox of a unit, or the weekly brief for leadership."""

    PERSON = "person"
    MAILBOX = "mailbox"
    BRIEF = "brief"


class Cadence(StrEnum):
    """How often a letter is wanted."""

    OFF = "off"
    DAILY = "daily"
    CHOSEN = "chosen"
    WEEKLY = "weekly"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Cadence.OFF: N_("Off"),
            Cadence.DAILY: N_("Daily"),
            Cadence.CHOSEN: N_("On chosen weekdays"),
            Cadence.WEEKLY: N_("Weekly"),
        }[self]


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"

    @property
    def number(self) -> int:
        """Return its number as `date.weekday` counts: Monday is 0."""
        return list(Weekday).index(self)

    @property
    def label(self) -> str:
        """Return the word that a person reads."""
        return {
            Weekday.MONDAY: N_("Monday"),
            Weekday.TUESDAY: N_("Tuesday"),
            Weekday.WEDNESDAY: N_("Wednesday"),
            Weekday.THURSDAY: N_("Thursday"),
            Weekday.FRIDAY: N_("Friday"),
            Weekday.SATURDAY: N_("Saturday"),
            Weekday.SUNDAY: N_("Sunday"),
        }[self]


EVERY_DAY = frozenset(Weekday)
WORKING_DAYS = frozenset(list(Weekday)[:5])


@dataclass(frozen=True)
class Schedule:
    """On which weekdays a letter comes, and at what local hour; the cadence says how that was chosen."""

    cadence: Cadence
    hour: int
    weekdays: frozenset[Weekday] = EVERY_DAY

    @property
    def bits(self) -> int:
        """Return the weekdays as a number: Monday is the lowest bit."""
        return sum(1 << day.number for day in self.weekdays)


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


class Subscription(Referable, Base):
    """When somebody wants a letter, and up to which number of the change sequence it has told.

    A unit's mailbox keeps the address that was agreed to, and its own time zone; a person's are the account's.
    """

    __tablename__ = "subscription"
    __table_args__ = (
        UniqueConstraint("person_id", "edition"),
        UniqueConstraint("unit_id"),
        CheckConstraint("hour BETWEEN 0 AND 23", name="hour_is_an_hour"),
        CheckConstraint("weekdays BETWEEN 1 AND 127", name="weekdays_are_of_a_week"),
        CheckConstraint("(unit_id IS NULL) <> (person_id IS NULL)", name="goes_to_one"),
        CheckConstraint(
            "(edition = 'mailbox') = (unit_id IS NOT NULL AND address IS NOT NULL AND time_zone IS NOT NULL)",
            name="a_mailbox_is_a_unit_s",
        ),
    )
    bookkeeping = True

    edition: Mapped[Edition] = mapped_column(word(Edition))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    address: Mapped[str | None] = mapped_column(String(254))
    time_zone: Mapped[str | None] = mapped_column(String(60))
    cadence: Mapped[Cadence] = mapped_column(word(Cadence))
    weekdays: Mapped[int]
    hour: Mapped[int]
    told_number: Mapped[int] = mapped_column(BigInteger)

    person: Mapped[Person | None] = relationship(lazy="raise")
    unit: Mapped[Unit | None] = relationship(lazy="raise")

    @property
    def schedule(self) -> Schedule:
        """Return when it comes."""
        return Schedule(self.cadence, self.hour, days_of(self.weekdays))


def days_of(bits: int) -> frozenset[Weekday]:
    """Return the weekdays that a number stands for."""
    return frozenset(day for day in Weekday if bits >> day.number & 1)


class Digest(Referable, Base):
    """One mail of a subscription for one period; it holds no content: that is computed as its reader when it is sent or read."""

    __tablename__ = "digest"
    __table_args__ = (
        UniqueConstraint("subscription_id", "period_on"),
        Index("ix_digest_state_due_at", "state", "due_at"),
        Index("ix_digest_period_on_state", "period_on", "state"),
        Index("ix_digest_tried_at", "tried_at"),
    )
    bookkeeping = True

    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"))
    period_on: Mapped[date]
    state: Mapped[DigestState] = mapped_column(word(DigestState))
    message_id: Mapped[str] = mapped_column(String(200))
    due_at: Mapped[datetime] = mapped_column(Moment)
    lease_until: Mapped[datetime | None] = mapped_column(Moment)
    worker: Mapped[str] = mapped_column(String(80), default="")
    tries: Mapped[int] = mapped_column(default=0)
    tried_at: Mapped[datetime | None] = mapped_column(Moment)
    after_number: Mapped[int | None] = mapped_column(BigInteger)
    up_to_number: Mapped[int | None] = mapped_column(BigInteger)
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    trouble: Mapped[str] = mapped_column(String(300), default="")

    subscription: Mapped[Subscription] = relationship(lazy="raise")


class Probe(Base):
    """A letter without content that an administrator sends to the own address, to see whether mail goes out."""

    __tablename__ = "probe"
    bookkeeping = True

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    state: Mapped[DigestState] = mapped_column(word(DigestState))
    asked_at: Mapped[datetime] = mapped_column(Moment)
    tried_at: Mapped[datetime | None] = mapped_column(Moment, index=True)
    answer: Mapped[str] = mapped_column(String(300), default="")
