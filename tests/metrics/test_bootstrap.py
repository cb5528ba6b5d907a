import numpy as np
import pytest
from example_predictions import random_predictions
from sklearn.metrics import average_precision_score, roc_auc_score

from repro.metrics import bootstrap
from repro.metrics import detection as metrics
from repro.metrics.bootstrap import Counts, Curve, image_counts, image_metrics, pixel_counts, pixel_metrics, resample
from repro.records.metrics import Interval
from repro.records.predictions import Predictions

ONCE = np.ones((1, 12), np.int64)


def in_levels(seed: int) -> Predictions:
    """Predictions with so few distinct values, each of many pixels, that every value is a bin."""
    predictions = random_predictions(seed)
    scores, maps = (np.round(4 * values).astype(np.float32) for values in (predictions.scores, predictions.maps))
    return Predictions(scores, maps.clip(-8, 8), predictions.masks, predictions.labels, predictions.images)


def repeat(predictions: Predictions, weights: np.ndarray) -> Predictions:
    arrays = predictions.scores, predictions.maps, predictions.masks, predictions.labels, predictions.images
    return Predictions(*(np.repeat(array, weights, axis=0) for array in arrays))


@pytest.mark.parametrize("seed", range(4))
def test_the_image_metrics_of_the_test_set_itself_are_the_exact_ones(seed: int) -> None:
    predictions = random_predictions(seed)
    computed = image_metrics(image_counts(predictions.scores, predictions.labels), ONCE)
    exact = metrics.metrics(predictions)
    # Clamping may create ties; the bootstrap does not clamp.
    assert computed["image_auroc"][0] == pytest.approx(metrics.raw_metrics(predictions).image_auroc, abs=1e-6)
    assert computed["image_f1"][0] == pytest.approx(exact.image_f1, abs=1e-6)
    assert computed["image_ap"][0] == pytest.approx(exact.image_ap, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_the_pixel_metrics_from_histograms_are_the_exact_ones_within_the_discretisation(seed: int) -> None:
    predictions = random_predictions(seed, images=12, side=128)
    counts = pixel_counts(predictions.maps, predictions.masks)
    computed = pixel_metrics(counts, ONCE)
    exact = metrics.raw_metrics(predictions)
    bound = bootstrap.discretisation(counts)
    assert 0 < bound < 5e-4
    assert abs(computed["pixel_auroc"][0] - exact.pixel_auroc) <= bound + 1e-6
    # Half of the bins hold equal shares of the anomalous pixels, so that no threshold is far from an edge.
    assert computed["pixel_f1"][0] == pytest.approx(exact.pixel_f1, abs=2e-3)
    assert computed["pixel_ap"][0] == pytest.approx(metrics.metrics(predictions).pixel_ap, abs=2e-3)
    assert computed["aupro"][0] == pytest.approx(metrics.aupro(predictions.maps, predictions.masks), abs=2e-3)


def test_a_resample_has_the_metrics_of_its_images() -> None:
    predictions = random_predictions(5)
    weights = resample(predictions.labels.astype(np.int64), resamples=3)
    rows = [np.repeat(np.arange(12), counts) for counts in weights]
    images = image_metrics(image_counts(predictions.scores, predictions.labels), weights)
    pixels = pixel_metrics(pixel_counts(predictions.maps, predictions.masks), weights)
    for index, row in enumerate(rows):
        labels, scores = predictions.labels[row], predictions.scores[row]
        assert images["image_auroc"][index] == pytest.approx(roc_auc_score(labels, scores))
        assert images["image_ap"][index] == pytest.approx(average_precision_score(labels, scores))
        assert pixels["aupro"][index] == pytest.approx(
            metrics.aupro(predictions.maps[row], predictions.masks[row]), abs=2e-3
        )


def test_resamples_hold_as_many_normal_and_anomalous_images_as_the_test_set() -> None:
    labels = np.arange(12) % 3 > 0
    weights = resample(labels.astype(np.int64))
    assert weights.shape == (bootstrap.RESAMPLES, 12)
    assert set(weights[:, labels].sum(axis=1)) == {8}
    assert set(weights[:, ~labels].sum(axis=1)) == {4}
    # Each image is drawn once on average.
    assert weights.mean(axis=0) == pytest.approx(1.0, abs=0.1)


def test_an_interval_is_as_wide_as_the_spread_of_a_mean() -> None:
    # Shares of a coin over 100 images: a standard error of 0.05.
    rng = np.random.default_rng(0)
    heads = rng.permutation(np.repeat([0, 1], 50))
    shares = resample(np.zeros(100, np.int64)) @ heads / 100
    ends = bootstrap.interval(shares)
    assert ends.low == pytest.approx(0.5 - 1.96 * 0.05, abs=0.015)
    assert ends.high == pytest.approx(0.5 + 1.96 * 0.05, abs=0.015)


def test_perfect_scores_have_an_interval_of_no_width() -> None:
    labels = np.arange(12) % 3 > 0
    ends = bootstrap.intervals(
        image_metrics, image_counts(labels.astype(np.float32), labels), resample(labels.astype(np.int64))
    )
    assert (ends["image_auroc"].low, ends["image_auroc"].high) == (1.0, 1.0)


def test_an_interval_is_the_central_95_percent_to_four_decimals() -> None:
    ends = bootstrap.interval(np.arange(2001) / 7000)
    assert (ends.low, ends.high) == (round(50 / 7000, 4), round(1950 / 7000, 4))


def test_an_image_counts_once_in_the_bin_of_its_score() -> None:
    counts = image_counts(np.array([0.5, 0.1, 0.5, 0.9], np.float32), np.array([True, False, False, True]))
    assert counts.edges.tolist() == [np.float32(0.1), 0.5, np.float32(0.9)]
    assert counts.positives.tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert counts.negatives.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert counts.overlap is None
    assert counts.regions is None


def test_pixels_count_in_their_bin_and_by_the_share_of_their_region() -> None:
    maps = np.array([[[1, 2, 3], [1, 2, 3]], [[1, 1, 1], [4, 4, 4]]], np.float32)
    # Two regions in the first image, one of two diagonal pixels and one of a single pixel; none in the second.
    masks = np.array([[[1, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 0, 0]]], bool)
    masks[1, 1, 2] = True
    counts = pixel_counts(maps, masks)
    assert counts.edges.tolist() == [1, 2, 3, 4]
    assert counts.positives.tolist() == [[1, 1, 0, 0], [0, 0, 0, 1]]
    assert counts.negatives.tolist() == [[1, 1, 2, 0], [3, 0, 0, 2]]
    assert counts.overlap is not None
    assert counts.overlap.tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0, 1]]
    assert counts.regions is not None
    assert counts.regions.tolist() == [1, 1]
    # Pairs within one bin are 1 x 4, 1 x 1 and 1 x 2 of 3 x 9.
    assert bootstrap.discretisation(counts) == pytest.approx(7 / (2 * 27))


