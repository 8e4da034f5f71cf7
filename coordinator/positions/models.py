"""What a position has beyond an entry: a stance on a question, and the words around the line to take."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.calendar.models import Question
from coordinator.db import Base, Moment, word
from coordinator.entries.models import Entry, Kind
from coordinator.errors import N_
from coordinator.people.models import Person, Unit


class Stance(StrEnum):
    """What a unit says to a question; declared, never guessed."""

    SUPPORT = "support"
    CONDITIONS = "conditions"
    NO_POSITION = "no_position"
    OPPOSE = "oppose"
    RED_LINE = "red_line"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Stance.SUPPORT: N_("Support"),
            Stance.CONDITIONS: N_("Support with conditions"),
            Stance.NO_POSITION: N_("No position"),
            Stance.OPPOSE: N_("Oppose"),
            Stance.RED_LINE: N_("Red line"),
        }[self]


class Position(Entry):
    """What a unit holds; `text` is the line to take. At most one released per unit, question and level.

    One that a unit wrote down on behalf of a counterpart is an outside voice and no line of the unit: there may be several.
    """

    __mapper_args__ = {"polymorphic_identity": Kind.POSITION}

    question_id: Mapped[int | None] = mapped_column(ForeignKey("question.id"), index=True)
    stance: Mapped[Stance | None] = mapped_column(word(Stance))
    reason: Mapped[str | None] = mapped_column(Text)
    red_lines: Mapped[str | None] = mapped_column(Text)
    fallback: Mapped[str | None] = mapped_column(Text)
    talking_points: Mapped[str | None] = mapped_column(Text)
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None] = mapped_column(index=True)

    question: Mapped[Question | None] = relationship(lazy="raise")

    VERSIONED = (
        *Entry.VERSIONED,
        "question_id",
        "stance",
        "reason",
        "red_lines",
        "fallback",
        "talking_points",
        "valid_from",
        "valid_until",
        "on_behalf_of_id",
        "source",
        "said_on",
    )


# One table holds both kinds, so what only positions promise is added to it here.
_current = text("state = 'released' AND kind = 'position' AND on_behalf_of_id IS NULL")
Index(
    "uq_entry_one_released_position",
    Entry.__table__.c.unit_id,
    Entry.__table__.c.question_id,
    Entry.__table__.c.level,
    unique=True,
    sqlite_where=_current,
    postgresql_where=_current,
)
Index(  # says which reviews are overdue, and before what, without opening a row
    "ix_entry_review",
    *(Entry.__table__.c[name] for name in ("review_by", "kind", "event_id", "forum_id", "question_id", "unit_id")),
)
for _check in (
    CheckConstraint("valid_until IS NULL OR valid_from IS NULL OR valid_until >= valid_from", name="ends_after_it_starts"),
    CheckConstraint("kind = 'position' OR stance IS NULL", name="only_a_position_has_a_stance"),
    CheckConstraint("(stance IS NULL) = (question_id IS NULL)", name="a_stance_is_on_a_question"),
    CheckConstraint("stance IS NULL OR stance NOT IN ('oppose', 'red_line') OR length(reason) > 0", name="a_refusal_has_a_reason"),
    CheckConstraint("kind = 'position' OR on_behalf_of_id IS NULL", name="only_a_position_is_a_voice"),
    CheckConstraint(
        "on_behalf_of_id IS NULL OR (said_on IS NOT NULL AND length(coalesce(source, '')) > 0)", name="a_voice_has_a_source"
    ),
):
    Entry.__table__.append_constraint(_check)  # type: ignore[attr-defined]


class Adherence(Base):
    """A unit that made another unit's released line its own, from one version of it on."""

    __tablename__ = "adherence"
    __table_args__ = (
        Index(
            "uq_adherence_one_standing",
            "entry_id",
            "unit_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    version: Mapped[int]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)

    unit: Mapped[Unit] = relationship(lazy="raise")
    by: Mapped[Person | None] = relationship(lazy="raise")
    entry: Mapped[Position] = relationship(lazy="raise")
