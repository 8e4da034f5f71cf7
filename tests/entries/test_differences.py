"""What differs between two versions, in words."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.entries.rules import Part, Shown, difference, in_words, may_see_event

texts = st.lists(st.sampled_from(["we", "support", "the", "text", "\n", "\n\n", " ", "not ", "a b c d "])).map("".join)


def parts(before: str, after: str) -> list[Part]:
    [(_field, found)] = difference({"text": before}, {"text": after})
    return found


@given(texts, texts)
def test_without_what_came_it_is_the_old_text_and_without_what_went_the_new_one(before: str, after: str) -> None:
    for _field, found in difference({"text": before}, {"text": after}):
        assert "".join(t for op, t in found if op != "add") == before
        assert "".join(t for op, t in found if op != "del") == after


@given(texts)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert difference({"text": text}, {"text": text}) == []


def test_a_text_differs_word_by_word() -> None:
    assert parts("We support a text.", "We oppose a text.") == [
        ("same", "We "),
        ("del", "support"),
        ("add", "oppose"),
        ("same", " a text."),
    ]


def test_words_that_changed_side_by_side_are_one_change() -> None:
    assert parts("one two three four", "one 2 3 four") == [
        ("same", "one "),
        ("del", "two three"),
        ("add", "2 3"),
        ("same", " four"),
    ]


def test_an_added_sentence_leaves_the_others_alone() -> None:
    assert parts("First.", "First. Second.") == [("same", "First."), ("add", " Second.")]


def test_two_long_texts_that_have_nothing_in_common_are_compared_at_once() -> None:
    found = parts("a b " * 5_000, "b c " * 5_000)
    assert "".join(t for op, t in found if op != "add") == "a b " * 5_000


def test_lists_differ_by_their_items() -> None:
    assert difference({"topics": ("Cables", "Encryption")}, {"topics": ("Encryption", "Spectrum")}) == [
        ("topics", [("same", "Encryption"), ("same", ", "), ("del", "Cables"), ("same", ", "), ("add", "Spectrum")])
    ]


def test_what_was_empty_and_is_now_stated_came() -> None:
    assert difference({"stance": "", "topics": ()}, {"stance": "Oppose", "topics": ()}) == [("stance", [("add", "Oppose")])]


def test_a_version_reads_in_names_and_days() -> None:
    content = {
        "title": "A title",
        "topics": [2, 1, 3],
        "event_id": 7,
        "stance": "oppose",
        "review_by": "2026-03-02",
        "milestones": [["2026-04-01", "a draft"]],
        "papers": [["Paper", "https://registry.example/1"]],
        "language": "en",
    }
    names = {"topics": {1: "Cables", 2: "Spectrum"}, "event_id": {7: "First session"}, "stance": {"oppose": "Oppose"}}
    shown = in_words(content, names, day=lambda d: d.strftime("%d %m %Y"))
    wanted: Shown = {
        "title": "A title",
        "topics": ("Cables", "Spectrum"),
        "event_id": "First session",
        "stance": "Oppose",
        "review_by": "02 03 2026",
        "milestones": ("01 04 2026: a draft",),
        "papers": ("Paper: https://registry.example/1",),
        "language": "en",
    }
    assert {field: said for field, said in shown.items() if said} == wanted


def test_what_has_no_name_for_the_reader_is_left_out() -> None:
    before, after = ({"positions": ids} for ids in ([1, 2], [1]))
    names = {"positions": {1: "Seen"}}
    assert difference(*(in_words(c, names, day=date.isoformat) for c in (before, after))) == []


SEEN = {
    # action: (told to others with its version seen, told to others with it hidden, told to the own unit with it seen)
    "position.logged": (True, True, True),
    "position.revised": (False, False, True),
    "position.offered": (False, False, True),
    "position.released": (True, False, True),
    "position.topic_added": (True, False, True),
    "position.superseded": (True, True, True),
    "position.withdrawn": (True, True, True),
    "position.expired": (True, True, True),
    "position.adhered": (True, True, True),
    "position.left": (True, True, True),
    "entry.topic_proposed": (False, False, True),
    "entry.topic_declined": (False, False, True),
    "dossier.milestone_passed": (False, False, True),
    "gap.asked": (True, True, True),
    "gap.known": (True, True, True),
}


@pytest.mark.parametrize(("action", "told"), SEEN.items(), ids=SEEN.keys())
def test_each_event_is_told_to_whom_it_belongs(action: str, told: tuple[bool, bool, bool]) -> None:
    assert told == (
        may_see_event(action, version=2, own=False, seen={1, 2}),
        may_see_event(action, version=2, own=False, seen={1}),
        may_see_event(action, version=2, own=True, seen={1, 2}),
    )


def test_a_version_above_ones_level_is_not_told_of_within_the_unit_either() -> None:
    assert not may_see_event("position.revised", version=2, own=True, seen={1})
