"""What is kept for comparing texts; for the detector, over a connection that it reads everything by."""

from collections.abc import Iterable

from sqlalchemy import Connection

from coordinator.likeness.rules import View
from coordinator.passages.queries import meanings_of, serving
from coordinator.words.queries import words_of


def views_of(connection: Connection, ids: Iterable[int]) -> dict[int, View]:
    """Return what is compared of some entries; those without text kept are left out."""
    wanted = sorted(set(ids))
    meanings = meanings_of(connection, wanted, serving(connection))
    return {i: View(words, meanings.get(i)) for i, words in words_of(connection, wanted).items()}
