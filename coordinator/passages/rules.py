"""The meaning view of likeness: how near the passages of two texts lie to each other, as an encoder sees them.

Whole papers in one direction say little, so a text is cut: its title, then passages of some 45 words. Everything here
depends on the two texts and on the encoder only, and every sum is one of whole numbers, so that a pair's nearness is the
same, bit for bit, in either order and in any company.
"""

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordinator.errors import Refused
from coordinator.words.rules import MOST_WORDS, plain, ranges

PASSAGE_WORDS = 45
SHORTEST_TAIL = 8
SKETCH_BITS = 512

NEAR_BITS, FOR_EACH_WORD, MOST_WORDS_COUNTED = 150, 20, 2
"""Whole texts are near if their sketches differ in so many of 512 bits at most, and in so many more for each telling word that
they share. 150 bits are an angle of 53 degrees, a cosine of .6; 190 one of 67, a cosine of .4."""
NEAR_ABROAD = 170
"""The same for two languages, where no word can be shared."""
FAR_BITS = 210
"""Texts whose sketches differ in more are not alike whatever words they share: an angle of 74 degrees, a cosine of .28."""

WALKED_FROM = (0, 8)
"""The version of pgvector from which an index can be walked on from where it was left."""

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]{{1,2}}|[^\s{_CJK}]+")  # where a script writes no spaces, two characters count as a word
_STOP = re.compile(r"[.!?;:。！？；]['\"”’»)\]]*$")
_STEPS = 1 << 24  # cosines are kept in whole steps: sums of these are exact


class NoNeighbours(Refused):
    """This database has no pgvector of version 0.8 or later. Near texts are found without it, all of them."""


def can_be_walked(version: str | None) -> bool:
    """Say whether a version of pgvector has an index that can be walked to a floor."""
    return version is not None and tuple(int(part) for part in version.split(".")[:2]) >= WALKED_FROM


# --- one text ----------------------------------------------------------------------------------------------------------


def passages(text: str) -> list[tuple[int, int]]:
    """Return where the passages of a text begin and end: some 45 words each, sentences kept together where they fit.

    A few words alone join the next passage, or as a tail the one before.
    """
    found: list[tuple[int, int, int]] = []  # begin, end, words
    begin, end, words = 0, 0, 0
    for first, last, many in sentences(text):
        if words >= SHORTEST_TAIL and words + many > PASSAGE_WORDS:
            found.append((begin, end, words))
            words = 0
        begin, end, words = (begin if words else first), last, words + many
    if words:
        found.append((begin, end, words))
    if len(found) > 1 and found[-1][2] < SHORTEST_TAIL:
        found[-2:] = [(found[-2][0], found[-1][1], 0)]
    return [(first, last) for first, last, _ in found]


