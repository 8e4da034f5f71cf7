"""What is known of the words of entries; for the detector, over a connection that it reads everything by."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, String, and_, cast, func, select

from coordinator.db import one_of
from coordinator.words.models import EntryKeyword, EntryWords
from coordinator.words.rules import Words

Ids = NDArray[np.int64]
_words = EntryWords.__table__
_keyword = EntryKeyword.__table__


def words_of(connection: Connection, ids: Iterable[int]) -> dict[int, Words]:
    """Return the parsed words of some entries; those without text kept are left out."""
    rows = connection.execute(select(_words.c.entry_id, _words.c.words).where(one_of(_words.c.entry_id, ids)))
    return {entry_id: Words.from_bytes(raw) for entry_id, raw in rows}


def keyword_postings(connection: Connection, ids: Sequence[int], *, above: int = 0) -> tuple[dict[int, list[int]], dict[int, Ids]]:
    """Return the telling stems of some entries, and for each such stem the (sorted) ids of all entries above one that have it."""
    own: defaultdict[int, list[int]] = defaultdict(list)
    for entry_id, word in connection.execute(
        select(_keyword.c.entry_id, _keyword.c.keyword).where(_keyword.c.entry_id.in_(list(ids)))
    ):
        own[entry_id].append(word)
    wanted = select(_keyword.c.keyword).where(_keyword.c.entry_id.in_(list(ids)))
    return own, held(
        connection, _keyword.c.keyword, _keyword.c.entry_id, and_(_keyword.c.keyword.in_(wanted), _keyword.c.entry_id > above)
    )


def holders_of(connection: Connection, keywords: Sequence[int]) -> list[Ids]:
    """Return for each of some telling stems the (sorted) ids of all entries that have it."""
    return list(held(connection, _keyword.c.keyword, _keyword.c.entry_id, _keyword.c.keyword.in_(list(keywords))).values())


def held(connection: Connection, key: Any, holder: Any, where: Any) -> dict[int, Ids]:
    """Return for each key the (sorted) ids of its holders.

    One row for each key, its holders in a line: a row for each of them would take ten times as long to read.
    """
    line = func.aggregate_strings(cast(holder, String), ",")
    rows = connection.execute(select(key, line).where(where).group_by(key))
    return {k: np.sort(np.fromstring(said, dtype=np.int64, sep=",")) for k, said in rows}
