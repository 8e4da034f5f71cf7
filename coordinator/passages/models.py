"""What is kept of the meaning of an entry's text; it goes when the entry goes."""

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from coordinator.db import Base


class EntryPassages(Base):
    """The directions of an entry's standing text, whole and in passages, as one encoder sees them.

    Ids only grow: whoever holds the sketches in memory asks for those above the last one seen.
    """

    __tablename__ = "entry_passages"
    __table_args__ = (
        Index("uq_entry_passages_entry_id_encoder", "entry_id", "encoder", unique=True),
        Index("ix_entry_passages_encoder", "encoder", "id"),
        {"sqlite_autoincrement": True},
    )
    bookkeeping = True

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"))
    encoder: Mapped[str] = mapped_column(String(80))
    digest: Mapped[str] = mapped_column(String(16))
    language: Mapped[str] = mapped_column(String(16))  # that the text is in, as far as one can tell
    sketch: Mapped[bytes] = mapped_column(LargeBinary(64))
    rows: Mapped[bytes] = mapped_column(LargeBinary)


class ServingEncoder(Base):
    """Whose directions are compared now; another encoder takes over when it has seen every text."""

    __tablename__ = "serving_encoder"
    bookkeeping = True

    id: Mapped[int] = mapped_column(primary_key=True)
    encoder: Mapped[str] = mapped_column(String(80))
