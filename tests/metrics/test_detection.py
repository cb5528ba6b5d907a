import numpy as np
import pytest
import torch
from anomalib.metrics.aupro import _AUPRO
from example_predictions import random_predictions

from repro.metrics import detection as metrics
from repro.records.predictions import Predictions


def test_the_threshold_is_the_lowest_score_of_highest_f1() -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    # From 0.2 up: 2 of 3 right, F1 = 0.8; from 0.4 up: F1 = 2/3.
    assert metrics.best_threshold(scores, np.array([False, True, False, True])) == np.float32(0.2)


def test_the_threshold_weighs_precision_and_recall_as_f1_does() -> None:
    # Marked from 3 up: 28 of 50, all rightly, F1 0.718. From 2 up: 36 of 50 and 14 wrongly, F1 0.72.
    scores = np.repeat(np.array([3, 2, 2, 1, 1], np.float32), (28, 8, 14, 14, 60))
    truth = np.repeat([True, True, False, True, False], (28, 8, 14, 14, 60))
    assert metrics.best_threshold(scores, truth) == 2


@pytest.mark.parametrize("seed", range(20))
def test_no_other_score_as_a_threshold_gives_a_higher_f1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(60) < rng.integers(1, 60))
    scores = (rng.integers(0, 20, 60) + rng.uniform(0, 15) * truth).astype(np.float32)
    by_counting = {float(score): metrics.f1(scores >= score, truth) for score in scores}
    best = max(by_counting.values())
    assert metrics.best_threshold(scores, truth) == min(score for score, f1 in by_counting.items() if f1 > best - 1e-9)


def test_f1_is_that_of_precision_and_recall_and_zero_where_nothing_is_predicted_rightly() -> None:
    predicted, truth = np.array([True, True, True, False, False]), np.array([True, False, False, True, False])
    assert metrics.f1(predicted, truth) == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    nothing = np.zeros(5, bool)
    assert (metrics.f1(nothing, truth), metrics.f1(predicted, nothing), metrics.f1(nothing, nothing)) == (0, 0, 0)


def test_the_image_that_sets_the_threshold_is_lost_by_anomalib_and_kept_in_the_raw_metric() -> None:
    predictions = random_predictions(0)
    perfect = Predictions(
        scores=(predictions.labels + np.arange(12) / 100).astype(np.float32),
        maps=predictions.maps,
        masks=predictions.masks,
        labels=predictions.labels,
        images=predictions.images,
    )
    hits = int(perfect.labels.sum()) - 1
    assert metrics.metrics(perfect).image_f1 == pytest.approx(2 * hits / (2 * hits + 1), abs=1e-6)
    assert metrics.raw_metrics(perfect).image_f1 == 1.0


def test_the_pixel_that_sets_the_threshold_is_lost_by_anomalib_and_kept_in_the_raw_metric() -> None:
    predictions = random_predictions(0)
    order = np.arange(predictions.maps.size, dtype=np.float32).reshape(predictions.maps.shape) / predictions.maps.size
    perfect = Predictions(**(vars(predictions) | {"maps": order + 2 * predictions.masks}))
    hits = int(perfect.masks.sum()) - 1
    assert metrics.metrics(perfect).pixel_f1 == pytest.approx(2 * hits / (2 * hits + 1), abs=1e-6)
    assert metrics.raw_metrics(perfect).pixel_f1 == 1.0


def test_normalising_puts_the_threshold_at_one_half_and_clamps() -> None:
    values = np.array([0.0, 1.0, 4.0], np.float32)
    np.testing.assert_array_equal(metrics.normalise(values, 1.0), np.array([0.25, 0.5, 1.0], np.float32), strict=True)
    np.testing.assert_array_equal(metrics.normalise(values, 3.0), np.array([0.0, 0.0, 0.75], np.float32), strict=True)


def test_normalising_does_not_depend_on_where_the_range_lies() -> None:
    values = np.array([2.0, 3.0, 6.0], np.float32)
    np.testing.assert_array_equal(metrics.normalise(values, 3.0), [0.25, 0.5, 1.0])


def test_equal_values_normalise_to_their_side_of_the_threshold() -> None:
    values = np.full(3, 2.0, np.float32)
    assert metrics.normalise(values, 2.0).tolist() == [0.5] * 3
    assert metrics.normalise(values, 1.0).tolist() == [1.0] * 3
    assert metrics.normalise(values, 3.0).tolist() == [0.0] * 3
    assert metrics.normalise(values, 3.0).dtype == np.float32


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


def test_aupro_takes_pixels_that_touch_at_a_corner_for_one_region() -> None:
    masks = np.zeros((1, 20, 20), bool)
    masks[0, 0, 0] = masks[0, 1, 1] = masks[0, 5:15, 5:15] = True
    maps = np.zeros(masks.shape, np.float32)
    maps[0, 0, 0] = maps[0, 5:15, 5:15] = 1.0
    # Found at once: half of one region and all of the other.
    assert metrics.aupro(maps, masks) == pytest.approx((0.75 + 0.25 * 0.15), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_aupro_equals_anomalibs(seed: int) -> None:
    predictions = random_predictions(seed)
    theirs = _AUPRO()
    theirs.update(torch.from_numpy(predictions.maps), torch.from_numpy(predictions.masks.astype(np.int64)))
    assert metrics.aupro(predictions.maps, predictions.masks) == pytest.approx(float(theirs.compute()), abs=1e-5)
