"""Pairs of entries that touch, what each unit did about them, and the steps in words."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.db import Base, Moment, Referable, word
from coordinator.entries.models import Entry
from coordinator.errors import N_
from coordinator.people.models import Person, Unit

FAR = date(9999, 12, 31)


class OverlapKind(StrEnum):
    """What sort of touch it is, strongest first."""

    CONFLICT = "conflict"
    COLLISION = "collision"
    DUPLICATION = "duplication"
    CONTACT = "contact"
    POSSIBLE = "possible"

    @property
    def label(self) -> str:
        """Return the word that a person reads."""
        return {
            OverlapKind.CONFLICT: N_("Conflict"),
            OverlapKind.COLLISION: N_("Collision"),
            OverlapKind.DUPLICATION: N_("Duplication"),
            OverlapKind.CONTACT: N_("Contact"),
            OverlapKind.POSSIBLE: N_("Possible"),
        }[self]


class Severity(StrEnum):
    """How bad it would be; about the pair, not about the day."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def label(self) -> str:
        """Return the word that a person reads."""
        return {
            Severity.CRITICAL: N_("Critical"),
            Severity.HIGH: N_("High"),
            Severity.MEDIUM: N_("Medium"),
            Severity.LOW: N_("Low"),
        }[self]


class OverlapState(StrEnum):
    """How far the units are with it."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SETTLED = "settled"
    DISMISSED = "dismissed"
    LAPSED = "lapsed"

    @property
    def label(self) -> str:
        """Return the word that a person reads."""
        return {
            OverlapState.OPEN: N_("Open"),
            OverlapState.ACKNOWLEDGED: N_("Acknowledged"),
            OverlapState.SETTLED: N_("Settled"),
            OverlapState.DISMISSED: N_("Dismissed"),
            OverlapState.LAPSED: N_("Lapsed"),
        }[self]


class Closing(StrEnum):
    """How a unit would close an overlap."""

    SETTLE = "settle"
    DISMISS = "dismiss"

    @property
    def label(self) -> str:
        """Return the word that a person reads."""
        return {Closing.SETTLE: N_("Settled"), Closing.DISMISS: N_("Dismissed")}[self]


class Dismissal(StrEnum):
    """Why an overlap is nothing: what the detector is measured by."""

    NOT_SAME = "not_same"
    TEXTS = "texts"
    TOO_BROAD = "too_broad"
    COORDINATED = "coordinated"
    OTHER = "other"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Dismissal.NOT_SAME: N_("Not the same subject"),
            Dismissal.TEXTS: N_("Only the wording is alike"),
            Dismissal.TOO_BROAD: N_("The common topic is too broad"),
            Dismissal.COORDINATED: N_("Coordinated already"),
            Dismissal.OTHER: N_("Something else"),
        }[self]


class Outcome(StrEnum):
    """What a settlement comes to."""

    JOINT_LINE = "joint_line"
    ONE_LEADS = "one_leads"
    SPLIT_SCOPE = "split_scope"
    AGREE_TO_DIFFER = "agree_to_differ"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Outcome.JOINT_LINE: N_("A joint line"),
            Outcome.ONE_LEADS: N_("One unit leads"),
            Outcome.SPLIT_SCOPE: N_("The scope is split"),
            Outcome.AGREE_TO_DIFFER: N_("Agreed to differ"),
        }[self]


COUNTED = (
    "rank",
    "near_on",
    "low_id",
    "high_id",
    "low_unit_id",
    "high_unit_id",
    "found_at",
    "acknowledged_at",
    "closed_at",
    "reopened_at",
    "low_level",
    "low_audience_id",
    "high_level",
    "high_audience_id",
)
"""What the picture counts overlaps by, and who may see them."""


def _end(end: str) -> ForeignKeyConstraint:
    """Tie an end to its entry, and to who may see that: the database itself brings a change of it over."""
    columns = [f"{end}_{name}" for name in ("id", "level", "audience_id")]
    return ForeignKeyConstraint(columns, ["entry.id", "entry.level", "entry.audience_id"], onupdate="CASCADE")


class Overlap(Referable, Base):
    """An unordered pair of entries of two units, kept once: the lower id first."""

    __tablename__ = "overlap"
    __table_args__ = (
        UniqueConstraint("low_id", "high_id"),
        CheckConstraint("low_id < high_id", name="kept_once"),
        _end("low"),
        _end("high"),
        Index("ix_overlap_order", "current", "rank", "near_on", "id"),
        Index("ix_overlap_rank", "rank", "near_on", "id"),  # the same, of those that are closed too
        Index("ix_overlap_counted", "current", "kind", "state", *COUNTED),  # without opening a row
        Index("ix_overlap_low_unit_id", "low_unit_id", "current"),
        Index("ix_overlap_high_unit_id", "high_unit_id", "current"),
    )
    bookkeeping = True  # written by the detector, whose every run is recorded as one event

    low_id: Mapped[int] = mapped_column()
    low_level: Mapped[int]
    low_audience_id: Mapped[int]
    high_id: Mapped[int] = mapped_column(index=True)
    high_level: Mapped[int]
    high_audience_id: Mapped[int]
    low_unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    high_unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[OverlapKind] = mapped_column(word(OverlapKind))
    severity: Mapped[Severity] = mapped_column(word(Severity))
    rank: Mapped[int]  # of the severity, 0 the worst: what lists are ordered by
    near_on: Mapped[date]  # the nearest day of either end that is not past, or FAR: so that an index gives the order
    score: Mapped[float] = mapped_column(Float)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    inputs: Mapped[dict[str, Any]] = mapped_column(JSON)
    fingerprint: Mapped[str] = mapped_column(String(64))
    settings: Mapped[str | None] = mapped_column(String(12))  # the version of the floors and weights that last said so
    current: Mapped[bool] = mapped_column(default=True)
    state: Mapped[OverlapState] = mapped_column(word(OverlapState), default=OverlapState.OPEN)
    found_at: Mapped[datetime] = mapped_column(Moment, index=True)
    reopened_at: Mapped[datetime | None] = mapped_column(Moment)  # taken up again: by somebody, by a change, by its return
    acknowledged_at: Mapped[datetime | None] = mapped_column(Moment)  # by the first of those asked
    closed_at: Mapped[datetime | None] = mapped_column(Moment, index=True)
    changed_at: Mapped[datetime] = mapped_column(Moment)
    changed_number: Mapped[int] = mapped_column(BigInteger, index=True)
    closed_as: Mapped[Closing | None] = mapped_column(word(Closing))
    dismissed_as: Mapped[Dismissal | None] = mapped_column(word(Dismissal))
    outcome: Mapped[Outcome | None] = mapped_column(word(Outcome))
    statement: Mapped[str] = mapped_column(Text, default="")
    lead_unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    look_again_on: Mapped[date | None]

    low: Mapped[Entry] = relationship(lazy="raise", foreign_keys=[low_id])
    high: Mapped[Entry] = relationship(lazy="raise", foreign_keys=[high_id])
    low_unit: Mapped[Unit] = relationship(lazy="raise", foreign_keys=[low_unit_id])
    high_unit: Mapped[Unit] = relationship(lazy="raise", foreign_keys=[high_unit_id])
    lead_unit: Mapped[Unit | None] = relationship(lazy="raise", foreign_keys=[lead_unit_id])
    sides: Mapped[list["Side"]] = relationship(lazy="raise", order_by="Side.unit_id", viewonly=True)

    @hybrid_property
    def open_since(self) -> datetime:
        """When it was found or last taken up again: what every waiting counts from."""
        return self.reopened_at or self.found_at

    @open_since.inplace.expression
    @classmethod
    def _open_since(cls) -> ColumnElement[datetime]:
        return func.coalesce(cls.reopened_at, cls.found_at)


class Side(Base):
    """What one of the two units did about an overlap; `asked` if the unit can see both ends."""

    __tablename__ = "overlap_side"
    bookkeeping = True

    overlap_id: Mapped[int] = mapped_column(ForeignKey("overlap.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True, index=True)
    asked: Mapped[bool]
    acknowledged_at: Mapped[datetime | None] = mapped_column(Moment)
    acknowledged_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    closing: Mapped[Closing | None] = mapped_column(word(Closing))
    closing_at: Mapped[datetime | None] = mapped_column(Moment)
    closing_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    closing_why: Mapped[str] = mapped_column(Text, default="")
    dismissal: Mapped[Dismissal | None] = mapped_column(word(Dismissal))

    unit: Mapped[Unit] = relationship(lazy="raise")
    acknowledged_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[acknowledged_by_id])


class Step(Base):
    """One step in the life of an overlap, by a person or by the detector."""

    __tablename__ = "overlap_step"
    __table_args__ = (Index("ix_overlap_step_overlap_id", "overlap_id", "id"),)
    bookkeeping = True

    id: Mapped[int] = mapped_column(primary_key=True)
    overlap_id: Mapped[int] = mapped_column(ForeignKey("overlap.id"))
    number: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(Moment)
    did: Mapped[str] = mapped_column(String(30))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    said: Mapped[str] = mapped_column(Text, default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    person: Mapped[Person | None] = relationship(lazy="raise")
    unit: Mapped[Unit | None] = relationship(lazy="raise")


class Hidden(Base):
    """A pair that would be flagged if an exclusion did not hide it: kept by the detector, so that it can be counted."""

    __tablename__ = "overlap_hidden"
    bookkeeping = True

    exclusion_id: Mapped[int] = mapped_column(ForeignKey("exclusion.id"), primary_key=True)
    low_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True, index=True)
    high_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True, index=True)
    kind: Mapped[OverlapKind] = mapped_column(word(OverlapKind))
    severity: Mapped[Severity] = mapped_column(word(Severity))

    low: Mapped[Entry] = relationship(lazy="raise", foreign_keys=[low_id])
    high: Mapped[Entry] = relationship(lazy="raise", foreign_keys=[high_id])


class Recheck(Base):
    """An entry whose overlaps wait to be brought up to date by the job: the row is the truth, the job only does it."""

    __tablename__ = "overlap_recheck"
    bookkeeping = True

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
