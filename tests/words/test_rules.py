import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.likeness.rules import Likeness, View
from coordinator.likeness.rules import likeness as of_views
from coordinator.words import rules
from coordinator.words.rules import Words, cosines, keywords, parse, phrases, stem_list

POSSIBLE = 0.5

INSTRUMENT = (
    "State behaviour in cyberspace",
    "We oppose a legally binding instrument on state behaviour in cyberspace. The agreed framework of norms is enough, "
    "and confidence-building measures should be carried out before anybody drafts a treaty.",
)
INSTRUMENT_AGAIN = (
    "Line on a cyber treaty",
    "A legally binding instrument on the behaviour of states in cyberspace is not needed: the framework of norms that "
    "was agreed, with confidence-building measures, is enough.",
)
FISHERIES = (
    "Access to fishing grounds",
    "Trawlers of the coastal fleet keep their quota for herring and mackerel until the joint stock assessment ends.",
)
LETTER_FROM_LISBON = (
    "Mr. Harvey to Mr. Seward",
    "Sir: I have the honor to acknowledge the receipt of your despatch No. 12 and to inform you that the cholera has "
    "reached the lazaretto. Accept, sir, the renewed assurance of my highest consideration. I am, sir, your most "
    "obedient servant",
)
LETTER_FROM_TOKYO = (
    "Mr. Harvey to Mr. Seward",
    "Sir: I have the honor to acknowledge the receipt of your despatch No. 90 and to inform you that the silk tariff "
    "was lowered. Accept, sir, the renewed assurance of my highest consideration. I am, sir, your most obedient servant",
)
LANGUAGES = ["en", "fr", "ar", "zh", "ko", "xx", ""]
ODD = {
    "nothing": "",
    "NUL": "\0\0 norms \0",
    "lone surrogates": "\ud800 cyber\udfff space \udc80",
    "ten thousand marks": "a" + "\u0301\u0323" * 5_000,
    "no spaces": "x" * 20_000,
    "only stops": ".,;:!?" * 500,
    "Chinese": "中国支持数据治理和网络安全。",
    "one Chinese sign": "中",
    "Japanese and Latin": "5Gとデータ governance",
    "Arabic with vowels": "نَحْنُ نَدْعَمُ حَوْكَمَةَ البَيَانَاتِ",
    "direction overrides": "\u202eabc\u202c def",
    "ligatures that grow": "\ufdfa" * 2_000,
    "emoji": "🇫🇷 👩‍👩‍👧 ok",
}

SOME_WORDS = ["the", "of", "and", "cyberspace", "norms", "herring", "quota", "treaty", "Geneva", "data", "5G", "states"]
some_text = st.text(max_size=300) | st.lists(st.sampled_from(SOME_WORDS), max_size=40).map(" ".join)
quick = settings(max_examples=40, deadline=None)


def likeness(a: Words, b: Words) -> Likeness:
    """What the words alone say, where there is no encoder."""
    return of_views(View(a), View(b))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_odd_input_never_raises(text, language):
    words = parse(text, text, language)
    assert Words.from_bytes(words.to_bytes()) == words
    assert all(isinstance(stem, str) and stem for stem in stem_list(text, language))
    assert 0 <= likeness(words, parse(*INSTRUMENT)).score <= 1
    assert isinstance(phrases(text, text, *INSTRUMENT, language), tuple)


@quick
@given(some_text, some_text)
def test_likeness_is_the_same_in_either_order(one, other):
    a, b = parse("", one), parse("", other)
    assert likeness(a, b) == likeness(b, a)


@quick
@given(some_text, st.lists(some_text, max_size=6))
def test_one_against_many_says_exactly_what_each_pair_says(one, others):
    a, many = parse("", one), [parse("", other) for other in others]
    assert cosines(a, many) == [cosines(b, [a])[0] for b in many]