def test_half_of_the_edges_are_quantiles_of_the_anomalous_pixels() -> None:
    maps = np.arange(100 * 100, dtype=np.float32).reshape(1, 100, 100)
    masks = np.zeros(maps.shape, bool)
    masks[0, 99, :] = True
    edges = pixel_counts(maps, masks).edges
    shares = np.arange(2048) / 2048
    expected = {*np.floor(shares * 10000).tolist(), *(9900 + np.floor(shares * 100)).tolist()}
    assert set(edges.tolist()) == expected


@pytest.mark.parametrize("seed", range(3))
def test_where_each_value_is_a_bin_resamples_have_the_exact_metrics_of_their_images(seed: int) -> None:
    predictions = in_levels(seed)
    weights = resample(predictions.labels.astype(np.int64), resamples=4, seed=seed)
    images = image_metrics(image_counts(predictions.scores, predictions.labels), weights)
    pixels = pixel_metrics(pixel_counts(predictions.maps, predictions.masks), weights)
    assert images.keys() | pixels.keys() == vars(metrics.metrics(predictions)).keys()
    for index, row in enumerate(weights):
        resampled = repeat(predictions, row)
        exact, raw = metrics.metrics(resampled), metrics.raw_metrics(resampled)
        # `score > t` at the threshold t that maximises F1 of `score >= t`.
        strict = metrics.f1(resampled.scores > metrics.thresholds(resampled).image, resampled.labels)
        expected_images = {"image_auroc": raw.image_auroc, "image_f1": strict, "image_ap": exact.image_ap}
        assert {name: values[index] for name, values in images.items()} == pytest.approx(expected_images, abs=1e-6)
        expected_pixels = {
            "pixel_auroc": raw.pixel_auroc,
            "pixel_f1": raw.pixel_f1,
            "pixel_ap": exact.pixel_ap,
            "aupro": exact.aupro,
        }
        assert {name: values[index] for name, values in pixels.items()} == pytest.approx(expected_pixels, abs=1e-6)


