"""Who opened which version of an entry, and in which way it reached them first."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from coordinator.db import Base, Moment, word
from coordinator.entries.models import Entry
from coordinator.errors import N_
from coordinator.people.models import Person, Unit


class Way(StrEnum):
    """How an entry came before somebody's eyes."""

    PAGE = "page"
    FILE = "file"
    MAIL = "mail"

    @property
    def label(self) -> str:
        """Return the words that a person reads."""
        return {
            Way.PAGE: N_("Opened it"),
            Way.FILE: N_("Took it out in a file"),
            Way.MAIL: N_("Got its title by mail"),
        }[self]


_to_mailbox = text("person_id IS NULL")


class Opening(Base):
    """The first time that a version of a released entry reached somebody of another unit in one way; later ones say nothing new.

    Without a person, it was the mailbox of the unit.
    """

    __tablename__ = "entry_opening"
    __table_args__ = (
        Index("uq_entry_opening_person", "entry_id", "person_id", "version", "way", unique=True),
        Index(
            "uq_entry_opening_mailbox",
            "entry_id",
            "unit_id",
            "version",
            "way",
            unique=True,
            sqlite_where=_to_mailbox,
            postgresql_where=_to_mailbox,
        ),
    )
    bookkeeping = True

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"))
    version: Mapped[int]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    way: Mapped[Way] = mapped_column(word(Way))
    at: Mapped[datetime] = mapped_column(Moment, index=True)

    entry: Mapped[Entry] = relationship(lazy="raise")
    person: Mapped[Person | None] = relationship(lazy="raise")
    unit: Mapped[Unit] = relationship(lazy="raise")
