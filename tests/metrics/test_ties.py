from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from repro.metrics.ties import tie_bounds


def test_the_bounds_are_those_of_every_order_of_equal_scores() -> None:
    scores = np.array([0, 1, 1, 1, 2, 2, 2])
    labels = np.array([False, True, False, True, False, True, True])
    every = [scores + np.array(order) / 100 for order in permutations(range(len(scores)))]
    auroc, precision = tie_bounds(scores, labels)
    expected = [roc_auc_score(labels, one) for one in every]
    assert (auroc.low, auroc.high) == pytest.approx((min(expected), max(expected)))
    expected = [average_precision_score(labels, one) for one in every]
    assert (precision.low, precision.high) == pytest.approx((min(expected), max(expected)))


def test_without_ties_both_ends_are_the_metric() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.permutation(200).reshape(2, 10, 10) / 7, rng.random((2, 10, 10)) < 0.3
    for bounds, metric in zip(tie_bounds(scores, labels), (roc_auc_score, average_precision_score), strict=True):
        assert bounds.low == bounds.high == pytest.approx(metric(labels.ravel(), scores.ravel()))


def test_one_level_alone_allows_everything() -> None:
    auroc, _ = tie_bounds(np.zeros(4), np.array([True, False, False, True]))
    assert (auroc.low, auroc.high) == (0.0, 1.0)