def test_a_bin_that_a_resample_has_no_item_in_is_no_threshold() -> None:
    counts = image_counts(np.array([1, 2, 3], np.float32), np.array([False, True, True]))
    curve = Curve.from_counts(counts, np.array([[1, 0, 2], [1, 1, 1]]))
    assert curve.f1().tolist() == [[0.8, -1.0, 1.0], [0.8, 1.0, pytest.approx(2 / 3)]]
    assert curve.best_bin().tolist() == [2, 1]


def test_the_highest_score_alone_predicts_nothing_above_it() -> None:
    counts = image_counts(np.array([1, 2], np.float32), np.array([False, True]))
    assert image_metrics(counts, np.array([[1, 1]]))["image_f1"].tolist() == [0.0]


def test_overlap_is_cut_off_at_the_limit_by_interpolation() -> None:
    # Of 10 normal pixels 1 is above the region, 4 share its bin, 5 are below: rates 0.1, 0.5, 1.
    counts = Counts(
        positives=np.array([[0.0, 2.0, 0.0]]),
        negatives=np.array([[5.0, 4.0, 1.0]]),
        edges=np.arange(3, dtype=np.float32),
        overlap=np.array([[0.0, 1.0, 0.0]]),
        regions=np.array([1.0]),
    )
    # A triangle of width 0.2 and height 0.5.
    assert pixel_metrics(counts, np.ones((1, 1), np.int64))["aupro"].tolist() == [pytest.approx(0.05 / 0.3)]


def test_resamples_follow_from_the_seed() -> None:
    strata = np.array([0, 0, 0, 1, 1])
    weights = resample(strata, resamples=50, seed=3)
    assert weights.tolist() == resample(strata, resamples=50, seed=3).tolist()
    assert weights.tolist() != resample(strata, resamples=50, seed=4).tolist()
    assert resample(strata, resamples=50).tolist() == resample(strata, resamples=50, seed=bootstrap.SEED).tolist()
    # Every count from none to all occurs.
    assert set(np.unique(weights[:, 3])) == {0, 1, 2}


def test_resamples_are_measured_a_hundred_at_a_time() -> None:
    weights = np.arange(250)[:, None]
    parts = list(bootstrap.chunks(weights))
    assert [len(part) for part in parts] == [100, 100, 50]
    assert np.concatenate(parts).tolist() == weights.tolist()


def test_resamples_without_an_anomalous_item_do_not_count() -> None:
    counts = image_counts(np.array([1, 2, 3], np.float32), np.array([False, True, True]))
    measured = []

    def measure(counts: Counts, weights: np.ndarray) -> dict[str, np.ndarray]:
        measured.extend(weights.tolist())
        return {"first": weights[:, 0] / 10, "second": weights[:, 1] / 10}

    ends = bootstrap.intervals(measure, counts, np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1], [3, 0, 0]]))
    assert measured == [[1, 1, 0], [1, 0, 1]]
    assert (ends["first"].low, ends["first"].high) == (0.1, 0.1)
    assert (ends["second"].low, ends["second"].high) == (0.0025, 0.0975)


@pytest.mark.parametrize(
    ("ends", "value", "expected"),
    [
        ((1.0, 1.0), 1.0, (0.95, 1.0)),
        ((0.92, 0.97), 0.9744, (0.92, 1.0)),
        ((0.3, 0.8), 0.5, (0.3, 0.8)),
        ((0, 0), 0, (0, 0.05)),
    ],
)
def test_an_interval_reaches_one_image_to_either_side_of_its_value(
    ends: tuple[float, float], value: float, expected: tuple[float, float]
) -> None:
    around = bootstrap.around(Interval(low=ends[0], high=ends[1]), value, 0.05)
    assert (around.low, around.high) == pytest.approx(expected, abs=1e-4)
