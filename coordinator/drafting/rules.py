"""What the words of a text suggest of the shared lists: no database, no other entries, and the stance is never among it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from coordinator.stems import placed, stems_of
from coordinator.words.rules import parse

MOST = {"topics": 4, "question": 2, "forum": 2, "event": 1, "counterparts": 3, "instruments": 2}
"""The fields that suggestions are for, in the order in which they are shown, and how many of each."""
TELLING = 7.5  # a word has to be as rare as one in e to this in its language to count for the subject,
# and so much of a name its words have to make up where the name itself is not there
SHARE = {"question": 0.5, "topics": 0.75, "forum": 0.6, "instruments": 0.6}
FEWEST = 2
ALONE = 8.5  # one common word suggests nothing, though it be the name of something
ACRONYM = 6
PHRASE = 3  # words in which a proper name is known without its capital: "the open-ended working group"
ENDING = 2  # by so many letters a single word may differ from the name that has its stem


@dataclass(frozen=True)
class Listed:
    """A thing of the shared lists with all its names; `proper` ones are written with a capital, a topic may be `umbrella`."""

    field: str
    id: int
    ref: str
    label: str
    names: tuple[tuple[str, str], ...]
    """Language and text of each."""
    proper: bool = False
    umbrella: bool = False


@dataclass(frozen=True)
class Suggestion:
    """A thing that a text suggests, and the words of it that do."""

    field: str
    ref: str
    label: str
    phrase: str


@dataclass(frozen=True)
class _Form:
    """One name as it is looked for: the stems that each of its words may have, and how much each says."""

    thing: Listed
    words: tuple[frozenset[str], ...]
    weights: tuple[float, ...]
    language: str
    letters: int
    capital: bool
    acronym: bool


@dataclass(frozen=True)
class _Word:
    stems: frozenset[str]
    start: int
    end: int


@dataclass(frozen=True)
class _Match:
    thing: Listed
    first: int
    last: int
    phrase: str
    exact: bool = True


def suggest(
    title: str, text: str, language: str, listed: Sequence[Listed], *, chosen: Mapping[str, frozenset[int] | None]
) -> list[Suggestion]:
    """Return what a text suggests: names first, the longest first, then the telling words of a name; umbrella topics last.

    `chosen` has the fields that there are, with what is chosen; None stands for a field that takes no more.
    """
    plain, placed_words = placed(f"{title}\n{text}")
    words = [_Word(stems_of(word, language), start, end) for word, start, end in placed_words]
    forms, first = _forms(tuple(listed))
    found: list[Suggestion] = []
    for field, most in MOST.items():
        taken = chosen.get(field)
        if taken is None:
            continue
        matches = _longest(m for m in _named(plain, words, first) if m.thing.field == field)
        named = {m.thing for m in matches}
        if field in SHARE:
            matches += [m for m in _told(plain, words, forms) if m.thing.field == field and m.thing not in named]
        new = {m.thing: m for m in matches if m.thing.id not in taken}
        order = sorted(new.values(), key=lambda m: (m.thing.umbrella, not m.exact, m.first, m.thing.label, m.thing.id))
        found += [Suggestion(field, m.thing.ref, m.thing.label, m.phrase) for m in order[:most]]
    return found


@lru_cache(maxsize=4)
def _forms(listed: tuple[Listed, ...]) -> tuple[list[_Form], dict[str, list[_Form]]]:
    """Return the names as they are looked for, and by each stem of their first words."""
    forms: list[_Form] = []
    for thing in listed:
        for language, name in thing.names:
            plain, words = placed(name)
            if not words or (len(words) == 1 and not thing.proper and _rarity(words[0][0], language) < ALONE):
                continue
            forms.append(
                _Form(
                    thing,
                    tuple(stems_of(word, language) for word, _start, _end in words),
                    tuple(max(0.0, _rarity(word, language) - TELLING) for word, _start, _end in words),
                    language=language,
                    letters=len(plain),
                    capital=thing.proper and len(words) < PHRASE,
                    acronym=len(words) == 1 and len(plain) <= ACRONYM and plain.isupper(),
                )
            )
    first: defaultdict[str, list[_Form]] = defaultdict(list)
    for form in forms:
        for stem in form.words[0]:
            first[stem].append(form)
    return forms, first


@lru_cache(maxsize=1 << 14)
def _rarity(word: str, language: str) -> float:
    """Return how rare a word is in its language, by the static list that likeness weighs words by; days and years say nothing."""
    known = parse("", word, language).logp
    return -float(known.max()) if len(known) else 0.0


def _named(plain: str, words: Sequence[_Word], first: Mapping[str, list[_Form]]) -> Iterator[_Match]:
    """Yield each place at which a name stands in a text."""
    for at, word in enumerate(words):
        for form in {id(f): f for stem in word.stems for f in first.get(stem, ())}.values():
            last = at + len(form.words)
            there = words[at:last]
            if len(there) < len(form.words) or any(w.stems.isdisjoint(f) for w, f in zip(there, form.words, strict=True)):
                continue
            phrase = plain[word.start : there[-1].end]
            if (form.acronym and not phrase.isupper()) or (form.capital and phrase[0].islower()):
                continue  # "who" is no organisation, and "turkey" no country
            if len(form.words) == 1 and not form.capital and not _inflected(phrase, form):
                continue
            yield _Match(form.thing, at, last, phrase)


def _inflected(phrase: str, form: _Form) -> bool:
    """Say whether one word is a name of one word in another form: a design is no designation, and a list no listing."""
    return abs(len(phrase) - form.letters) <= ENDING and _rarity(phrase.casefold(), form.language) >= ALONE


def _longest(matches: Iterator[_Match]) -> list[_Match]:
    """Return of matches that overlap the longest one; of the same thing the first."""
    kept: list[_Match] = []
    used: set[int] = set()
    for match in sorted(matches, key=lambda m: (m.first - m.last, m.first, m.thing.umbrella, m.thing.id)):
        place = set(range(match.first, match.last))
        if used.isdisjoint(place):
            used |= place
            kept.append(match)
    return [m for n, m in enumerate(kept) if m.thing not in {other.thing for other in kept[:n]}]


def _told(plain: str, words: Sequence[_Word], forms: Sequence[_Form]) -> Iterator[_Match]:
    """Yield the names of which a text has most of the telling words, whatever stands between them."""
    places: dict[str, int] = {}
    for at, word in enumerate(words):
        for stem in word.stems:
            places.setdefault(stem, at)
    best: dict[Listed, tuple[float, _Match]] = {}
    for form in forms:
        share = SHARE.get(form.thing.field)
        total = sum(form.weights)
        if share is None or form.thing.umbrella or not total:
            continue
        found = {
            min(places[s] for s in stems if s in places): weight
            for stems, weight in zip(form.words, form.weights, strict=True)
            if weight and not stems.isdisjoint(places.keys())
        }
        covered = sum(found.values()) / total
        if len(found) >= FEWEST and covered >= share and covered > best.get(form.thing, (0.0,))[0]:
            strongest = sorted(sorted(found, key=lambda at: (-found[at], at))[:4])
            phrase = " … ".join(plain[words[at].start : words[at].end] for at in strongest)
            best[form.thing] = covered, _Match(form.thing, strongest[0], strongest[-1] + 1, phrase, exact=False)
    yield from (match for _covered, match in best.values())
