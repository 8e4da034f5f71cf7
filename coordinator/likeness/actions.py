"""Keeping what texts are compared by."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from sqlalchemy.orm import Session

from coordinator.encoder import chosen
from coordinator.likeness.rules import Stretch, View, mixed, paired, stretches, view
from coordinator.passages.actions import keep_passages, prepare
from coordinator.passages.rules import cosines, sentences
from coordinator.stems import language_of
from coordinator.words.actions import keep_words
from coordinator.words.rules import cosines as cosines_of_words
from coordinator.words.rules import parse


def keep_texts(session: Session, ids: Iterable[int]) -> None:
    """Keep words and directions of those of some entries that are released; forget those of the others. Needs a transaction."""
    wanted = sorted(set(ids))
    keep_words(session, wanted)
    keep_passages(session, wanted)


def view_of(title: str, text: str, language: str) -> View:
    """Return what is compared of a text that is not kept; takes some milliseconds for each passage the first time."""
    return view(title, text, language, prepare(title, text))


CLEARLY, BARELY = -1.0, -4.0
"""The log-odds from which sentences are marked; where none are that clear the best ones are, if they say anything at all."""
MOST_SENTENCES = 24
"""So many sentences of a text are looked through for those that carry a likeness."""


def _cut(text: str) -> list[tuple[int, int]]:
    return [(first, last) for first, last, _ in islice(sentences(text), MOST_SENTENCES)]


@lru_cache(maxsize=64)
def carrying(one: str, other: str, language: str) -> tuple[list[Stretch], list[Stretch]]:
    """Return two texts in pieces, those marked with one number that say the same in both; shown only to whoever sees both."""
    cuts = _cut(one), _cut(other)
    pieces = [one[first:last] for first, last in cuts[0]], [other[first:last] for first, last in cuts[1]]
    if not pieces[0] or not pieces[1]:
        return [Stretch(one)], [Stretch(other)]
    encoder = chosen()
    near = cosines(encoder.encode(pieces[0]), encoder.encode(pieces[1])) if encoder is not None else None
    spoken = language_of("", one, language), language_of("", other, language)
    words = [parse("", piece, spoken[0]) for piece in pieces[0]], [parse("", piece, spoken[1]) for piece in pieces[1]]
    chances = {
        (i, j): mixed(
            float(near[i, j]) if near is not None else None, cosine, mine.total, words[1][j].total, abroad=spoken[0] != spoken[1]
        )
        for i, mine in enumerate(words[0])
        for j, (cosine, _) in enumerate(cosines_of_words(mine, words[1]))
    }
    pairs = paired(chances, least=CLEARLY) or paired(chances, least=BARELY, most=1)
    numbers = {i: n for n, (i, _) in enumerate(pairs, 1)}, {j: n for n, (_, j) in enumerate(pairs, 1)}
    return stretches(one, cuts[0], numbers[0]), stretches(other, cuts[1], numbers[1])
