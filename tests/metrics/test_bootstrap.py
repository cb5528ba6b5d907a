import numpy as np
import pytest
from example_predictions import random_predictions
from sklearn.metrics import average_precision_score, roc_auc_score

from repro.metrics import bootstrap
from repro.metrics import detection as metrics
from repro.metrics.bootstrap import image_counts, image_metrics, pixel_counts, pixel_metrics, weights

ONCE = np.ones((1, 12), np.int64)


@pytest.mark.parametrize("seed", range(4))
def test_the_image_metrics_of_the_test_set_itself_are_the_exact_ones(seed: int) -> None:
    predictions = random_predictions(seed)
    found = image_metrics(image_counts(predictions.scores, predictions.labels), ONCE)
    exact = metrics.metrics(predictions)
    # Clamping may make equal what was not; the bootstrap does without.
    assert found["image_auroc"][0] == pytest.approx(metrics.raw_metrics(predictions).image_auroc, abs=1e-6)
    assert found["image_f1"][0] == pytest.approx(exact.image_f1, abs=1e-6)
    assert found["image_ap"][0] == pytest.approx(exact.image_ap, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_the_pixel_metrics_from_histograms_are_the_exact_ones_within_the_discretisation(seed: int) -> None:
    predictions = random_predictions(seed, images=12, side=128)
    counts = pixel_counts(predictions.maps, predictions.masks)
    found = pixel_metrics(counts, ONCE)
    exact = metrics.raw_metrics(predictions)
    bound = bootstrap.discretisation(counts)
    assert 0 < bound < 5e-4
    assert abs(found["pixel_auroc"][0] - exact.pixel_auroc) <= bound + 1e-6
    # Half of the bins hold equal shares of the anomalous pixels, so that no threshold is far from an edge.
    assert found["pixel_f1"][0] == pytest.approx(exact.pixel_f1, abs=2e-3)
    assert found["pixel_ap"][0] == pytest.approx(metrics.metrics(predictions).pixel_ap, abs=2e-3)
    assert found["aupro"][0] == pytest.approx(metrics.aupro(predictions.maps, predictions.masks), abs=2e-3)


def test_a_resample_is_what_measuring_the_images_drawn_gives() -> None:
    predictions = random_predictions(5)
    drawn = weights(predictions.labels.astype(np.int64), resamples=3)
    rows = [np.repeat(np.arange(12), counts) for counts in drawn]
    images = image_metrics(image_counts(predictions.scores, predictions.labels), drawn)
    pixels = pixel_metrics(pixel_counts(predictions.maps, predictions.masks), drawn)
    for place, row in enumerate(rows):
        labels, scores = predictions.labels[row], predictions.scores[row]
        assert images["image_auroc"][place] == pytest.approx(roc_auc_score(labels, scores))
        assert images["image_ap"][place] == pytest.approx(average_precision_score(labels, scores))
        assert pixels["aupro"][place] == pytest.approx(
            metrics.aupro(predictions.maps[row], predictions.masks[row]), abs=2e-3
        )


def test_resamples_hold_as_many_normal_and_anomalous_images_as_the_test_set() -> None:
    labels = np.arange(12) % 3 > 0
    drawn = weights(labels.astype(np.int64))
    assert drawn.shape == (bootstrap.RESAMPLES, 12)
    assert set(drawn[:, labels].sum(axis=1)) == {8}
    assert set(drawn[:, ~labels].sum(axis=1)) == {4}
    # Each image is drawn once on average.
    assert drawn.mean(axis=0) == pytest.approx(1.0, abs=0.1)


def test_an_interval_is_as_wide_as_the_spread_of_a_mean() -> None:
    # Shares of a coin over 100 images: a standard error of 0.05.
    rng = np.random.default_rng(0)
    heads = rng.permutation(np.repeat([0, 1], 50))
    shares = weights(np.zeros(100, np.int64)) @ heads / 100
    found = bootstrap.interval(shares)
    assert found.low == pytest.approx(0.5 - 1.96 * 0.05, abs=0.015)
    assert found.high == pytest.approx(0.5 + 1.96 * 0.05, abs=0.015)


def test_perfect_scores_have_an_interval_of_no_width() -> None:
    labels = np.arange(12) % 3 > 0
    found = bootstrap.intervals(
        image_metrics, image_counts(labels.astype(np.float32), labels), weights(labels.astype(np.int64))
    )
    assert (found["image_auroc"].low, found["image_auroc"].high) == (1.0, 1.0)
