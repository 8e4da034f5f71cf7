import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.likeness.actions import view_of
from coordinator.likeness.rules import A_FEW, Company, View, are_compared, likeness, likeness_many, told, worth_comparing
from coordinator.overlaps.queries import floors
from coordinator.passages.rules import FAR_BITS
from coordinator.stems import language_of
from coordinator.words.rules import parse

POSSIBLE = floors().possible
ABROAD = floors().possible_abroad

LINES = (
    (
        "States should not damage the cables that carry the internet under the sea.",
        "Undersea cables that carry internet traffic must not be harmed by any state.",
    ),
    ("We support a licence for every export of spyware.", "Every export of spyware should need a licence, and we support that."),
    ("Hospitals must be off limits for cyber attacks.", "Cyber attacks on hospitals must be off limits."),
    (
        "The moratorium on customs duties on electronic transmissions should become permanent.",
        "Customs duties on electronic transmissions should be given up for good: make the moratorium permanent.",
    ),
)
UNRELATED = (
    "Trawlers of the coastal fleet keep their quota for herring until the joint stock assessment ends.",
    "The museum returns the bronzes that were taken a hundred years ago.",
    "Nurses from abroad get a visa within four weeks.",
)
TWINS = {
    "fr": ("Les États ne doivent pas endommager les câbles sous-marins qui transportent l'internet.", 0),
    "es": ("Los Estados no deben dañar los cables submarinos que transportan internet.", 0),
    "ru": ("Государства не должны повреждать подводные кабели, по которым идёт интернет.", 0),
    "ar": ("يجب على الدول ألا تلحق الضرر بالكابلات البحرية التي تنقل الإنترنت.", 0),
    "zh": ("各国不应破坏承载互联网的海底电缆。", 0),
}

SOME_WORDS = ["the", "cables", "herring", "treaty", "norms", "of", "Geneva", "data", "states", "quota", "and", "cyber"]
words = st.lists(st.sampled_from(SOME_WORDS), max_size=60).map(" ".join)
quick = settings(max_examples=15, deadline=None)


def alike(one: str, other: str) -> float:
    return likeness(view_of("", one, "en"), view_of("", other, "en")).score


def test_words_find_what_shares_two_of_them_or_one_beside_something_else():
    holders = [np.array([1, 2, 3, 9]), np.array([2, 5]), np.array([2, 3])]
    assert told(holders, np.array([5, 7])).tolist() == [2, 3, 5]
    assert told([], np.array([5])).tolist() == []


@pytest.mark.parametrize(("one", "other"), LINES)
def test_the_same_line_in_other_words_reaches_the_floor(one, other):
    assert alike(one, other) > POSSIBLE


@pytest.mark.parametrize("line", [one for one, _ in LINES])
@pytest.mark.parametrize("other", UNRELATED)
def test_an_unrelated_line_stays_far_below(line, other):
    assert alike(line, other) < 0.05


def test_the_meaning_tells_what_the_words_do_not():
    one, other = (
        view_of("", "Hospitals must not be hacked.", "en"),
        view_of("", "Clinics should be spared from cyber attacks.", "en"),
    )
    both, alone = likeness(one, other), likeness(View(one.words), View(other.words))
    assert both.meaning is not None
    assert alone.meaning is None
    assert both.score > 5 * alone.score


@pytest.mark.parametrize("language", TWINS)
def test_a_paper_in_another_language_meets_its_english_twin(language):
    text, number = TWINS[language]
    abroad = view_of("", text, language)
    found = likeness(abroad, view_of("", LINES[number][0], "en"))
    assert found.abroad
    assert found.score > ABROAD
    others = [view_of("", line, "en") for line, _ in LINES[1:]] + [view_of("", line, "en") for line in UNRELATED]
    assert max(like.score for like in likeness_many(abroad, others)) < ABROAD / 5


@pytest.mark.parametrize("language", TWINS)
def test_a_language_is_seen_even_where_another_was_said(language):
    assert language_of("", TWINS[language][0], "en") == language


@pytest.mark.parametrize("line", [line for pair in LINES for line in pair] + list(UNRELATED) + ["5G", "", "Norms, GGE"])
def test_english_is_left_english(line):
    assert language_of("", line, "en") == "en"


def test_a_line_against_a_paper_is_marked_as_such():
    paper = " ".join(one + " " + other for one, other in LINES * 5)
    assert likeness(view_of("", LINES[0][0], "en"), view_of("", paper, "en")).uneven
    assert not likeness(view_of("", paper, "en"), view_of("", paper, "en")).uneven


@quick
@given(words, words)
def test_likeness_is_the_same_in_either_order(one, other):
    a, b = view_of("", one, "en"), view_of("", other, "en")
    assert likeness(a, b) == likeness(b, a)


@quick
@given(words, st.lists(words, max_size=5))
def test_one_against_many_says_exactly_what_each_pair_says(one, others):
    a, many = view_of("", one, "en"), [view_of("", other, "en") for other in others]
    many.append(View(parse("", one)))  # one that nobody has encoded yet
    assert likeness_many(a, many) == [likeness(b, a) for b in many]


@quick
@given(words, st.lists(words, min_size=1, max_size=8), st.data())
def test_some_of_many_are_told_what_each_pair_is_told(one, others, data):
    a, views = view_of("", one, "en"), [view_of("", other, "en") for other in others]
    some = np.array(data.draw(st.lists(st.integers(0, len(views) - 1), unique=True)), dtype=np.intp)
    least = data.draw(st.sampled_from((0.0, 0.3, POSSIBLE, 1.0)))
    company = Company(views)
    for _ in range(data.draw(st.sampled_from((1, A_FEW + 1)))):  # it looks otherwise once it has been asked often
        told = company.like(a, some, least=least)
    each = [(n, likeness(a, views[n])) for n in some.tolist()]
    assert told == [(n, like) for n, like in each if like.score >= least]


def test_texts_are_compared_that_are_near_or_share_telling_words():
    said = view_of("", LINES[0][0], "en")
    assert are_compared(said, view_of("", LINES[0][1], "en"), beside=False)
    assert are_compared(said, view_of("", TWINS["fr"][0], "fr"), beside=False)
    assert not are_compared(said, view_of("", UNRELATED[0], "en"), beside=True)


def test_without_directions_telling_words_decide():
    one, other = (View(parse("", line, "en")) for line in ("Herring quotas for the coastal fleet.", "The quotas are unfair."))
    assert are_compared(one, other, beside=True)
    assert not are_compared(one, other, beside=False)
    assert are_compared(one, one, beside=False)


def test_texts_far_apart_are_not_compared_whatever_words_they_share():
    far = np.array([FAR_BITS, FAR_BITS + 1])
    same = np.zeros(2, dtype=bool)
    assert worth_comparing(np.array([9, 9]), same, far, same).tolist() == [True, False]
