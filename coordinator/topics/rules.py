"""What holds of topics: no circle of broader topics, keys, dated stakes."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from coordinator.errors import N_
from coordinator.topics.models import Stake

LANGUAGES = {
    "en": N_("English"),
    "fr": N_("French"),
    "es": N_("Spanish"),
    "ar": N_("Arabic"),
    "ru": N_("Russian"),
    "zh": N_("Chinese"),
    "de": N_("German"),
    "it": N_("Italian"),
    "nl": N_("Dutch"),
    "pt": N_("Portuguese"),
}


@dataclass(frozen=True)
class TopicDraft:
    """A topic as it was typed; `aliases` are (language, text); `narrower_ids` are left as they are where nothing is said."""

    name: str
    key: str | None = None
    umbrella: bool = False
    broader_ids: frozenset[int] = frozenset()
    narrower_ids: frozenset[int] | None = None
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


WEIGHT = {Stake.LEAD: 0, Stake.CO_LEAD: 1, Stake.MUST_CONSULT: 2, Stake.INFORM: 3}
LEADING = (Stake.LEAD, Stake.CO_LEAD)


class Dated(Protocol):
    """A stake with its days."""

    stake: Stake
    from_on: date
    until_on: date | None


def meets(one: Dated, other: Dated) -> bool:
    """Say whether two stakes hold on a common day."""
    return (one.until_on is None or other.from_on <= one.until_on) and (other.until_on is None or one.from_on <= other.until_on)


def joined(stakes: Iterable[Dated]) -> tuple[Stake, date, date | None]:
    """Return the one stake that several of one unit come to: the one with the most say, over all their days."""
    held = list(stakes)
    ends = [s.until_on for s in held if s.until_on is not None]
    return (
        min((s.stake for s in held), key=WEIGHT.__getitem__),
        min(s.from_on for s in held),
        max(ends) if len(ends) == len(held) else None,
    )
