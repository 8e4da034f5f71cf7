"""What holds of topics: no circle of broader topics, keys, dated stakes."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from coordinator.topics.models import Stake


@dataclass(frozen=True)
class TopicDraft:
    """A topic as it was typed; `aliases` are (language, text)."""

    name: str
    key: str | None = None
    umbrella: bool = False
    broader_ids: frozenset[int] = frozenset()
    related_ids: frozenset[int] = frozenset()
    aliases: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class EquityDraft:
    """A unit's stake as it was typed."""

    unit_id: int
    stake: Stake
    from_on: date
    until_on: date | None = None


def makes_a_circle(topic_id: int, broader_id: int, broader: Mapping[int, Iterable[int]]) -> bool:
    """A topic may not lie, however far up, within itself; `broader` are the edges there are."""
    waiting, seen = [broader_id], set[int]()
    while waiting:
        here = waiting.pop()
        if here == topic_id:
            return True
        if here not in seen:
            seen.add(here)
            waiting.extend(broader.get(here, ()))
    return False


def key_of(name: str) -> str:
    """Return a name as a key: small letters, figures and hyphens, at most 80; other scripts keep their letters."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[^\w]+", "-", plain).replace("_", "-").strip("-")[:80].strip("-") or "topic"


def holds_on(day: date, *, from_on: date, until_on: date | None) -> bool:
    """A stake holds from its first day to its last, both included."""
    return from_on <= day and (until_on is None or day <= until_on)


def alias_lines(typed: str) -> tuple[tuple[str, str], ...]:
    """Return (language, text) for each line `fr: gouvernance des données`; a line without a language is English."""
    found = []
    for line in typed.split("\n"):
        language, colon, rest = line.partition(":")
        if colon and re.fullmatch(r"\s*[a-z]{2,3}(-[A-Za-z]{2,4})?\s*", language):
            text = rest
        else:
            language, text = "en", line
        text = " ".join(text.split())
        if text:
            found.append((language.strip(), text))
    return tuple(found)
