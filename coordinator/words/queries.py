"""What is known of the words of entries; for the detector, over a connection that it reads everything by."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, String, cast, func, select

from coordinator.words.models import EntryKeyword, EntryWords
from coordinator.words.rules import Words

Ids = NDArray[np.int64]
_words = EntryWords.__table__
_keyword = EntryKeyword.__table__


def words_of(connection: Connection, ids: Iterable[int]) -> dict[int, Words]:
    """Return the parsed words of some entries; those without text kept are left out."""
    rows = connection.execute(select(_words.c.entry_id, _words.c.words).where(_words.c.entry_id.in_(list(ids))))
    return {entry_id: Words.from_bytes(raw) for entry_id, raw in rows}


def keyword_postings(connection: Connection, ids: Sequence[int]) -> tuple[dict[int, list[int]], dict[int, Ids]]:
    """Return the telling stems of some entries, and for each such stem the (sorted) ids of all entries that have it."""
    own: defaultdict[int, list[int]] = defaultdict(list)
    for entry_id, word in connection.execute(
        select(_keyword.c.entry_id, _keyword.c.keyword).where(_keyword.c.entry_id.in_(list(ids)))
    ):
        own[entry_id].append(word)
    wanted = select(_keyword.c.keyword).where(_keyword.c.entry_id.in_(list(ids)))
    # one row for each stem, its entries in a line: a row for each entry would take ten times as long to read
    line = func.aggregate_strings(cast(_keyword.c.entry_id, String), ",")
    rows = connection.execute(select(_keyword.c.keyword, line).where(_keyword.c.keyword.in_(wanted)).group_by(_keyword.c.keyword))
    return own, {keyword: np.sort(np.fromstring(said, dtype=np.int64, sep=",")) for keyword, said in rows}


def postings(rows: Sequence[Any]) -> dict[int, Ids]:
    """Return rows of (key, id), in the order of their keys, as one array of ids for each key."""
    if not rows:
        return {}
    table = np.array([tuple(r) for r in rows], dtype=np.int64)
    keys, starts = np.unique(table[:, 0], return_index=True)
    return dict(zip(keys.tolist(), np.split(table[:, 1], starts[1:]), strict=True))


def keyword_counts(connection: Connection, keywords: Sequence[int]) -> dict[int, int]:
    """Return how many telling stems each kept entry shares with a text that is not kept; those with none are left out."""
    rows = connection.execute(
        select(_keyword.c.entry_id, func.count()).where(_keyword.c.keyword.in_(list(keywords))).group_by(_keyword.c.entry_id)
    )
    return {entry_id: count for entry_id, count in rows}
