import numpy as np
import pytest
from example_predictions import random_predictions

from repro.data.layout import defect_of
from repro.metrics import detection as metrics
from repro.metrics.bootstrap import image_counts, interval, pixel_counts, resample
from repro.metrics.crossfit import cross_fit, halves, random_halves
from repro.records.metrics import SoundRecord
from repro.records.predictions import Predictions


def cross_fitted(predictions: Predictions) -> SoundRecord | None:
    return cross_fit(
        predictions,
        image_counts(predictions.scores, predictions.labels),
        pixel_counts(predictions.maps, predictions.masks),
    )


def test_defect_types_alternate_and_odd_ones_balance_each_other() -> None:
    names = [f"grid/test/{kind}/{row:03d}.png" for kind in ("bent", "broken", "good") for row in range(3)]
    half = halves(np.array(names))
    assert half.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0]


def test_the_split_follows_from_the_names_alone() -> None:
    predictions = random_predictions(0)
    order = np.random.default_rng(1).permutation(12)
    assert halves(predictions.images[order]).tolist() == halves(predictions.images)[order].tolist()


def test_no_image_is_evaluated_at_a_threshold_chosen_on_it() -> None:
    record = cross_fitted(random_predictions(0))
    assert record
    for fold in record.folds:
        assert not set(fold.chosen_on) & set(fold.judged)
    assert sorted(record.folds[0].judged + record.folds[1].judged) == sorted(map(str, random_predictions(0).images))


@pytest.mark.parametrize("seed", range(3))
def test_f1_is_that_of_all_decisions_at_the_thresholds_of_the_other_half(seed: int) -> None:
    predictions = random_predictions(seed)
    record = cross_fitted(predictions)
    assert record
    predicted = np.zeros(12, bool)
    for fold in record.folds:
        chosen = np.isin(predictions.images, fold.chosen_on)
        best = max(
            metrics.f1(predictions.scores[chosen] >= t, predictions.labels[chosen]) for t in predictions.scores[chosen]
        )
        threshold = np.float32(fold.thresholds.image)
        assert metrics.f1(predictions.scores[chosen] >= threshold, predictions.labels[chosen]) == pytest.approx(best)
        predicted[~chosen] = predictions.scores[~chosen] >= threshold
    assert record.image_f1 == pytest.approx(metrics.f1(predicted, predictions.labels), abs=1e-6)


def test_the_leak_is_the_difference_to_f1_at_the_threshold_of_all_images() -> None:
    predictions = random_predictions(2)
    record, raw = cross_fitted(predictions), metrics.raw_metrics(predictions)
    assert record
    assert record.image_leak.points == pytest.approx(100 * (raw.image_f1 - record.image_f1), abs=1e-3)
    assert record.pixel_leak.points == pytest.approx(100 * (raw.pixel_f1 - record.pixel_f1), abs=1e-3)
    assert record.image_leak.low <= record.image_leak.points <= record.image_leak.high


def test_scores_that_separate_leak_nothing() -> None:
    predictions = random_predictions(0)
    separate = Predictions(
        scores=predictions.labels.astype(np.float32),
        maps=predictions.masks.astype(np.float32),
        masks=predictions.masks,
        labels=predictions.labels,
        images=predictions.images,
    )
    record = cross_fitted(separate)
    assert record
    assert (record.image_f1, record.pixel_f1) == (1.0, 1.0)
    assert (record.image_leak.points, record.image_leak.low, record.image_leak.high) == (0.0, 0.0, 0.0)


def test_a_half_without_a_defect_has_no_sound_f1() -> None:
    predictions = random_predictions(0)
    masks = predictions.masks & (halves(predictions.images) == 0)[:, None, None]
    bare = Predictions(predictions.scores, predictions.maps, masks, predictions.labels, predictions.images)
    assert cross_fitted(bare) is None


