"""One number for two texts, from 0 to 1: how likely they are about the same thing, if one pair in a hundred is.

Two views, because each fails where the other does not: on long papers the common rare words do the work, on short statements
and across languages the encoder does. A pair's score depends on that pair alone.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordinator.encoder import chosen
from coordinator.passages.rules import (
    FAR_BITS,
    MOST_WORDS_COUNTED,
    ManyMeanings,
    Meaning,
    Sketched,
    apart,
    near_enough,
    nearness_at_most,
    number_of,
)
from coordinator.stems import language_of
from coordinator.words.rules import SHARED_KEYWORDS, ManyWords, Words, keywords, parse

# Log-odds of "about the same thing", fitted on pairs of short policy statements and on halves of diplomatic letters with an
# intercept of each source's own, sources and classes weighing the same; then moved from balanced pairs to one in a hundred.
# LONG is lower than fitted (-4.1): with that, of long letters fifteen years apart and more three pairs in a thousand were flagged.
NEARNESS, WORDS, WORDS_LONG, LONG, UNEQUAL, RARE = 10.0, 2.2, 3.4, -4.9, 1.5, -8.0
WORDS_ONLY, WORDS_ONLY_RARE = 4.0, 5.4
"""Where one of the two has no directions: the words alone, on the same scale."""
ABROAD, ABROAD_RARE = 20.0, -9.4
"""Where the languages differ, and no word can be shared: the meaning alone."""

SHORT, RANGE = 10, math.log(40)
"""Up to ten words a text is short, from four hundred on it is long."""
A_LINE, A_PAPER = 40, 200
SOFT = 0.05  # below this the words' cosine says little


@dataclass(frozen=True)
class View:
    """What is compared of one text."""

    words: Words
    meaning: Meaning | None = None

    @property
    def language(self) -> str:
        """The language that the text is in, as far as one can tell."""
        return self.words.language


@dataclass(frozen=True)
class Likeness:
    """How alike two texts are, the views it comes from, and the hashes of the stems that carry it, strongest first."""

    score: float
    shared: tuple[int, ...] = ()
    words: float = 0.0
    """The words' cosine, 0 to 1."""
    meaning: float | None = None
    """The nearness of the directions, −1 to 1; None if one of the texts has none."""
    abroad: bool = False
    """The two are in different languages."""
    uneven: bool = False
    """A line or two against a paper: both views see less of that than of like against like."""


