"""How long something may be excluded, what a phrase is, and what a text is without it."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.exclusions.rules import (
    EndsOutOfBounds,
    ExclusionDraft,
    PhraseTooShort,
    WhyExclude,
    checked,
    checked_phrase,
    holds,
    without,
)

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize("days", [0, 1, 366])
def test_an_end_lies_within_a_year(days):
    draft = ExclusionDraft(" known to both ", TODAY + timedelta(days=days))
    assert checked(draft, on=TODAY).reason == "known to both"


@pytest.mark.parametrize("days", [-1, 367, 4000])
def test_an_end_out_of_bounds_is_refused(days):
    with pytest.raises(EndsOutOfBounds):
        checked(ExclusionDraft("why", TODAY + timedelta(days=days)), on=TODAY)


def test_without_a_reason_nothing_is_excluded():
    with pytest.raises(WhyExclude):
        checked(ExclusionDraft(" \n", TODAY), on=TODAY)


@pytest.mark.parametrize("phrase", ["", "encryption", "of the", "12 34 5678 9012"])
def test_a_plain_word_is_no_phrase(phrase):
    with pytest.raises(PhraseTooShort):
        checked_phrase(phrase)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Ministry of Foreign Affairs\nOn cables", " ; \nOn cables", id="a letterhead"),
        pytest.param("MINISTRY  of\nforeign   affairs: cables", " ; : cables", id="spaced and capitalised otherwise"),
        pytest.param("Ministry of Foreign Affairship", "Ministry of Foreign Affairship", id="not within a word"),
        pytest.param("Nothing of it", "Nothing of it", id="not there"),
    ],
)
def test_a_phrase_is_taken_out_wherever_it_stands(text, expected):
    assert without(text, ["Ministry of Foreign Affairs"]) == expected
    assert holds(text, "Ministry of Foreign Affairs") is (text != expected)


@given(st.text(max_size=60), st.lists(st.text(alphabet="ab .*(\\", min_size=1, max_size=8).filter(str.strip), max_size=3))
def test_whatever_is_left_out_is_left_out_once_and_for_all(text, phrases):
    once = without(text, phrases)
    assert not any(holds(once.replace(";", "\0"), p) and not holds(text, p) for p in phrases)
    assert without(text, phrases) == once
    assert without(text, []) == text