@quick
@given(some_text, some_text, st.sampled_from(LANGUAGES))
def test_words_survive_their_bytes(title, text, language):
    words = parse(title, text, language)
    again = Words.from_bytes(words.to_bytes())
    assert (again, again.total, again.language) == (words, words.total, language)
    for name, kind in (("stems", np.uint32), ("counts", np.uint16), ("levels", np.uint8)):
        assert getattr(again, name).dtype == kind
        assert np.array_equal(getattr(again, name), getattr(words, name))


@quick
@given(some_text, some_text)
def test_words_depend_on_their_own_text_alone(text, another):
    before = parse("", text).to_bytes()
    parse("", another)
    assert parse("", text).to_bytes() == before


@quick
@given(some_text)
def test_stems_are_sorted_single_and_counted(text):
    words = parse("", text)
    assert np.array_equal(words.stems, np.unique(words.stems))
    assert int(words.counts.sum()) <= words.total <= rules.MOST_WORDS
    assert np.all(words.logp <= 0)


@quick
@given(some_text, some_text)
def test_phrases_do_not_depend_on_the_order_of_the_texts(one, other):
    there = phrases("", one, "", other)
    back = phrases("", other, "", one)
    assert [stem_list(phrase) for phrase in there] == [stem_list(phrase) for phrase in back]


@pytest.mark.parametrize("raw", [b"", b"\0", b"\x01\x02", b"\x02" * 40])
def test_bytes_that_are_no_words_are_refused(raw):
    with pytest.raises(ValueError, match="words of a text"):
        Words.from_bytes(raw)


def test_words_cut_short_are_refused():
    with pytest.raises(ValueError, match="cut short"):
        Words.from_bytes(parse(*INSTRUMENT).to_bytes()[:-1])


def test_the_same_line_in_other_words_is_possible():
    assert likeness(parse(*INSTRUMENT), parse(*INSTRUMENT_AGAIN)).score > POSSIBLE


def test_a_near_copy_is_likelier_than_a_paraphrase():
    title, text = INSTRUMENT
    copy = parse(title, text.replace("oppose", "resist"))
    paraphrase = parse(*INSTRUMENT_AGAIN)
    original = parse(title, text)
    assert likeness(original, copy).score > max(0.9, likeness(original, paraphrase).score)


def test_an_unrelated_text_stays_below_the_floor():
    assert likeness(parse(*INSTRUMENT), parse(*FISHERIES)).score < 0.1


def test_function_words_carry_nothing():
    one = parse("", "It is not that we are or will be in this with all of them and for which they have been")
    two = parse("", "They have been in it, and we will not be with them or for all of this which is that")
    assert likeness(one, two).score < POSSIBLE
    a, b = parse("", "The quota of the fleet is in the annex"), parse("", "The norms of the ITU are in the draft")
    assert likeness(a, b).score < 0.05


def test_letters_are_not_alike_for_their_openings_and_closings():
    lisbon, tokyo = parse(*LETTER_FROM_LISBON), parse(*LETTER_FROM_TOKYO)
    assert likeness(lisbon, tokyo).score < 0.1
    assert phrases(*LETTER_FROM_LISBON, *LETTER_FROM_TOKYO) == ()
    assert lisbon.total < 20


@pytest.mark.parametrize(
    "formula",
    [
        "Veuillez agréer, Monsieur le Ministre, les assurances de ma très haute considération",
        "L'Ambassade présente ses compliments au Ministère",
        "saisit cette occasion pour lui renouveler les assurances de sa haute considération",
    ],
)
def test_french_formulas_are_left_out(formula):
    line = "Le quota de hareng reste inchangé."
    formal = {stem for stem in parse("", f"{line} {formula}.", "fr").stems.tolist()}
    plain = {stem for stem in parse("", line, "fr").stems.tolist()}
    assert plain <= formal
    assert len(formal - plain) <= 4


def test_a_shared_word_counts_for_more_the_rarer_it_is():
    rare = likeness(parse("", "the mackerel arrived on time"), parse("", "we talked about mackerel at length"))
    common = likeness(parse("", "the people arrived on time"), parse("", "we talked about people at length"))
    assert rare.score > common.score


