"""Tables of topics, their edges and names, and the units' stakes in them."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.db import Base, Referable, word
from coordinator.errors import N_
from coordinator.people.models import Unit


class Stake(StrEnum):
    """How much say a unit has on a topic."""

    LEAD = "lead"
    CO_LEAD = "co_lead"
    MUST_CONSULT = "must_consult"
    INFORM = "inform"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Stake.LEAD: N_("Lead"),
            Stake.CO_LEAD: N_("Co-lead"),
            Stake.MUST_CONSULT: N_("Must be consulted"),
            Stake.INFORM: N_("Informed"),
        }[self]

    @property
    def weight(self) -> int:
        """Return how little say it gives: 0 is the lead."""
        return list(Stake).index(self)


class Topic(Referable, Base):
    """A subject of the shared vocabulary; a merged one only redirects, an umbrella one says nothing when shared."""

    __tablename__ = "topic"
    __table_args__ = (CheckConstraint("merged_into_id IS NULL OR merged_into_id <> id", name="not_merged_into_itself"),)

    key: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    umbrella: Mapped[bool] = mapped_column(default=False)
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("topic.id"), index=True)

    names: Mapped[list["TopicName"]] = relationship(lazy="raise", order_by="TopicName.text")


class TopicName(Base):
    """A name of a topic, its own or an alias; no two topics share one (compared NFKC and case folded)."""

    __tablename__ = "topic_name"

    id: Mapped[int] = mapped_column(primary_key=True)
    topic_id: Mapped[int] = mapped_column(ForeignKey("topic.id"), index=True)
    text: Mapped[str] = mapped_column(String(120))
    text_key: Mapped[str] = mapped_column(String(120), unique=True)
    language: Mapped[str] = mapped_column(String(8))
    alias: Mapped[bool]


class Broader(Base):
    """A topic that lies within a broader one; several are allowed."""

    __tablename__ = "topic_broader"
    __table_args__ = (CheckConstraint("topic_id <> broader_id", name="not_itself"),)

    topic_id: Mapped[int] = mapped_column(ForeignKey("topic.id"), primary_key=True)
    broader_id: Mapped[int] = mapped_column(ForeignKey("topic.id"), primary_key=True, index=True)


class Related(Base):
    """An edge of the butterfly, kept once: the lower id first."""

    __tablename__ = "topic_related"
    __table_args__ = (CheckConstraint("low_id < high_id", name="kept_once"),)

    low_id: Mapped[int] = mapped_column(ForeignKey("topic.id"), primary_key=True)
    high_id: Mapped[int] = mapped_column(ForeignKey("topic.id"), primary_key=True, index=True)


class Equity(Referable, Base):
    """A unit's dated stake in a topic."""

    __tablename__ = "equity"
    __table_args__ = (CheckConstraint("until_on IS NULL OR until_on >= from_on", name="ends_after_it_starts"),)

    topic_id: Mapped[int] = mapped_column(ForeignKey("topic.id"), index=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    stake: Mapped[Stake] = mapped_column(word(Stake))
    from_on: Mapped[date]
    until_on: Mapped[date | None]

    unit: Mapped[Unit] = relationship(lazy="raise")
    topic: Mapped[Topic] = relationship(lazy="raise")
