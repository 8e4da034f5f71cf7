"""The table of positions and dossiers, its versions, audiences and what hangs on them."""

from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.calendar.models import Counterpart, Event, Forum, Instrument
from coordinator.db import Base, Moment, Referable, word
from coordinator.errors import N_
from coordinator.people.models import Person, Unit
from coordinator.topics.models import Topic


class Level(IntEnum):
    """How sensitive a text is; an ordered list."""

    PUBLIC = 0
    OFFICIAL = 1
    OFFICIAL_SENSITIVE = 2

    @property
    def label(self) -> str:
        """Return the marking as it stands on paper."""
        return {
            Level.PUBLIC: N_("PUBLIC"),
            Level.OFFICIAL: N_("OFFICIAL"),
            Level.OFFICIAL_SENSITIVE: N_("OFFICIAL-SENSITIVE"),
        }[self]


class Kind(StrEnum):
    """The two kinds of entries."""

    POSITION = "position"
    DOSSIER = "dossier"

    @property
    def label(self) -> str:
        """Return the word that a person reads."""
        return {Kind.POSITION: N_("Position"), Kind.DOSSIER: N_("Dossier")}[self]


class State(StrEnum):
    """Where an entry is in its life; only a released one is current work."""

    DRAFT = "draft"
    RELEASED = "released"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"

    @property
    def label(self) -> str:
        """Return the word that a person reads."""
        return {
            State.DRAFT: N_("Draft"),
            State.RELEASED: N_("Released"),
            State.SUPERSEDED: N_("Superseded"),
            State.WITHDRAWN: N_("Withdrawn"),
            State.EXPIRED: N_("Expired"),
        }[self]


class Audience(Base):
    """A set of tokens, kept once however many entries carry it."""

    __tablename__ = "audience"
    bookkeeping = True

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)

    tokens: Mapped[list["AudienceToken"]] = relationship(lazy="raise", order_by="AudienceToken.token")


class AudienceToken(Base):
    """One token of an audience."""

    __tablename__ = "audience_token"
    __table_args__ = (Index("ix_audience_token_token", "token", "audience_id"),)
    bookkeeping = True

    audience_id: Mapped[int] = mapped_column(ForeignKey("audience.id"), primary_key=True)
    token: Mapped[str] = mapped_column(String(80), primary_key=True)


class Entry(Referable, Base):
    """A position or a dossier. Its columns are the standing content: the released version, or the newest one of a draft."""

    __tablename__ = "entry"
    __table_args__ = (
        CheckConstraint("level BETWEEN 0 AND 2", name="level_is_a_level"),
        CheckConstraint("standing_version <= newest_version", name="standing_is_a_version"),
        CheckConstraint("(state = 'draft') = (released_at IS NULL)", name="released_when_no_draft"),
        Index("ix_entry_state_on", "state", "logged_on", "id"),
        Index("ix_entry_unit_state", "unit_id", "state"),
        Index("ix_entry_kind_on", "kind", "logged_on", "id"),  # the order of the lists
        # counts what a reader may see, and whose it is, without opening a row
        Index("ix_entry_reading", "kind", "audience_id", "level", "state", "unit_id", "on_behalf_of_id"),
        Index("ix_entry_seen", "id", "level", "audience_id", unique=True),  # what hangs on an entry can keep who may see it
    )
    __mapper_args__ = {"polymorphic_on": "kind", "with_polymorphic": "*"}

    kind: Mapped[Kind] = mapped_column(word(Kind))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    state: Mapped[State] = mapped_column(word(State), default=State.DRAFT)
    level: Mapped[int]
    audience_id: Mapped[int] = mapped_column(ForeignKey("audience.id"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(8), default="en")
    forum_id: Mapped[int | None] = mapped_column(ForeignKey("forum.id"), index=True)
    event_id: Mapped[int | None] = mapped_column(ForeignKey("event.id"), index=True)
    registry_link: Mapped[str] = mapped_column(String(500), default="")
    review_by: Mapped[date | None]
    logged_on: Mapped[date]
    logged_at: Mapped[datetime] = mapped_column(Moment)
    released_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment, index=True)
    ended_why: Mapped[str] = mapped_column(Text, default="")
    # a position that is an outside voice: whose it is, where it was said, and when; the unit is who wrote it down
    on_behalf_of_id: Mapped[int | None] = mapped_column(ForeignKey("counterpart.id"), index=True)
    source: Mapped[str | None] = mapped_column(String(300))
    said_on: Mapped[date | None]
    supersedes_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"), index=True)
    standing_version: Mapped[int] = mapped_column(default=1)
    newest_version: Mapped[int] = mapped_column(default=1)
    changed_number: Mapped[int] = mapped_column(BigInteger, index=True)

    unit: Mapped[Unit] = relationship(lazy="raise")
    author: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[author_id])
    audience: Mapped[Audience] = relationship(lazy="raise")
    forum: Mapped[Forum | None] = relationship(lazy="raise")
    event: Mapped[Event | None] = relationship(lazy="raise")
    on_behalf_of: Mapped[Counterpart | None] = relationship(lazy="raise")
    topics: Mapped[list[Topic]] = relationship(lazy="raise", secondary="entry_topic", viewonly=True, order_by=Topic.name)
    counterparts: Mapped[list[Counterpart]] = relationship(
        lazy="raise", secondary="entry_counterpart", viewonly=True, order_by=Counterpart.name
    )
    instruments: Mapped[list[Instrument]] = relationship(
        lazy="raise", secondary="entry_instrument", viewonly=True, order_by=Instrument.short_name
    )

    # the columns that a version holds; the kinds add theirs
    VERSIONED: ClassVar[tuple[str, ...]] = (
        "title",
        "text",
        "language",
        "forum_id",
        "event_id",
        "registry_link",
        "review_by",
    )