def sentences(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield begin, end and number of words of each sentence, in pieces of a passage where one is longer."""
    first, last, many = 0, 0, 0
    for word in _WORD.finditer(text):
        if many and (many == PASSAGE_WORDS or _STOP.search(text, max(first, last - 4), last) or "\n" in text[last : word.start()]):
            yield first, last, many
            many = 0
        first, last, many = (first if many else word.start()), word.end(), many + 1
    if many:
        yield first, last, many


def _cut(text: str, most: int) -> str:
    """The beginning of a text, so many words."""
    end = 0
    for word in islice(_WORD.finditer(text), most):
        end = word.end()
    return text[:end]


def parts(title: str, text: str) -> list[str]:
    """Return what is encoded of a text, its standing formulas left out: all of it, then its title and its passages.

    At most 600 words of it; nothing for a text that says nothing. The first part is the whole, the others are compared one by one.
    """
    heading, body = (_cut(part, most) for part, most in zip(plain(title, text), (2 * PASSAGE_WORDS, MOST_WORDS), strict=True))
    pieces = [heading, *(body[first:last] for first, last in passages(body))]
    said = [piece for piece in pieces if re.search(r"\w", piece)]
    return [". ".join(part for part in (heading, body) if part), *said] if said else []


@dataclass(frozen=True, eq=False)
class Meaning:
    """The directions of one text: of all of it, then of each part. Whole numbers of one byte, one row each."""

    encoder: str
    rows: NDArray[np.int8]

    @property
    def sketch(self) -> NDArray[np.uint64]:
        """The signs of the whole text's direction as 512 bits: near texts differ in few of them."""
        return sketch(self.rows[0])

    @cached_property
    def halves(self) -> "Halves":
        """The directions of the parts, cut in two."""
        return Halves.of(self.rows[1:])

    def to_bytes(self) -> bytes:
        """The rows behind a head that says how many and how long they are."""
        return _HEAD.pack(_VERSION, *self.rows.shape) + self.rows.tobytes()

    @classmethod
    def from_bytes(cls, encoder: str, raw: bytes) -> "Meaning":
        """The directions that `to_bytes` wrote; ValueError for anything else."""
        if len(raw) < _HEAD.size or raw[0] != _VERSION:
            raise ValueError("these are not the directions of a text, or another version wrote them")
        _, many, wide = _HEAD.unpack_from(raw)
        if len(raw) != _HEAD.size + many * wide:
            raise ValueError("the directions of a text are cut short")
        return cls(encoder, np.frombuffer(raw, np.int8, many * wide, _HEAD.size).reshape(many, wide))


_VERSION = 1
_HEAD = struct.Struct("<BHH")


def sketch(row: NDArray[np.int8]) -> NDArray[np.uint64]:
    """Return the signs of a direction, folded or filled up to 512 bits, as eight numbers."""
    bits = np.zeros(SKETCH_BITS, dtype=bool)
    signs = (row > 0)[:SKETCH_BITS]
    bits[: len(signs)] = signs
    return np.packbits(bits).view(np.uint64)


def apart(one: NDArray[np.uint64], many: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Return in how many bits a sketch (8) differs from each of many (n × 8); quickest where these lie column by column."""
    differing = np.zeros(len(many), dtype=np.uint16)
    for n in range(len(one)):
        differing += np.bitwise_count(many[:, n] ^ one[n])
    return differing


class Sketched(NamedTuple):
    """The sketches of many entries: their ids, 64 bytes each (n × 8), and the languages of their texts as numbers."""

    ids: NDArray[np.int64]
    bits: NDArray[np.uint64]
    languages: NDArray[np.uint64]


def number_of(language: str) -> int:
    """Return a language as a number: its name's first eight bytes."""
    return int.from_bytes(language.encode()[:8], "little")


def near_enough(differing: NDArray[Any], shared: NDArray[Any], abroad: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which of many pairs are near: by the bits that differ, the telling words shared, and whether the languages differ."""
    room = NEAR_BITS + FOR_EACH_WORD * np.minimum(shared, MOST_WORDS_COUNTED)
    enough: NDArray[np.bool_] = differing <= np.where(abroad, np.maximum(room, NEAR_ABROAD), room)
    return enough


# --- two texts ---------------------------------------------------------------------------------------------------------


def cosines(one: NDArray[np.int8], other: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return the cosine of each direction of one (rows) with each of another (columns), in whole steps."""
    return _cosines(one, other.astype(np.float32), lengths(other))


def _cosines(one: NDArray[np.int8], other: NDArray[np.float32], long: NDArray[np.float64]) -> NDArray[np.float64]:
    # products of whole numbers up to 127, at most some thousand of them: exact in single precision, whatever the order
    dots = (other @ one.astype(np.float32).T).T  # the many by the few: quicker than the other way round
    found = np.ascontiguousarray(dots, dtype=np.float64)
    found /= lengths(one)[:, None] * long[None, :]
    return np.rint(found * _STEPS) / _STEPS


def lengths(rows: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return how long each direction is; one that says nothing is endless, so that its cosines are nought."""
    found = np.sqrt(_squares(rows))
    found[found == 0] = np.inf
    return found


def _squares(rows: NDArray[np.int8]) -> NDArray[np.float64]:
    found = np.zeros(len(rows))
    for start in range(0, len(rows), _AT_A_TIME):
        some = rows[start : start + _AT_A_TIME].astype(np.float32)
        found[start : start + _AT_A_TIME] = np.einsum("ij,ij->i", some, some)
    return found


def nearness(a: Meaning, b: Meaning) -> float:
    """Return how near two texts lie, −1 to 1; the same in either order."""
    return nearness_many(a, (b,))[0]


class ManyMeanings:
    """The directions of many texts side by side, for comparing one text after another with all or some of them."""

    def __init__(self, texts: Sequence[Meaning]) -> None:
        self._sizes = np.array([len(t.rows) - 1 for t in texts], dtype=np.intp)
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._parts = np.concatenate([t.rows[1:] for t in texts])
        self._lengths = lengths(self._parts)
        wholes = np.stack([t.rows[0] for t in texts])
        self._wholes, self._lengths_of_wholes = wholes.astype(np.float32), lengths(wholes)

    def wholes(self, a: Meaning, some: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the cosine of a whole text with some by their places."""
        found: NDArray[np.float64] = _cosines(a.rows[:1], self._wholes[some], self._lengths_of_wholes[some])[0]
        return found

    def nearness(self, a: Meaning, some: NDArray[np.intp], wholes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how near a text lies to some by their places: half the cosine of the wholes, half that of the passages.

        The second half is how well the passages of each find their like in the other: the mean of the row and of the column
        maxima of their cosines.
        """
        ours = a.rows[1:]
        return self._matched(some, wholes, lambda at: _cosines(ours, self._parts[at].astype(np.float32), self._lengths[at]))

    def nearness_at_most(self, a: Meaning, some: NDArray[np.intp], wholes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the nearness of a text to some cannot pass, in half the time of `nearness`.

        Of each direction the first half is multiplied; the rest counts as if it pointed the same way in both.
        """
        ours, theirs = a.halves, self._halves
        many, half = ours.first.shape
        first = np.zeros((-(-many // _IN_STEP) * _IN_STEP, half), dtype=np.float32)
        first[:many] = ours.first * ours.by_length[:, None]

        def at_most(at: NDArray[np.intp]) -> NDArray[np.float32]:
            dots = theirs.first.take(at, axis=0).astype(np.float32) @ first.T
            near: NDArray[np.float32] = np.ascontiguousarray(dots.T[:many]) * theirs.by_length.take(at)
            near += ours.rest[:, None] * theirs.rest.take(at)
            return near

        return self._matched(some, wholes, at_most) + _IN_SINGLE_PRECISION

    def _matched(
        self, some: NDArray[np.intp], wholes: NDArray[np.float64], near_to: Callable[[NDArray[np.intp]], NDArray[Any]]
    ) -> NDArray[np.float64]:
        """Return nearness by the cosines of a text's passages (rows) with those at some places (columns), a few texts at a time."""
        found = wholes.copy()
        for start in range(0, len(some), _TEXTS_AT_A_TIME):
            now = some[start : start + _TEXTS_AT_A_TIME]
            sizes = self._sizes[now]
            near, begin = near_to(ranges(self._starts[now], sizes)), np.cumsum(sizes) - sizes
            mine = np.maximum.reduceat(near, begin, axis=1).sum(axis=0) / len(near)
            their = np.add.reduceat(near.max(axis=0), begin) / sizes
            found[start : start + len(now)] += (mine + their) / 2
        return found / 2

    @cached_property
    def _halves(self) -> "Halves":
        return Halves.of(self._parts)


class Halves(NamedTuple):
    """The first halves of directions, by what they are divided to belong to directions of length one, and how long the rest is."""

    first: NDArray[np.int8]
    by_length: NDArray[np.float32]
    rest: NDArray[np.float32]

    @classmethod
    def of(cls, rows: NDArray[np.int8]) -> "Halves":
        """Cut directions in two."""
        half = rows.shape[1] // 2
        by_length = 1 / lengths(rows)
        rest = np.sqrt(_squares(rows[:, half:])) * by_length
        return cls(np.ascontiguousarray(rows[:, :half]), by_length.astype(np.float32), rest.astype(np.float32))


def nearness_at_most(wholes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the nearness of texts whose wholes lie so near cannot pass, however well their passages match."""
    return (wholes + 1) / 2


_TEXTS_AT_A_TIME, _AT_A_TIME = 64, 512
"""So many texts, and so many directions, are worked on at a time: with more the processor waits for its memory."""
_IN_STEP = 16
"""Products go by so many directions; of a few less it takes longer."""
_IN_SINGLE_PRECISION = 1e-5  # sums of a few hundred products of numbers below one are as exact as this, and more


def nearness_many(a: Meaning, others: Sequence[Meaning]) -> list[float]:
    """Return how near one text lies to each of many, −1 to 1."""
    if not others:
        return []
    many, each = ManyMeanings(others), np.arange(len(others))
    found: list[float] = many.nearness(a, each, many.wholes(a, each)).tolist()
    return found
