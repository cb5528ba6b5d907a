import numpy as np
import pytest
import torch
from anomalib.metrics.aupro import _AUPRO
from example_predictions import random_predictions

from repro import metrics
from repro.predictions import Predictions


def test_the_threshold_is_the_lowest_score_of_highest_f1() -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    # From 0.2 up: 2 of 3 right, F1 = 0.8; from 0.4 up: F1 = 2/3.
    assert metrics.best_threshold(scores, np.array([False, True, False, True])) == np.float32(0.2)


def test_the_image_that_sets_the_threshold_is_lost_by_anomalib_and_kept_in_the_raw_metric() -> None:
    predictions = random_predictions(0)
    perfect = Predictions(
        scores=predictions.labels * 1.0 + np.arange(12, dtype=np.float32) / 100,
        maps=predictions.maps,
        masks=predictions.masks,
        labels=predictions.labels,
        images=predictions.images,
    )
    found = int(perfect.labels.sum()) - 1
    assert metrics.metrics(perfect).image_f1 == pytest.approx(2 * found / (2 * found + 1), abs=1e-6)
    assert metrics.raw_metrics(perfect).image_f1 == 1.0


def test_normalising_puts_the_threshold_at_one_half_and_clamps() -> None:
    values = np.array([0.0, 1.0, 4.0], np.float32)
    np.testing.assert_allclose(metrics.normalise(values, 1.0), [0.25, 0.5, 1.0])


def test_equal_values_normalise_to_their_side_of_the_threshold() -> None:
    values = np.full(3, 2.0, np.float32)
    assert metrics.normalise(values, 2.0).tolist() == [0.5] * 3
    assert metrics.normalise(values, 1.0).tolist() == [1.0] * 3


def test_aupro_of_a_perfect_map_is_one_and_of_a_constant_map_that_of_chance() -> None:
    masks = random_predictions(1).masks
    assert metrics.aupro(masks.astype(np.float32), masks) == pytest.approx(1.0)
    # Without any order the curve is the diagonal: its area up to 0.3 is 0.3^2 / 2, over 0.3.
    assert metrics.aupro(np.zeros(masks.shape, np.float32), masks) == pytest.approx(0.15)


def test_aupro_weighs_a_small_region_like_a_large_one() -> None:
    masks = np.zeros((1, 20, 20), bool)
    masks[0, 0, 0] = masks[0, 5:15, 5:15] = True
    maps = np.zeros(masks.shape, np.float32)
    maps[0, 5:15, 5:15] = 1.0
    # The large region is found at once, the small one with the rest of the image: (1 + fpr) / 2 on the way.
    assert metrics.aupro(maps, masks) == pytest.approx((0.5 + 0.5 * 0.15), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_aupro_equals_anomalibs(seed: int) -> None:
    predictions = random_predictions(seed)
    theirs = _AUPRO()
    theirs.update(torch.from_numpy(predictions.maps), torch.from_numpy(predictions.masks.astype(np.int64)))
    assert metrics.aupro(predictions.maps, predictions.masks) == pytest.approx(float(theirs.compute()), abs=1e-5)
