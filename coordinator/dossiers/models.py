"""What a dossier has beyond an entry: its code, type, lead, contributing units, milestones, positions and papers."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.db import Base, word
from coordinator.entries.models import Entry, Kind
from coordinator.errors import N_
from coordinator.people.models import Person, Unit


class DossierType(StrEnum):
    """What kind of work it is."""

    NEGOTIATION = "negotiation"
    DIALOGUE = "dialogue"
    INCIDENT = "incident"
    CAPACITY_BUILDING = "capacity_building"
    NORMS = "norms"
    PARTNERSHIP = "partnership"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            DossierType.NEGOTIATION: N_("Negotiation"),
            DossierType.DIALOGUE: N_("Dialogue"),
            DossierType.INCIDENT: N_("Incident and attribution"),
            DossierType.CAPACITY_BUILDING: N_("Capacity building"),
            DossierType.NORMS: N_("Norms"),
            DossierType.PARTNERSHIP: N_("Partnership"),
        }[self]


class Dossier(Entry):
    """The work on one matter, under a readable code that says nothing of how many others there are."""

    __mapper_args__ = {"polymorphic_identity": Kind.DOSSIER}

    dossier_type: Mapped[DossierType | None] = mapped_column(word(DossierType))
    code: Mapped[str | None] = mapped_column(String(60))
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)

    lead: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[lead_id])
    contributing: Mapped[list[Unit]] = relationship(
        lazy="raise", secondary="dossier_contributor", viewonly=True, order_by=Unit.short_name
    )
    milestones: Mapped[list["Milestone"]] = relationship(lazy="raise", viewonly=True, order_by="Milestone.due_on")
    papers: Mapped[list["Paper"]] = relationship(lazy="raise", viewonly=True, order_by="Paper.id")

    VERSIONED = (*Entry.VERSIONED, "dossier_type", "lead_id")


Index("uq_entry_unit_id_code", Entry.__table__.c.unit_id, Entry.__table__.c.code, unique=True)
Entry.__table__.append_constraint(  # type: ignore[attr-defined]
    CheckConstraint("kind = 'dossier' OR dossier_type IS NULL", name="only_a_dossier_has_a_type")
)


class Contributor(Base):
    """A unit that contributes to a dossier."""

    __tablename__ = "dossier_contributor"

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True, index=True)


class Milestone(Base):
    """A day by which something in a dossier is due."""

    __tablename__ = "dossier_milestone"

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), index=True)
    due_on: Mapped[date]
    text: Mapped[str] = mapped_column(String(300))
    past: Mapped[bool] = mapped_column(default=False)


class Paper(Base):
    """A link to a paper in the ministry's registry."""

    __tablename__ = "dossier_paper"

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), index=True)
    label: Mapped[str] = mapped_column(String(200))
    url: Mapped[str] = mapped_column(String(500))


class DossierPosition(Base):
    """A position that a dossier draws on; a link, not a nesting: each end keeps its own readers."""

    __tablename__ = "dossier_position"

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    position_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True, index=True)
