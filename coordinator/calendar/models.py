"""Tables of forums, their events, the questions before them, counterparts, and instruments."""

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Dialect, ForeignKey, Index, String, TypeDecorator, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.db import Base, Referable, word
from coordinator.errors import N_
from coordinator.topics.models import Topic


class CounterpartKind(StrEnum):
    """What stands on the other side of the table."""

    COUNTRY = "country"
    ORGANISATION = "organisation"
    FIRM = "firm"

    @property
    def label(self) -> str:
        """Return the word that a person reads."""
        return {
            CounterpartKind.COUNTRY: N_("Country"),
            CounterpartKind.ORGANISATION: N_("Organisation"),
            CounterpartKind.FIRM: N_("Firm"),
        }[self]


class Names(TypeDecorator[tuple[str, ...]]):
    """A few names of one thing, in the order in which they were given."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> Any:
        """Keep them as a list."""
        return None if value is None else list(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[str, ...] | None:
        """Give them back as they were given."""
        return None if value is None else tuple(value)


class Forum(Referable, Base):
    """Where things are negotiated; `aliases` are what it is called besides, in any language."""

    __tablename__ = "forum"

    name: Mapped[str] = mapped_column(String(200), unique=True)
    short_name: Mapped[str] = mapped_column(String(60))
    aliases: Mapped[tuple[str, ...]] = mapped_column(Names, default=())


class Event(Referable, Base):
    """A dated session of a forum, with its `aliases`; `past` is set by the nightly change and ends what hung on the date."""

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("forum_id", "name"),
        CheckConstraint("ends_on >= starts_on", name="ends_after_it_starts"),
    )

    forum_id: Mapped[int] = mapped_column(ForeignKey("forum.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    place: Mapped[str] = mapped_column(String(120), default="")
    starts_on: Mapped[date] = mapped_column(index=True)
    ends_on: Mapped[date]
    past: Mapped[bool] = mapped_column(default=False)
    aliases: Mapped[tuple[str, ...]] = mapped_column(Names, default=())

    forum: Mapped[Forum] = relationship(lazy="raise")


class Question(Referable, Base):
    """A proposition put in a forum on a topic, so that stances on it can be compared."""

    __tablename__ = "question"

    text: Mapped[str] = mapped_column(String(300), unique=True)
    topic_id: Mapped[int] = mapped_column(ForeignKey("topic.id"), index=True)
    forum_id: Mapped[int | None] = mapped_column(ForeignKey("forum.id"), index=True)

    topic: Mapped[Topic] = relationship(lazy="raise")
    forum: Mapped[Forum | None] = relationship(lazy="raise")


class Counterpart(Referable, Base):
    """A country, organisation or firm that is met; a country carries its ISO 3166 code."""

    __tablename__ = "counterpart"

    name: Mapped[str] = mapped_column(String(120), unique=True)
    kind: Mapped[CounterpartKind] = mapped_column(word(CounterpartKind))
    code: Mapped[str | None] = mapped_column(String(2))


class InstrumentKind(StrEnum):
    """What sort of paper work refers to."""

    TREATY = "treaty"
    AGREEMENT = "agreement"
    NORMS = "norms"
    STRATEGY = "strategy"

    @property
    def label(self) -> str:
        """Return the word that a person reads."""
        return {
            InstrumentKind.TREATY: N_("Treaty"),
            InstrumentKind.AGREEMENT: N_("Agreement"),
            InstrumentKind.NORMS: N_("Norms document"),
            InstrumentKind.STRATEGY: N_("National strategy"),
        }[self]


class Instrument(Referable, Base):
    """A treaty, agreement, norms document or national strategy that entries refer to; of some parties only words are known."""

    __tablename__ = "instrument"
    __table_args__ = (CheckConstraint("in_force_on >= adopted_on", name="in_force_after_it_is_adopted"),)

    name: Mapped[str] = mapped_column(String(200), unique=True)
    short_name: Mapped[str] = mapped_column(String(60))
    kind: Mapped[InstrumentKind] = mapped_column(word(InstrumentKind))
    forum_id: Mapped[int | None] = mapped_column(ForeignKey("forum.id"), index=True)
    parties: Mapped[str] = mapped_column(String(300), default="")
    adopted_on: Mapped[date | None]
    in_force_on: Mapped[date | None]
    link: Mapped[str] = mapped_column(String(500), default="")

    forum: Mapped[Forum | None] = relationship(lazy="raise")
    named_parties: Mapped[list[Counterpart]] = relationship(
        lazy="raise", secondary="instrument_party", viewonly=True, order_by=Counterpart.name
    )


class InstrumentParty(Base):
    """A counterpart that is a party to an instrument."""

    __tablename__ = "instrument_party"
    __table_args__ = (Index("ix_instrument_party_counterpart", "counterpart_id", "instrument_id"),)

    instrument_id: Mapped[int] = mapped_column(ForeignKey("instrument.id"), primary_key=True)
    counterpart_id: Mapped[int] = mapped_column(ForeignKey("counterpart.id"), primary_key=True)
