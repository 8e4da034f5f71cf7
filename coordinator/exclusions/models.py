"""Exclusions: a pair of entries, two units on a topic, or a phrase that says nothing in a unit's texts."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.db import Base, Moment, Referable, word
from coordinator.entries.models import Entry
from coordinator.errors import N_
from coordinator.people.models import Person, Unit
from coordinator.topics.models import Topic


class ExclusionKind(StrEnum):
    """What is excluded."""

    PAIR = "pair"
    UNITS = "units"
    PHRASE = "phrase"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            ExclusionKind.PAIR: N_("A pair"),
            ExclusionKind.UNITS: N_("Two units on a topic"),
            ExclusionKind.PHRASE: N_("A phrase"),
        }[self]


class Exclusion(Referable, Base):
    """One thing that the detector is told not to say, with an owner, a reason and an end; it holds until it is ended."""

    __tablename__ = "exclusion"
    __table_args__ = (
        CheckConstraint("(kind = 'pair') = (low_id IS NOT NULL)", name="pair_has_a_lower_end"),
        CheckConstraint("(kind = 'pair') = (high_id IS NOT NULL)", name="pair_has_a_higher_end"),
        CheckConstraint("low_id < high_id", name="pair_kept_once"),
        CheckConstraint("(kind = 'pair') = (unit_id IS NULL)", name="units_and_phrases_have_a_unit"),
        CheckConstraint("(kind = 'units') = (other_unit_id IS NOT NULL)", name="units_are_two"),
        CheckConstraint("(kind = 'units') = (topic_id IS NOT NULL)", name="units_have_a_topic"),
        CheckConstraint("unit_id < other_unit_id", name="units_kept_once"),
        CheckConstraint("(kind = 'phrase') = (phrase <> '')", name="phrase_has_words"),
        CheckConstraint("reason <> ''", name="has_a_reason"),
        Index("ix_exclusion_ended_at", "ended_at", "until_on"),
    )

    kind: Mapped[ExclusionKind] = mapped_column(word(ExclusionKind))
    low_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"), index=True)
    high_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"), index=True)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"), index=True)  # whose texts; or the first of two
    other_unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    topic_id: Mapped[int | None] = mapped_column(ForeignKey("topic.id"), index=True)
    phrase: Mapped[str] = mapped_column(Text, default="")
    reason: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    owner_unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    made_at: Mapped[datetime] = mapped_column(Moment)
    until_on: Mapped[date]  # the last day on which it holds
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))  # nobody: its day went by

    low: Mapped[Entry | None] = relationship(lazy="raise", foreign_keys=[low_id])
    high: Mapped[Entry | None] = relationship(lazy="raise", foreign_keys=[high_id])
    unit: Mapped[Unit | None] = relationship(lazy="raise", foreign_keys=[unit_id])
    other_unit: Mapped[Unit | None] = relationship(lazy="raise", foreign_keys=[other_unit_id])
    topic: Mapped[Topic | None] = relationship(lazy="raise")
    owner: Mapped[Person] = relationship(lazy="raise", foreign_keys=[owner_id])
    owner_unit: Mapped[Unit] = relationship(lazy="raise", foreign_keys=[owner_unit_id])
    ended_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[ended_by_id])