class EntryVersion(Base):
    """One version of an entry's content, whole; kept for good."""

    __tablename__ = "entry_version"
    __table_args__ = (
        UniqueConstraint("entry_id", "number"),
        UniqueConstraint("author_id", "form_key"),
        CheckConstraint("level BETWEEN 0 AND 2", name="level_is_a_level"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"))
    number: Mapped[int]
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    level: Mapped[int]
    audience_id: Mapped[int] = mapped_column(ForeignKey("audience.id"), index=True)
    restriction_reason: Mapped[str] = mapped_column(Text, default="")
    note: Mapped[str] = mapped_column(Text, default="")
    author_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    form_key: Mapped[str | None] = mapped_column(String(40))
    made_at: Mapped[datetime] = mapped_column(Moment)
    offered_at: Mapped[datetime | None] = mapped_column(Moment)
    released_at: Mapped[datetime | None] = mapped_column(Moment, index=True)
    released_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    # whoever goes on with it where its author has handed the work over; who wrote it stays as it was
    handed_to_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    # its release was too wide and was taken back: by another version for fewer readers, or by going back to a draft
    recalled_at: Mapped[datetime | None] = mapped_column(Moment)
    recalled_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    recalled_why: Mapped[str] = mapped_column(Text, default="")

    entry: Mapped[Entry] = relationship(lazy="raise")
    audience: Mapped[Audience] = relationship(lazy="raise")
    author: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[author_id])
    released_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[released_by_id])
    handed_to: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[handed_to_id])
    recalled_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[recalled_by_id])


class EntryTopic(Base):
    """A topic that an entry is on, by its unit's word."""

    __tablename__ = "entry_topic"
    __table_args__ = (Index("ix_entry_topic_topic", "topic_id", "entry_id"),)

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    topic_id: Mapped[int] = mapped_column(ForeignKey("topic.id"), primary_key=True)


class EntryCounterpart(Base):
    """A counterpart that an entry concerns."""

    __tablename__ = "entry_counterpart"
    __table_args__ = (Index("ix_entry_counterpart_counterpart", "counterpart_id", "entry_id"),)

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    counterpart_id: Mapped[int] = mapped_column(ForeignKey("counterpart.id"), primary_key=True)


class EntryInstrument(Base):
    """An instrument that an entry refers to."""

    __tablename__ = "entry_instrument"
    __table_args__ = (Index("ix_entry_instrument_instrument", "instrument_id", "entry_id"),)

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    instrument_id: Mapped[int] = mapped_column(ForeignKey("instrument.id"), primary_key=True)


class EntrySource(Base):
    """Where an imported entry came from: its name there, and the digest of the row that was last taken."""

    __tablename__ = "entry_source"
    __table_args__ = (UniqueConstraint("source", "external_id"),)

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    source: Mapped[str] = mapped_column(String(120))
    external_id: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(64))


class TopicProposal(Referable, Base):
    """A topic that another unit thinks an entry is on; it counts only when the owner takes it."""

    __tablename__ = "topic_proposal"
    __table_args__ = (UniqueConstraint("entry_id", "topic_id"),)

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"))
    topic_id: Mapped[int] = mapped_column(ForeignKey("topic.id"), index=True)
    by_unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    at: Mapped[datetime] = mapped_column(Moment)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    taken: Mapped[bool | None]

    entry: Mapped[Entry] = relationship(lazy="raise")
    topic: Mapped[Topic] = relationship(lazy="raise")
    by_unit: Mapped[Unit] = relationship(lazy="raise")
