import numpy as np
import pytest

from coordinator.evaluation import rules
from coordinator.evaluation.rules import Shelf
from coordinator.likeness.actions import view_of

SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.6, 0.1])
LABELS = np.array([True, True, False, True, False, False])


def test_auc_counts_pairs_in_order_and_ties_half():
    assert rules.auc(SCORES, LABELS) == pytest.approx((3 + 3 + 1.5) / 9)
    assert rules.auc(np.array([1.0, 0.0]), np.array([True, False])) == 1
    assert rules.auc(np.ones(4), np.array([True, False, True, False])) == 0.5


def test_average_precision_is_the_area_under_the_steps():
    assert rules.average_precision(SCORES, LABELS) == pytest.approx(1 / 3 + 1 / 3 + (3 / 5) / 3)
    assert rules.average_precision(SCORES, np.array([True] * 3 + [False] * 3)) == 1


@pytest.mark.parametrize(("precision", "recall"), [(1.0, 2 / 3), (0.6, 1.0), (0.9, 2 / 3)])
def test_recall_at_a_precision_is_the_largest_there_is(precision, recall):
    assert rules.recall_at(SCORES, LABELS, precision=precision) == pytest.approx(recall)


def test_no_recall_where_the_precision_is_never_reached():
    assert rules.recall_at(np.array([0.9, 0.1]), np.array([False, True]), precision=0.9) == 0


def test_a_score_that_means_what_it_says_has_no_calibration_error():
    scores = np.array([0.25] * 4 + [0.75] * 4)
    labels = np.array([True, False, False, False, True, True, True, False])
    assert rules.calibration_error(scores, labels, rate=0.5) == pytest.approx(0)
    assert rules.calibration_error(np.ones(8), labels, rate=0.01) == pytest.approx(0.99)


def test_an_order_is_measured_by_where_the_relevant_stand():
    found = ["a", "b", "c", "d"]
    assert rules.ndcg(found, {"a": 1, "c": 1}) == pytest.approx((1 + 0.5) / (1 + 1 / np.log2(3)))
    assert rules.ndcg(found, {"x": 1}) == 0
    assert rules.precision_in(found, {"a", "c"}) == 0.4
    assert rules.reciprocal_rank(found, {"c"}) == pytest.approx(1 / 3)
    assert rules.reciprocal_rank(found, {"x"}) == 0
    assert rules.recall_in(found, {"a", "x"}, most=2) == 0.5


def test_a_shelf_finds_the_like_of_others_and_never_of_the_own_unit():
    shelf = Shelf()
    shelf.put("own", "ICS", view_of("", "Cables under the sea must not be cut.", "en"))
    shelf.put("like", "MLA", view_of("", "No state may cut cables under the sea.", "en"))
    shelf.put("french", "EUR", view_of("", "Les câbles sous-marins ne doivent pas être coupés.", "fr"))
    shelf.put("other", "FIS", view_of("", "The quota of herring stays as it is.", "en"))
    found = [name for name, _ in shelf.look(shelf.views[0], unit="ICS")]
    assert set(found[:2]) == {"like", "french"}
    assert "own" not in found
    assert "like" not in [name for name, _ in shelf.look(shelf.views[0], unit="ICS", without={"like"})]