def highest_f1(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Highest F1 of `score >= t`, and the lowest t that reaches it."""
    f1 = {float(t): metrics.f1(scores >= t, labels) for t in np.unique(scores)}
    best = max(f1.values())
    return best, min(t for t, value in f1.items() if value == best)


def leak(predictions: Predictions, half: np.ndarray, weights: np.ndarray) -> float:
    """The leak of one resample, of which each image is repeated as often as it was drawn."""
    scores, labels, sides = (np.repeat(array, weights) for array in (predictions.scores, predictions.labels, half))
    thresholds = [highest_f1(scores[sides != side], labels[sides != side])[1] for side in (0, 1)]
    cross_fitted = metrics.f1(scores >= np.where(sides == 0, *thresholds), labels)
    return highest_f1(scores, labels)[0] - cross_fitted


def test_the_interval_of_the_leak_is_that_of_resamples_within_each_half() -> None:
    predictions = random_predictions(2)
    half = halves(predictions.images)
    weights = resample(2 * half + predictions.labels)
    ends = interval(np.array([leak(predictions, half, row) for row in weights]))
    record = cross_fitted(predictions)
    assert record
    assert (record.image_leak.low, record.image_leak.high) == (round(100 * ends.low, 2), round(100 * ends.high, 2))
    assert record.image_leak.low < record.image_leak.high


def test_pixels_are_cross_fitted_like_images() -> None:
    predictions = random_predictions(1)
    record = cross_fitted(predictions)
    assert record
    predicted = np.zeros(predictions.masks.shape, bool)
    for fold in record.folds:
        chosen = np.isin(predictions.images, fold.chosen_on)
        threshold = metrics.best_threshold(predictions.maps[chosen].ravel(), predictions.masks[chosen].ravel())
        assert fold.thresholds.pixel == float(threshold)
        predicted[~chosen] = predictions.maps[~chosen] >= threshold
    assert record.pixel_f1 == round(metrics.f1(predicted, predictions.masks), 6)
    assert record.pixel_leak.low <= record.pixel_leak.points <= record.pixel_leak.high
    assert record.pixel_leak.low < record.pixel_leak.high


def test_the_halves_are_the_folds_in_order() -> None:
    predictions = random_predictions(0)
    half = halves(predictions.images)
    record = cross_fitted(predictions)
    assert record
    for side, fold in enumerate(record.folds):
        assert fold.judged == tuple(predictions.images[half == side].tolist())
        assert fold.chosen_on == tuple(predictions.images[half != side].tolist())


def test_numbers_are_rounded_as_results_keep_them() -> None:
    record = cross_fitted(random_predictions(2))
    assert record
    for value, decimals in (
        (record.image_f1, 6),
        (record.pixel_f1, 6),
        (record.image_leak.points, 4),
        (record.pixel_leak.points, 4),
        (record.image_leak.low, 2),
        (record.pixel_leak.high, 2),
    ):
        assert value == round(value, decimals)


def test_random_splits_halve_every_defect_type() -> None:
    predictions = random_predictions(0)
    drawn = random_halves(predictions.images, splits=20)
    defects = np.array([defect_of(str(image)) for image in predictions.images])
    assert drawn.shape == (20, len(predictions.images))
    for row in drawn:
        for defect in set(defects):
            sizes = np.bincount(row[defects == defect], minlength=2)
            assert abs(int(sizes[0]) - int(sizes[1])) <= 1
    assert len({tuple(row) for row in drawn}) > 1
    assert (drawn == random_halves(predictions.images, splits=20)).all()


@pytest.mark.parametrize("seed", range(3))
def test_the_leak_over_splits_and_leave_one_out_is_that_of_its_definition(seed: int) -> None:
    """Of image F1, whose bins lose nothing: each split and each image computed anew."""
    predictions = random_predictions(seed)
    record = cross_fitted(predictions)
    assert record is not None and record.repeated is not None
    labels, scores = predictions.labels, predictions.scores
    best = metrics.f1(scores >= metrics.best_threshold(scores, labels), labels)

    def leak(groups: np.ndarray) -> float:
        predicted = np.zeros(len(labels), bool)
        for group in np.unique(groups):
            own = groups == group
            predicted[own] = scores[own] >= metrics.best_threshold(scores[~own], labels[~own])
        return 100 * (best - metrics.f1(predicted, labels))

    splits = [leak(half) for half in random_halves(predictions.images)]
    assert record.repeated.splits == len(splits)
    assert record.repeated.image.mean == pytest.approx(np.mean(splits), abs=0.006)
    assert record.repeated.image.leave_one_out == pytest.approx(leak(np.arange(len(labels))), abs=0.006)
    assert record.repeated.image.low <= record.repeated.image.mean <= record.repeated.image.high