def by_words(shared: NDArray[Any], beside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which of many pairs share telling words enough: one is, beside a common topic, forum, counterpart or instrument."""
    enough: NDArray[np.bool_] = shared >= np.where(beside, 1, SHARED_KEYWORDS)
    return enough


def worth_comparing(
    shared: NDArray[Any], beside: NDArray[np.bool_], differing: NDArray[Any], abroad: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Say which of many pairs of texts are compared at all: they lie near each other, or share telling words and are not far apart.

    By floors, never by ranks: by the number of telling words shared, whether anything else is, the bits in which the sketches
    differ, and whether the languages do. A text without directions is compared by `by_words`.
    """
    return (differing <= FAR_BITS) & (near_enough(differing, shared, abroad) | by_words(shared, beside))


def told(holders: Sequence[NDArray[np.int64]], beside: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the entries that share two telling words with a text, or one beside something else: words find them, far as they lie.

    By those that hold each of its telling words, and those that share something else with it.
    """
    ids, shared = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *holders]), return_counts=True)
    return ids[(shared >= MOST_WORDS_COUNTED) | np.isin(ids, beside)]


class Among:
    """All entries with a text, or those above one, for finding those that one text is compared with."""

    def __init__(self, kept: Sketched, others: Iterable[NDArray[np.int64]], *, above: int = 0) -> None:
        """Take in the sketches of all; `others` are those that anything else may find, in so far as they are above."""
        there = kept.ids > above
        self._kept = kept if there.all() else Sketched(kept.ids[there], kept.bits.T[:, there].T, kept.languages[there])
        self._above = above
        self._width = 1 + max((int(ids.max()) - above for ids in (self._kept.ids, *others) if len(ids)), default=0)
        unseen = np.ones(self._width, dtype=bool)
        unseen[self._kept.ids - above] = False
        self._unseen = np.flatnonzero(unseen)

    def compared_with(
        self, holders: Sequence[NDArray[np.int64]], beside: NDArray[np.int64] | None, seen: tuple[Meaning, str] | None
    ) -> NDArray[np.int64]:
        """Return the entries that a text is compared with, in order.

        By those that hold each of its telling words, those that share something else with it, its directions and its language.
        """
        words = np.concatenate(holders) if holders else np.zeros(0, dtype=np.int64)
        shared, near_by = np.bincount(words - self._above, minlength=self._width), np.zeros(self._width, dtype=bool)
        if beside is not None:
            near_by[beside - self._above] = True
        if seen is None:
            return np.flatnonzero(by_words(shared, near_by)) + self._above
        (meaning, language), kept = seen, self._kept
        differing = apart(meaning.sketch, kept.bits)
        there = np.flatnonzero(differing <= FAR_BITS)  # few, and of the others nothing is worth it
        ids, abroad = kept.ids[there] - self._above, kept.languages[there] != number_of(language)
        compared = worth_comparing(shared[ids], near_by[ids], differing[there], abroad)
        by_words_alone = self._unseen[by_words(shared[self._unseen], near_by[self._unseen])]
        return np.sort(np.concatenate([ids[compared], by_words_alone])) + self._above


def are_compared(a: View, b: View, *, beside: bool) -> bool:
    """Say whether two texts are compared at all; `beside` says that they share a topic, forum, counterpart or instrument."""
    shared, near_by = np.array([len(set(keywords(a.words)) & set(keywords(b.words)))]), np.array([beside])
    if a.meaning is None or b.meaning is None or a.meaning.encoder != b.meaning.encoder:
        return bool(by_words(shared, near_by)[0])
    differing = apart(a.meaning.sketch, b.meaning.sketch[None, :])
    return bool(worth_comparing(shared, near_by, differing, np.array([a.language != b.language]))[0])


def likeness(a: View, b: View) -> Likeness:
    """How alike two texts are; the same, bit for bit, in either order."""
    return likeness_many(a, (b,))[0]


def likeness_many(a: View, others: Sequence[View]) -> list[Likeness]:
    """One text against many: exactly what `likeness` says of each pair, several times as fast."""
    return [like for _, like in Company(others).like(a)] if others else []


class Company:
    """Many texts side by side, for comparing one text after another with all or some of them; each pair for itself."""

    def __init__(self, views: Sequence[View]) -> None:
        self._views = views
        self._totals = np.array([v.words.total for v in views])
        self._languages = np.array([v.language for v in views])
        self._words = ManyWords([v.words for v in views])
        self._turns = 0
        self._by_encoder: dict[str, tuple[NDArray[np.intp], ManyMeanings]] = {}
        for name in {v.meaning.encoder for v in views if v.meaning is not None}:
            seen = [v.meaning if v.meaning is not None and v.meaning.encoder == name else None for v in views]
            place = np.cumsum([m is not None for m in seen]) - 1
            place[[n for n, m in enumerate(seen) if m is None]] = -1
            self._by_encoder[name] = place, ManyMeanings([m for m in seen if m is not None])

    def like(self, a: View, some: NDArray[np.intp] | None = None, *, least: float = 0.0) -> list[tuple[int, Likeness]]:
        """Return how alike a text is to those, or to some by their places, to which it is alike so much at least."""
        places = np.arange(len(self._views)) if some is None else some
        if not len(places):
            return []
        self._turns += 1
        words, totals = self._words.cosines(a.words, some), self._totals[places]
        abroad, near = self._languages[places] != a.language, np.full(len(places), np.nan)
        odds = _Odds.of(words.values, a.words.total, totals, abroad)
        needed = math.log(least / (1 - least)) - ROOM if 0 < least < 1 else -math.inf
        if a.meaning is not None and a.meaning.encoder in self._by_encoder:
            place_of, meanings = self._by_encoder[a.meaning.encoder]
            stands, (factor, term) = place_of[places], _stretch(a.meaning.encoder)
            seen = np.flatnonzero(stands >= 0)
            enough = ((needed - odds.base[seen]) / odds.slope[seen] - term) / factor
            near[seen] = factor * self._near(a.meaning, meanings, stands[seen], enough) + term
        worth = np.flatnonzero(odds.at(near) >= needed)  # a quick look with some room leaves few for the exact one
        found = list[tuple[int, Likeness]]()
        for n in worth.tolist():
            place, cosine, other = int(places[n]), float(words.values[n]), int(totals[n])
            meaning = None if np.isnan(near[n]) else float(near[n])
            logit = mixed(meaning, cosine, a.words.total, other, abroad=bool(abroad[n]))
            score = 1 / (1 + math.exp(-logit))
            if score >= least:
                uneven = min(a.words.total, other) <= A_LINE and max(a.words.total, other) >= A_PAPER
                found.append((place, Likeness(score, words.carriers(n), cosine, meaning, bool(abroad[n]), uneven)))
        return found

    def _near(self, a: Meaning, meanings: ManyMeanings, some: NDArray[np.intp], enough: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how near a text lies to some, endlessly far from those to which it cannot be near enough."""
        wholes, found = meanings.wholes(a, some), np.full(len(some), -np.inf)
        left = np.flatnonzero(nearness_at_most(wholes) >= enough)
        if self._turns > A_FEW:
            left = left[meanings.nearness_at_most(a, some[left], wholes[left]) >= enough[left]]
        found[left] = meanings.nearness(a, some[left], wholes[left])
        return found


def mixed(meaning: float | None, cosine: float, one: int, other: int, *, abroad: bool) -> float:
    """Log-odds of a pair from its two views and the lengths of its texts."""
    if meaning is None:
        return WORDS_ONLY * math.log(cosine + SOFT) + WORDS_ONLY_RARE
    if abroad:
        return ABROAD * meaning + ABROAD_RARE
    shorter, longer = (min(max(math.log(max(n, 1) / SHORT) / RANGE, 0.0), 1.0) for n in sorted((one, other)))
    telling = math.log(cosine / SOFT + 1)
    return NEARNESS * meaning + (WORDS + WORDS_LONG * shorter) * telling + LONG * shorter + UNEQUAL * (longer - shorter) + RARE


ROOM = 1e-6
A_FEW = 4
"""After so many texts it pays to ask what nearness cannot pass once more, for half of the exact answer's price."""


class _Odds(NamedTuple):
    """What `mixed` says of many pairs, up to the last digits: these may differ with the processor and the place in an array."""

    base: NDArray[np.float64]
    slope: NDArray[np.float64]
    """Log-odds are the base and this for each step of nearness."""
    alone: NDArray[np.float64]
    """The log-odds of pairs without directions."""

    @classmethod
    def of(cls, cosine: NDArray[np.float64], one: int, others: NDArray[np.int64], abroad: NDArray[np.bool_]) -> "_Odds":
        """By the words' cosines, the lengths, and whether the languages differ."""
        mine = min(max(math.log(max(one, 1) / SHORT) / RANGE, 0.0), 1.0)
        theirs = np.clip(np.log(np.maximum(others, 1) / SHORT) / RANGE, 0.0, 1.0)
        shorter, longer = np.minimum(mine, theirs), np.maximum(mine, theirs)
        telling = np.log(cosine / SOFT + 1)
        base = (WORDS + WORDS_LONG * shorter) * telling + LONG * shorter + UNEQUAL * (longer - shorter) + RARE
        alone = WORDS_ONLY * np.log(cosine + SOFT) + WORDS_ONLY_RARE
        return cls(np.where(abroad, ABROAD_RARE, base), np.where(abroad, ABROAD, NEARNESS), alone)

    def at(self, meaning: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds of all by the nearness of each, which is no number where there are no directions."""
        found: NDArray[np.float64] = np.where(np.isnan(meaning), self.alone, self.slope * meaning + self.base)
        return found


@dataclass(frozen=True)
class Stretch:
    """A piece of a text; those of two texts that carry their likeness have the same number."""

    text: str
    number: int | None = None


Cut = Sequence[tuple[int, int]]


def paired(chances: Mapping[tuple[int, int], float], *, least: float = 0.0, most: int = 3) -> list[tuple[int, int]]:
    """Return which passages of two texts say the same, the likeliest first, each passage once."""
    chosen: list[tuple[int, int]] = []
    for (i, j), chance in sorted(chances.items(), key=lambda c: (-c[1], c[0])):
        if chance >= least and len(chosen) < most and all(i != x and j != y for x, y in chosen):
            chosen.append((i, j))
    return chosen


def stretches(text: str, cut: Cut, numbers: Mapping[int, int]) -> list[Stretch]:
    """Return a text in pieces, whole when put together again; the passages that have a number carry it."""
    found, at = list[Stretch](), 0
    for place, (first, last) in enumerate(cut):
        if place in numbers:
            found += [Stretch(text[at:first])] if first > at else []
            found.append(Stretch(text[first:last], numbers[place]))
            at = last
    return [*found, Stretch(text[at:])] if at < len(text) or not found else found


def _stretch(name: str) -> tuple[float, float]:
    encoder = chosen()
    return encoder.stretch if encoder is not None and encoder.name == name else (1.0, 0.0)


def view(title: str, text: str, language: str, meaning: Meaning | None) -> View:
    """Return what is compared of a text whose directions are known."""
    return View(parse(title, text, language_of(title, text, language)), meaning)
