"""What is known of the words of entries; for the detector, over a connection that it reads everything by."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, func, select

from coordinator.likeness.models import EntryKeyword, EntryWords
from coordinator.likeness.rules import SHARED_KEYWORDS, Words

_words = EntryWords.__table__
_keyword = EntryKeyword.__table__


def words_of(connection: Connection, ids: Iterable[int]) -> dict[int, Words]:
    """Return the parsed words of some entries; those without text kept are left out."""
    rows = connection.execute(select(_words.c.entry_id, _words.c.words).where(_words.c.entry_id.in_(list(ids))))
    return {entry_id: Words.from_bytes(raw) for entry_id, raw in rows}


def sharing_keywords(connection: Connection, ids: Sequence[int]) -> set[tuple[int, int]]:
    """Return the pairs (one of `ids`, any other) that share enough telling stems: a floor, never a rank."""
    mine, theirs = _keyword.alias(), _keyword.alias()
    rows = connection.execute(
        select(mine.c.entry_id, theirs.c.entry_id)
        .join(theirs, theirs.c.keyword == mine.c.keyword)
        .where(mine.c.entry_id.in_(list(ids)), theirs.c.entry_id != mine.c.entry_id)
        .group_by(mine.c.entry_id, theirs.c.entry_id)
        .having(func.count() >= SHARED_KEYWORDS)
    )
    return {(a, b) for a, b in rows}


def sharing_with(connection: Connection, keywords: Sequence[int]) -> set[int]:
    """Return the entries that share enough telling stems with a text that is not kept: for the live check."""
    rows = connection.execute(
        select(_keyword.c.entry_id)
        .where(_keyword.c.keyword.in_(list(keywords)))
        .group_by(_keyword.c.entry_id)
        .having(func.count() >= SHARED_KEYWORDS)
    )
    return set(rows.scalars())
