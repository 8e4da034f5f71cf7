import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.passages.rules import (
    FAR_BITS,
    FOR_EACH_WORD,
    NEAR_ABROAD,
    NEAR_BITS,
    PASSAGE_WORDS,
    SHORTEST_TAIL,
    ManyMeanings,
    Meaning,
    apart,
    near_enough,
    nearness,
    nearness_many,
    parts,
    passages,
)
from coordinator.words.rules import MOST_WORDS

quick = settings(max_examples=40, deadline=None)
SENTENCE = "The union of small states insists that the cables on its shelf are left alone by ships of war."
some_text = st.text(max_size=400) | st.lists(
    st.sampled_from([SENTENCE, "No.", "数据治理很重要。", "\n", "Mr. Lee"]), max_size=30
).map(" ".join)


def some_meaning(number: int, rows: int) -> Meaning:
    return Meaning("some/1", np.random.default_rng(number).integers(-80, 81, (rows, 512)).astype(np.int8))


meanings = st.builds(some_meaning, st.integers(0, 10_000), st.integers(2, 9))


@quick
@given(some_text)
def test_passages_lie_in_order_and_leave_no_word_out(text):
    found = passages(text)
    assert all(first < last for first, last in found)
    assert all(a[1] <= b[0] for a, b in zip(found, found[1:], strict=False))
    assert "".join("".join(text[first:last].split()) for first, last in found) == "".join(text.split())


def test_passages_are_of_some_forty_five_words_and_end_with_a_sentence():
    text = " ".join([SENTENCE] * 9)
    lengths = [len(text[first:last].split()) for first, last in passages(text)]
    assert sum(lengths) == len(text.split())
    assert all(SHORTEST_TAIL <= length <= PASSAGE_WORDS + SHORTEST_TAIL for length in lengths)
    assert all(text[last - 1] == "." for _, last in passages(text))


def test_a_sentence_longer_than_a_passage_is_cut():
    text = " ".join(["word"] * 100)
    assert [len(text[first:last].split()) for first, last in passages(text)] == [45, 45, 10]


def test_a_few_words_at_the_end_join_the_passage_before():
    text = " ".join(["word"] * 48)
    assert len(passages(text)) == 1


def test_a_script_without_spaces_is_cut_too():
    text = "各国不应破坏承载互联网的海底电缆。" * 20
    assert len(passages(text)) > 2
    assert "".join(text[first:last] for first, last in passages(text)) == text


def test_the_whole_comes_first_then_the_title_then_the_passages():
    found = parts("On cables", f"{SENTENCE} {SENTENCE} {SENTENCE}")
    assert found[1] == "On cables"
    assert found[0].startswith("On cables. The union")
    assert [len(part.split()) for part in found[2:]] == [38, 19]


@pytest.mark.parametrize(("title", "text"), [("", ""), ("", " ... "), ("Mr. Harvey to Mr. Seward", "")])
def test_what_says_nothing_has_no_parts(title, text):
    assert parts(title, text) == []


def test_formulas_of_letters_are_left_out():
    found = parts("", "Sir: I have the honor to inform you that the herring is gone. I am, sir, your most obedient servant")
    assert "honor" not in found[0]
    assert "herring" in found[0]


def test_only_the_beginning_of_a_long_text_counts():
    assert len(parts("", "word " * 3000)[0].split()) == MOST_WORDS


@quick
@given(meanings, meanings)
def test_nearness_is_the_same_in_either_order(a, b):
    assert nearness(a, b) == nearness(b, a)


@quick
@given(meanings, st.lists(meanings, max_size=6))
def test_one_against_many_says_exactly_what_each_pair_says(a, others):
    assert nearness_many(a, others) == [nearness(other, a) for other in others]


@quick
@given(meanings, st.lists(meanings, min_size=1, max_size=6))
def test_no_text_is_nearer_than_half_of_its_directions_lets_it_be(a, others):
    many, each = ManyMeanings(others), np.arange(len(others))
    wholes = many.wholes(a, each)
    assert (many.nearness_at_most(a, each, wholes) >= many.nearness(a, each, wholes)).all()


@quick
@given(meanings)
def test_a_text_is_nearest_to_itself(a):
    assert nearness(a, a) == pytest.approx(1)


@quick
@given(meanings)
def test_directions_survive_their_bytes(a):
    again = Meaning.from_bytes(a.encoder, a.to_bytes())
    assert np.array_equal(again.rows, a.rows)
    assert again.to_bytes() == a.to_bytes()


@pytest.mark.parametrize("raw", [b"", b"\0", b"\x02" * 40])
def test_bytes_that_are_no_directions_are_refused(raw):
    with pytest.raises(ValueError, match="directions"):
        Meaning.from_bytes("some/1", raw)


def test_sketches_of_near_directions_differ_in_few_bits():
    a, b = some_meaning(1, 2), some_meaning(2, 2)
    moved = Meaning("some/1", np.clip(a.rows.astype(int) + b.rows // 4, -127, 127).astype(np.int8))
    assert apart(a.sketch, moved.sketch[None, :])[0] < NEAR_BITS < FAR_BITS < apart(a.sketch, b.sketch[None, :])[0]


@pytest.mark.parametrize(
    ("differing", "shared", "abroad", "enough"),
    [
        (NEAR_BITS, 0, False, True),
        (NEAR_BITS + 1, 0, False, False),
        (NEAR_BITS + FOR_EACH_WORD, 1, False, True),
        (NEAR_BITS + 2 * FOR_EACH_WORD, 2, False, True),
        (NEAR_BITS + 2 * FOR_EACH_WORD + 1, 9, False, False),
        (NEAR_ABROAD, 0, True, True),
        (NEAR_ABROAD + 1, 0, True, False),
        (NEAR_BITS + 2 * FOR_EACH_WORD, 2, True, True),
    ],
)
def test_texts_that_share_words_may_lie_farther_apart(differing, shared, abroad, enough):
    assert near_enough(np.array([differing]), np.array([shared]), np.array([abroad])).tolist() == [enough]
