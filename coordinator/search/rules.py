"""What of a text is shown where it was found: the passage round the words, and which words."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from coordinator.stems import beginnings, index_stems, query_stems, words

WINDOW = 240
LOOKED_THROUGH = 20_000  # characters of one text: a longer one is found all the same, but its tail is not shown
_TOKEN = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Part:
    """A piece of a passage; `found` if it is one of the words that were looked for."""

    text: str
    found: bool


class Finder:
    """Knows the words of one query, and finds them again in texts as the index found them: by stem, the last one as a beginning."""

    def __init__(self, query: str) -> None:
        wanted = query_stems(query)
        self._whole = {stem for forms in wanted for stem in forms}
        self._beginnings = tuple(beginnings(query))
        self._known: dict[tuple[str, str], bool] = {}

    def passage(self, texts: Iterable[str | None], language: str) -> list[Part]:
        """Return the passage of the first text in which a word stands, with the words apart; else how the first text begins."""
        given = [t for t in texts if t]
        for text in given:
            spots = self._spots(text[:LOOKED_THROUGH], language)
            if spots:
                return _cut(text, spots)
        return _cut(given[0], []) if given else []

    def marked(self, text: str, language: str) -> list[Part]:
        """Return a whole text with the words apart."""
        return _parts(text, 0, len(text), self._spots(text, language))

    def _spots(self, text: str, language: str) -> list[tuple[int, int]]:
        spots: list[tuple[int, int]] = []
        for match in _TOKEN.finditer(text):
            start, token = match.start(), match.group()
            if self._in_pairs(token):  # written without spaces: kept as pairs of characters, so found as pairs
                for i in range(len(token) - 1):
                    if self._is_wanted(token[i : i + 2], language):
                        begin = spots.pop()[0] if spots and spots[-1][1] > start + i else start + i
                        spots.append((begin, start + i + 2))
            elif self._is_wanted(token, language):
                spots.append(match.span())
        return spots

    @staticmethod
    def _in_pairs(token: str) -> bool:
        return not token.isascii() and len(token) > 2 and len(words(token)) == len(token) - 1

    def _is_wanted(self, word: str, language: str) -> bool:
        key = (word, language)
        if key not in self._known:
            stems = index_stems(unicodedata.normalize("NFKC", word), language).split(" ")
            self._known[key] = any(s in self._whole or s.startswith(self._beginnings) for s in stems if s)
        return self._known[key]


def _cut(text: str, spots: list[tuple[int, int]]) -> list[Part]:
    start, end = _window(text, spots)
    parts = _parts(text, start, end, spots)
    before = [Part("… ", found=False)] if start > 0 else []
    after = [Part(" …", found=False)] if end < len(text) else []
    return [*before, *parts, *after]


def _window(text: str, spots: list[tuple[int, int]]) -> tuple[int, int]:
    """Return where the passage begins and ends: the window that holds most of the words, cut between words."""
    if len(text) <= WINDOW:
        return 0, len(text)
    first = _densest(spots) if spots else 0
    start = max(0, min(first - WINDOW // 4, len(text) - WINDOW))
    end = min(len(text), start + WINDOW)
    if start > 0 and (space := text.find(" ", start, first)) != -1:
        start = space + 1
    if end < len(text) and (space := text.rfind(" ", start + WINDOW // 2, end)) != -1:
        end = space
    return start, end


def _densest(spots: list[tuple[int, int]]) -> int:
    """Return the first word of the window that holds most of them; the earliest of equals."""
    best, best_at, tail = 0, spots[0][0], 0
    for head in range(len(spots)):
        tail = max(tail, head)
        while tail < len(spots) and spots[tail][1] - spots[head][0] <= WINDOW * 3 // 4:
            tail += 1
        if tail - head > best:
            best, best_at = tail - head, spots[head][0]
    return best_at


def _parts(text: str, start: int, end: int, spots: list[tuple[int, int]]) -> list[Part]:
    parts: list[Part] = []
    at = start
    for a, b in spots:
        if a < start or b > end:
            continue
        if a > at:
            parts.append(Part(text[at:a], found=False))
        parts.append(Part(text[a:b], found=True))
        at = b
    if at < end:
        parts.append(Part(text[at:end], found=False))
    return parts


def beginning(text: str, most: int = 320) -> str:
    """Return the first sentences of a line, as many as fit; a longer sentence is cut between words."""
    flat = " ".join(text.split())
    if len(flat) <= most:
        return flat
    ends = [m.end() for m in re.finditer(r"[.!?。؟।](?=\s|$)", flat[:most])]
    if ends and ends[-1] > most // 4:
        return flat[: ends[-1]]
    cut = flat.rfind(" ", most // 2, most)
    return flat[: cut if cut != -1 else most].rstrip(",;:") + " …"
