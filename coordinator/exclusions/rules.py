"""Who may exclude what and for how long, and what a text is without its excluded phrases."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from coordinator.errors import Refused
from coordinator.exclusions.models import Exclusion, ExclusionKind
from coordinator.people.models import Person, Role

MOST_DAYS = 366
LEAST_WORDS, LEAST_LETTERS = 2, 10
LONGEST_PHRASE = 300


@dataclass(frozen=True)
class ExclusionDraft:
    """Why something is excluded, and until which day, as it was typed."""

    reason: str
    until_on: date


class WhyExclude(Refused):
    """Say why, for whoever looks for it and does not find it."""

    field = "reason"


class EndsOutOfBounds(Refused):
    """An exclusion has an end: a day from today to a year from today."""

    field = "until_on"


class PhraseTooShort(Refused):
    """A phrase has two words and ten letters at least, so that no plain word is lost to the comparison."""

    field = "phrase"


class OneUnit(Refused):
    """Choose two units: one alone is never flagged to itself."""

    field = "other"


class ExcludedAlready(Refused):
    """This is excluded already; end that exclusion first if it should read otherwise."""


class EndedAlready(Refused):
    """This exclusion has ended already."""


def checked(draft: ExclusionDraft, *, on: date) -> ExclusionDraft:
    """Return a draft that has a reason and an end within bounds; raises WhyExclude, EndsOutOfBounds."""
    if not draft.reason.strip():
        raise WhyExclude
    if not on <= draft.until_on <= on + timedelta(days=MOST_DAYS):
        raise EndsOutOfBounds
    return ExclusionDraft(draft.reason.strip(), draft.until_on)


def checked_phrase(phrase: str) -> str:
    """Return a phrase with single spaces; raises PhraseTooShort."""
    words = phrase.split()
    if len(words) < LEAST_WORDS or sum(c.isalpha() for c in phrase) < LEAST_LETTERS:
        raise PhraseTooShort
    return " ".join(words)


# --- who ---------------------------------------------------------------------------------------------------------------


def may_exclude_units(person: Person) -> bool:
    """Two units on a topic are a coordinator's to exclude."""
    return Role.COORDINATOR in person.roles


def may_exclude_phrases(person: Person) -> bool:
    """What says nothing in a unit's texts, its releasing officers know."""
    return Role.RELEASING_OFFICER in person.roles


def may_end(person: Person, exclusion: Exclusion) -> bool:
    """Whoever made it ends it, officers of the unit that made it, and a coordinator; a phrase, its releasing officers."""
    if Role.COORDINATOR in person.roles or person.id == exclusion.owner_id:
        return True
    writing = {Role.RELEASING_OFFICER} if exclusion.kind is ExclusionKind.PHRASE else {Role.RELEASING_OFFICER, Role.OFFICER}
    return person.unit_id == exclusion.owner_unit_id and bool(person.roles & writing)


# --- phrases -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _pattern(phrase: str) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)" + r"\s+".join(map(re.escape, phrase.split())) + r"(?!\w)", re.IGNORECASE)


def holds(text: str, phrase: str) -> bool:
    """Say whether a phrase stands in a text, however it is spaced and capitalised."""
    return _pattern(phrase).search(text) is not None


def without(text: str, phrases: Iterable[str]) -> str:
    """Return a text without some phrases, the longest first; a stop stands where one stood."""
    for phrase in sorted(phrases, key=lambda p: (-len(p), p)):
        text = _pattern(phrase).sub(" ; ", text)
    return text
