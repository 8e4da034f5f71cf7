"""What is kept of an entry's text for comparing it; it goes when the entry goes."""

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from coordinator.db import Base


class EntryWords(Base):
    """The words of an entry's standing text, parsed."""

    __tablename__ = "entry_words"
    bookkeeping = True

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(16))
    parsed: Mapped[str] = mapped_column(String(16))  # of the text as it was parsed: without the phrases that its unit leaves out
    words: Mapped[bytes] = mapped_column(LargeBinary)


class EntryKeyword(Base):
    """One of the most telling stems of an entry: how candidates are found."""

    __tablename__ = "entry_keyword"
    __table_args__ = (Index("ix_entry_keyword_keyword", "keyword", "entry_id"),)
    bookkeeping = True

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    keyword: Mapped[int] = mapped_column(BigInteger, primary_key=True)
