"""Keeping what texts are compared by."""

from collections.abc import Iterable

from sqlalchemy.orm import Session

from coordinator.likeness.rules import View, view
from coordinator.passages.actions import keep_passages, prepare
from coordinator.words.actions import keep_words


def keep_texts(session: Session, ids: Iterable[int]) -> None:
    """Keep words and directions of those of some entries that are released; forget those of the others. Needs a transaction."""
    wanted = sorted(set(ids))
    keep_words(session, wanted)
    keep_passages(session, wanted)


def view_of(title: str, text: str, language: str) -> View:
    """Return what is compared of a text that is not kept; takes some milliseconds for each passage the first time."""
    return view(title, text, language, prepare(title, text))
