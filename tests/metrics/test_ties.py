from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from repro.metrics.ties import tie_bounds

SCORES = np.array([0, 1, 1, 1, 2, 2])
LABELS = np.array([False, True, False, True, False, True])


def highest_f1(labels: np.ndarray, scores: np.ndarray) -> float:
    return max(f1_score(labels, scores >= threshold) for threshold in scores)


@pytest.mark.parametrize(
    ("name", "metric"), [("auroc", roc_auc_score), ("ap", average_precision_score), ("f1", highest_f1)]
)
def test_the_bounds_are_those_of_every_order_of_equal_scores(name: str, metric: object) -> None:
    every = [metric(LABELS, SCORES + np.array(order) / 100) for order in permutations(range(len(SCORES)))]
    bounds = tie_bounds(SCORES, LABELS)[name]
    assert (bounds.low, bounds.high) == pytest.approx((min(every), max(every)))


def test_without_ties_both_ends_are_the_metric() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.permutation(200).reshape(2, 10, 10) / 7, rng.random((2, 10, 10)) < 0.3
    bounds = tie_bounds(scores, labels)
    for name, metric in (("auroc", roc_auc_score), ("ap", average_precision_score), ("f1", highest_f1)):
        assert bounds[name].low == bounds[name].high == pytest.approx(metric(labels.ravel(), scores.ravel()))


def test_scores_no_farther_apart_than_the_error_may_be_in_either_order() -> None:
    scores, labels = np.array([0.0, 1.0, 3.0]), np.array([True, False, False])
    assert tie_bounds(scores, labels)["auroc"].high == 0.0
    assert tie_bounds(scores, labels, error=1.0)["auroc"].high == 0.5
    assert tie_bounds(scores, labels, error=3.0)["auroc"].high == 1.0


def test_a_strict_threshold_loses_the_item_that_set_it() -> None:
    bounds = tie_bounds(np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, False, True, True]))
    assert bounds["f1"].low == 1.0
    # One of two anomalous items is found: precision 1, recall 1/2.
    assert bounds["strict_f1"].low == pytest.approx(2 / 3)


def test_one_level_alone_allows_everything() -> None:
    bounds = tie_bounds(np.zeros(4), np.array([True, False, False, True]))
    assert (bounds["auroc"].low, bounds["auroc"].high) == (0.0, 1.0)
