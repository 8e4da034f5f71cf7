"""Stems of words: what full-text search matches, the same on every database and in every language."""

import re
import threading
import unicodedata
from functools import lru_cache

import snowballstemmer

LANGUAGES = {
    "en": "english",
    "fr": "french",
    "es": "spanish",
    "ru": "russian",
    "ar": "arabic",
    "de": "german",
    "it": "italian",
    "pt": "portuguese",
    "nl": "dutch",
}
MOST_WORDS = 20  # of one query
SHORTEST_BEGINNING = 5
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_IS_CJK = re.compile(rf"[{_CJK}]")
_local = threading.local()


@lru_cache(maxsize=1 << 16)
def _stem(word: str, language: str) -> str:
    made: dict[str, snowballstemmer.basestemmer.BaseStemmer] = _local.__dict__.setdefault("stemmers", {})
    if language not in made:  # a stemmer keeps the word it is at: one per thread
        made[language] = snowballstemmer.stemmer(LANGUAGES[language])
    stem: str = made[language].stemWord(word)
    return stem


def words(text: str) -> list[str]:
    """Return the words of a text in order, NFKC and case folded; Chinese, Japanese and Korean as pairs of characters."""
    found: list[str] = []
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold()):
        word = match.group()
        if _IS_CJK.match(word):
            found += [word[i : i + 2] for i in range(max(len(word) - 1, 1))]
        else:
            found.append(word[:60])
    return found


def index_stems(text: str, language: str) -> str:
    """Return what is kept of a text for search: each word's stem as English and in the text's own language, in order."""
    own = language if language in LANGUAGES else "en"
    out: list[str] = []
    for word in words(text):
        out.append(_stem(word, "en"))
        if own != "en":
            out.append(_stem(word, own))
    return " ".join(out)


def query_stems(query: str) -> list[tuple[str, ...]]:
    """Return for each word of a query the stems that it may have been kept under; at most twenty words."""
    return [
        tuple(dict.fromkeys(_stem(word, language) for language in ("en", "fr", "es", "ru", "ar")))
        for word in words(query)[:MOST_WORDS]
    ]


def beginnings(query: str) -> frozenset[str]:
    """Return which stems of the last word of a query may be a beginning, because it may still be being typed.

    Of the stems of other languages only long ones: `data` is `dat` in Spanish, and would find every date.
    """
    typed = words(query)[:MOST_WORDS]
    if not typed:
        return frozenset()
    return frozenset(stem for stem in query_stems(query)[-1] if stem == typed[-1] or len(stem) >= SHORTEST_BEGINNING)


def placed(text: str) -> tuple[str, list[tuple[str, int, int]]]:
    """Return a text in the form NFKC and its words as `words` gives them, each with where it begins and ends there."""
    plain = unicodedata.normalize("NFKC", text)
    found: list[tuple[str, int, int]] = []
    for match in _WORD.finditer(plain):
        start, end = match.span()
        if _IS_CJK.match(plain, start):
            found += [(plain[i : min(i + 2, end)], i, min(i + 2, end)) for i in range(start, max(end - 1, start + 1))]
        else:
            found.append((match.group().casefold()[:60], start, end))
    return plain, found


def stems_of(word: str, language: str) -> frozenset[str]:
    """Return the stems under which a word of a text is kept: as English, and in the text's own language."""
    return frozenset({_stem(word, "en"), _stem(word, language if language in LANGUAGES else "en")})


# --- which language ------------------------------------------------------------------------------------------------------

_SCRIPTS = (
    ("ar", re.compile(r"[\u0621-\u064a]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
)  # fmt: skip
_LATIN = re.compile(r"[a-z\u00e0-\u024f]", re.IGNORECASE)
_SMALL = {
    "en": "the of and to in that is for on with should be are not we it this by as from",
    "fr": "le la les des et en du que qui est pour dans une au aux ne pas par sur avec ce sont doit l d",
    "es": "el los las y en que del por para una con no se su es al como más deben debe",
    "de": "der die das und in den von zu mit für nicht ist ein eine auf dem sich werden soll des",
    "pt": "o os as e em que do da para uma com não por no na dos das se ao deve",
    "it": "il di che la e per un una non i le con del della sono gli nel alla deve si",
    "nl": "de het een van en in is dat op te voor met niet zijn aan door moet worden",
}
_SMALL_WORDS = {language: frozenset(words.split()) for language, words in _SMALL.items()}
_SIGNS = {"ar": {"ar", "fa", "ur"}, "ru": {"ru", "uk", "bg", "sr"}, "ja": {"ja"}, "ko": {"ko"}, "zh": {"zh", "ja"}}


@lru_cache(maxsize=4096)
def language_of(title: str, text: str, said: str) -> str:
    """Return the language of a text: the one said, unless its script or its small words tell otherwise.

    People forget to change what a form offers, and a French paper taken for an English one shares no word with anything.
    """
    sample = f"{title} {text[:2000]}"
    latin = len(_LATIN.findall(sample))
    for language, script in _SCRIPTS:
        if len(script.findall(sample)) * (2 if language in {"zh", "ja", "ko"} else 1) > latin:
            return said if said in _SIGNS[language] else language
    words = re.findall(r"\w+", sample.casefold())
    counts = {language: sum(word in small for word in words) for language, small in _SMALL_WORDS.items()}
    best = max(counts, key=lambda language: (counts[language], language == said))
    enough = counts[best] >= max(3, len(words) / 10) and counts[best] >= 2 * counts.get(said, 0)
    return best if enough else said
