"""What is kept of gaps: that a unit was asked about an entry, and that somebody knows of a gap; all else is derived when read."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.calendar.models import Event
from coordinator.db import Base, Moment, Referable, word
from coordinator.entries.models import Entry
from coordinator.errors import N_
from coordinator.people.models import Person, Unit
from coordinator.topics.models import Topic


class GapKind(StrEnum):
    """What is missing, in the order of the lists."""

    EVENT = "event"
    REVIEW = "review"
    CONSULTATION = "consultation"
    LEAD = "lead"
    WING = "wing"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            GapKind.EVENT: N_("Event without a line"),
            GapKind.REVIEW: N_("Review overdue before its event"),
            GapKind.CONSULTATION: N_("Unit not asked"),
            GapKind.LEAD: N_("Topic without a lead"),
            GapKind.WING: N_("Wing that nobody covers"),
        }[self]


class Asked(Base):
    """That a unit was asked about an entry on a day, and by whom; one for an entry and a unit, seen with the entry."""

    __tablename__ = "entry_asked"
    __table_args__ = (UniqueConstraint("entry_id", "unit_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    asked_on: Mapped[date]
    note: Mapped[str] = mapped_column(Text, default="")
    by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(Moment)

    unit: Mapped[Unit] = relationship(lazy="raise")
    by: Mapped[Person | None] = relationship(lazy="raise")


class Known(Referable, Base):
    """That somebody knows of a gap, why, and until when; it holds while what it rests on stays as it was.

    What hangs on an entry is seen with it. The others rest on what the whole ministry sees.
    """

    __tablename__ = "gap_known"
    __table_args__ = (
        Index(
            "uq_gap_known_standing",
            "key",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        CheckConstraint("(kind IN ('consultation', 'review')) = (entry_id IS NOT NULL)", name="an_entry_where_one_is_due"),
        CheckConstraint("(kind = 'consultation') = (unit_id IS NOT NULL)", name="a_unit_where_one_was_not_asked"),
        CheckConstraint("(kind = 'event') = (event_id IS NOT NULL)", name="an_event_where_one_is_due"),
        CheckConstraint("(kind IN ('lead', 'wing')) = (topic_id IS NOT NULL)", name="a_topic_where_one_is_due"),
        CheckConstraint("length(why) > 0", name="has_a_reason"),
    )

    kind: Mapped[GapKind] = mapped_column(word(GapKind))
    key: Mapped[str] = mapped_column(String(60))
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"), index=True)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("event.id"))
    topic_id: Mapped[int | None] = mapped_column(ForeignKey("topic.id"))
    why: Mapped[str] = mapped_column(Text)
    until_on: Mapped[date]
    rests_on: Mapped[str] = mapped_column(String(400))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    by_unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    number: Mapped[int] = mapped_column(BigInteger, index=True)
    """Under which it stands in the history."""

    by: Mapped[Person | None] = relationship(lazy="raise")
    by_unit: Mapped[Unit] = relationship(lazy="raise", foreign_keys=[by_unit_id])
    entry: Mapped[Entry | None] = relationship(lazy="raise")
    event: Mapped[Event | None] = relationship(lazy="raise")
    topic: Mapped[Topic | None] = relationship(lazy="raise")
