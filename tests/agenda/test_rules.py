import pytest

from coordinator.agenda.rules import Coordination, coordination, differs
from coordinator.positions.models import Stance


@pytest.mark.parametrize(
    ("positions", "missing", "unanswered", "conflicting", "word"),
    [
        pytest.param(0, 0, 0, 0, "nothing_yet", id="nobody has said anything"),
        pytest.param(0, 3, 2, 0, "nothing_yet", id="nobody has said anything and some should"),
        pytest.param(2, 1, 0, 0, "missing", id="a unit that has a say has no line"),
        pytest.param(2, 0, 1, 0, "missing", id="a question has no line"),
        pytest.param(2, 0, 0, 1, "conflicting", id="two lines clash"),
        pytest.param(2, 4, 3, 1, "conflicting", id="a clash is worse than a gap"),
        pytest.param(1, 0, 0, 0, "in_order", id="one line and nobody missing"),
    ],
)
def test_one_word_says_how_far_the_units_are(positions, missing, unanswered, conflicting, word):
    said = coordination(positions=positions, missing=missing, unanswered=unanswered, conflicting=conflicting)
    assert said is Coordination(word)
    assert said.label


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [
        ("support", "support", False),
        ("support", "conditions", True),
        ("support", "oppose", True),
        ("oppose", "red_line", True),
        ("no_position", "oppose", False),
        (None, "oppose", False),
        (None, None, False),
    ],
    ids=str,
)
def test_two_differ_if_both_take_a_stance_and_not_the_same(one, other, answer):
    a, b = (Stance(s) if s else None for s in (one, other))
    assert differs(a, b) is answer
    assert differs(b, a) is answer
