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
class _Forms:
    """The names as they are looked for, and where to look."""

    every: Sequence[_Form]
    first: Mapping[str, Sequence[_Form]]
    """By each stem of their first words."""
    telling: Mapping[str, Sequence[tuple[int, int]]]
    """By each stem of their telling words: the number of the name, and the place of the word in it."""


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
    forms = _forms(tuple(listed))
    told = list(_told(plain, words, forms))
    found: list[Suggestion] = []
    for field, most in MOST.items():
        taken = chosen.get(field)
        if taken is None:
            continue
        matches = _longest(m for m in _named(plain, words, forms.first) if m.thing.field == field)
        named = {m.thing for m in matches}
        if field in SHARE:
            matches += [m for m in told if m.thing.field == field and m.thing not in named]
        new = {m.thing: m for m in matches if m.thing.id not in taken}
        order = sorted(new.values(), key=lambda m: (m.thing.umbrella, not m.exact, m.first, m.thing.label, m.thing.id))
        found += [Suggestion(field, m.thing.ref, m.thing.label, m.phrase) for m in order[:most]]
    return found


@lru_cache(maxsize=4)
def _forms(listed: tuple[Listed, ...]) -> _Forms:
    """Return the names as they are looked for."""
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
    telling: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, form in enumerate(forms):
        if form.thing.field in SHARE and not form.thing.umbrella:
            for place, (stems, weight) in enumerate(zip(form.words, form.weights, strict=True)):
                for stem in stems if weight else ():
                    telling[stem].append((number, place))
    return _Forms(forms, first, telling)


@lru_cache(maxsize=1 << 14)
def _rarity(word: str, language: str) -> float:
    """Return how rare a word is in its language, by the static list that likeness weighs words by; days and years say nothing."""
    known = parse("", word, language).logp
    return -float(known.max()) if len(known) else 0.0


def _named(plain: str, words: Sequence[_Word], first: Mapping[str, Sequence[_Form]]) -> Iterator[_Match]:
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


def _told(plain: str, words: Sequence[_Word], forms: _Forms) -> Iterator[_Match]:
    """Yield the names of which a text has most of the telling words, whatever stands between them."""
    places: dict[str, int] = {}
    for at, word in enumerate(words):
        for stem in word.stems:
            places.setdefault(stem, at)
    met: defaultdict[int, set[int]] = defaultdict(set)
    for stem in places:
        for number, place in forms.telling.get(stem, ()):
            met[number].add(place)
    best: dict[Listed, tuple[float, _Match]] = {}
    for number in sorted(n for n, said in met.items() if len(said) >= FEWEST):
        form = forms.every[number]
        found = {min(places[s] for s in form.words[place] if s in places): form.weights[place] for place in sorted(met[number])}
        covered = sum(found.values()) / sum(form.weights)
        if len(found) >= FEWEST and covered >= SHARE[form.thing.field] and covered > best.get(form.thing, (0.0,))[0]:
            strongest = sorted(sorted(found, key=lambda at: (-found[at], at))[:4])
            phrase = " … ".join(plain[words[at].start : words[at].end] for at in strongest)
            best[form.thing] = covered, _Match(form.thing, strongest[0], strongest[-1] + 1, phrase, exact=False)
    yield from (match for _covered, match in best.values())
