"""Keeping the words of what is current, so that texts can be compared."""

import hashlib
from collections.abc import Iterable

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from coordinator.db import behind, one_of, read_as_system
from coordinator.entries.models import Entry, State
from coordinator.exclusions.queries import phrases
from coordinator.exclusions.rules import without
from coordinator.stems import language_of
from coordinator.words.models import EntryKeyword, EntryWords
from coordinator.words.rules import keywords, parse

_entry = Entry.__table__
_words = EntryWords.__table__


def text_digest(title: str, text: str) -> str:
    """Return a short digest of a text: a decision that rests on likeness holds as long as it stays the same."""
    return hashlib.sha256(f"{title}\0{text}".encode()).hexdigest()[:16]


def keep_words(session: Session, ids: Iterable[int]) -> None:
    """Parse and keep the words of those of some entries that are released; forget those of the others."""
    wanted = sorted(set(ids))
    if not wanted:
        return
    with read_as_system(session, "detector") as connection:
        left_out = phrases(connection)
        rows = connection.execute(
            select(_entry.c.id, _entry.c.unit_id, _entry.c.title, _entry.c.text, _entry.c.language).where(
                one_of(_entry.c.id, wanted), behind(_entry.c.state) == State.RELEASED
            )
        ).all()
        known = {
            i: (digest, parsed)
            for i, digest, parsed in connection.execute(
                select(_words.c.entry_id, _words.c.digest, _words.c.parsed).where(_words.c.entry_id.in_(wanted))
            )
        }
        bare = {r.id: (without(r.title, said), without(r.text, said)) for r in rows for said in [left_out.get(r.unit_id, ())]}
        fresh = {r.id: (r, (text_digest(r.title, r.text), text_digest(*bare[r.id]))) for r in rows}
        same = {i for i, (_, digests) in fresh.items() if known.get(i) == digests}
        gone = [i for i in known if i not in same]
        if gone:
            connection.execute(delete(EntryKeyword).where(EntryKeyword.entry_id.in_(gone)))
            connection.execute(delete(EntryWords).where(EntryWords.entry_id.in_(gone)))
        put_words, put_keywords = [], []
        for entry_id, (row, (digest, parsed)) in fresh.items():
            if entry_id in same:
                continue
            words = parse(*bare[entry_id], language_of(*bare[entry_id], row.language))
            put_words.append({"entry_id": entry_id, "digest": digest, "parsed": parsed, "words": words.to_bytes()})
            put_keywords += [{"entry_id": entry_id, "keyword": k} for k in keywords(words)]
        if put_words:
            connection.execute(insert(EntryWords), put_words)
        if put_keywords:
            connection.execute(insert(EntryKeyword), put_keywords)