def test_one_common_word_does_not_make_two_short_lines_twins():
    assert likeness(parse("", "Digital trade"), parse("", "Trade")).score < POSSIBLE


def test_the_strongest_stems_come_first_and_are_in_both():
    a, b = parse(*INSTRUMENT), parse(*INSTRUMENT_AGAIN)
    shared = likeness(a, b).shared
    assert 1 < len(shared) <= rules.CARRIERS
    assert set(shared) <= set(a.stems.tolist()) & set(b.stems.tolist())
    assert parse("", "cyberspace").stems[0] in shared[:3]


def test_days_and_years_are_no_words_but_resolutions_are():
    assert not parse("", "14 14th 1868 2024 000").stems.size
    assert parse("", "1325 and 540").stems.size == 3
    assert stem_list("14 1868") == ["14", "1868"]


def test_only_the_beginning_of_a_long_text_counts():
    long = "herring " * rules.MOST_WORDS
    assert parse("", long + "cyberspace") == parse("", long)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "negotiating states", "Negotiation, State"),
        ("fr", "négociations", "négociation"),
        ("ar", "حَوْكَمَةَ", "حوكمة"),
        ("en", "ﬁsheries", "FISHERIES"),
        ("de", "Maßnahmen", "MASSNAHMEN"),
    ],
)
def test_forms_of_a_word_meet_in_one_stem(language, one, other):
    assert stem_list(one, language) == stem_list(other, language)


def test_a_script_without_spaces_is_read_in_pairs_of_signs():
    assert stem_list("数据治理 5G", "zh") == ["数据", "据治", "治理", "5g"]
    a, b = parse("", "中国支持全球数据治理倡议", "zh"), parse("", "全球数据治理倡议的进展", "zh")
    assert likeness(a, b).score > POSSIBLE > likeness(a, parse("", "渔业配额谈判没有结果", "zh")).score


def test_keywords_are_stable_and_fit_in_a_database_integer():
    found = keywords(parse(*INSTRUMENT))
    assert found == keywords(Words.from_bytes(parse(*INSTRUMENT).to_bytes()))
    assert len(found) == len(set(found)) <= rules.KEYWORDS + rules.DOUBLED + rules.TREBLED
    assert all(0 <= key < 2**63 for key in found)
    assert found[0] == 1927044824


def test_function_words_are_not_looked_up():
    assert keywords(parse("", "it is of the and to in that for with")) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (INSTRUMENT, INSTRUMENT_AGAIN),
        (("", "Airbrushing should be banned"), ("", "Airbrushing harms the young")),
    ],
    ids=["papers", "one strong word"],
)
def test_texts_that_are_alike_are_candidates(one, other):
    common = set(keywords(parse(*one))) & set(keywords(parse(*other)))
    assert len(common) >= rules.SHARED_KEYWORDS


def test_texts_that_are_not_alike_are_no_candidates():
    common = set(keywords(parse(*INSTRUMENT))) & set(keywords(parse(*FISHERIES)))
    assert len(common) < rules.SHARED_KEYWORDS


def test_phrases_are_written_as_in_the_first_text_and_strongest_first():
    found = phrases(*INSTRUMENT, *INSTRUMENT_AGAIN)
    assert found[0] == "legally binding instrument"
    assert "confidence-building measures" in found
    assert all(phrase in " ".join(INSTRUMENT) for phrase in found)
    assert len(phrases(*INSTRUMENT, *INSTRUMENT_AGAIN, most=2)) == 2


def test_a_phrase_does_not_run_over_a_full_stop():
    one, other = "We keep the herring. Mackerel stays.", "Herring, mackerel"
    assert set(phrases("", one, "", other)) == {"herring", "Mackerel"}
    assert phrases("", "herring mackerel", "", other) == ("herring mackerel",)


def test_an_empty_text_is_like_nothing():
    empty = parse("", "")
    for other in (empty, parse(*INSTRUMENT)):
        assert likeness(empty, other).score < 0.01
        assert likeness(empty, other).shared == ()
    assert cosines(empty, []) == []
