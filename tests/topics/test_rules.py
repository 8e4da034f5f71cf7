from datetime import date

import pytest

from coordinator.topics.rules import holds_on, key_of, makes_a_circle

EDGES = {2: {1}, 3: {2}, 4: {2, 5}}


@pytest.mark.parametrize(
    ("topic", "broader", "circle"),
    [(1, 3, True), (1, 1, True), (2, 3, True), (5, 4, True), (3, 1, False), (5, 3, False), (6, 4, False)],
)
def test_a_topic_may_not_lie_within_itself_however_far_up(topic, broader, circle):
    assert makes_a_circle(topic, broader, EDGES) is circle


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Data governance", "data-governance"),
        ("  AI & the military ", "ai-the-military"),
        ("الأمن السيبراني", "الأمن-السيبراني"),
        ("???", "topic"),
        ("x" * 100, "x" * 80),
    ],
)
def test_a_key_is_made_of_letters_figures_and_hyphens(name, key):
    assert key_of(name) == key


@pytest.mark.parametrize(("day", "holds"), [(28, False), (1, True), (5, True), (9, True), (10, False)])
def test_a_stake_holds_from_its_first_day_to_its_last(day, holds):
    on = date(2026, 2, 28) if day == 28 else date(2026, 3, day)
    assert holds_on(on, from_on=date(2026, 3, 1), until_on=date(2026, 3, 9)) is holds


def test_an_open_stake_holds_for_good():
    assert holds_on(date(2099, 1, 1), from_on=date(2026, 3, 1), until_on=None)
