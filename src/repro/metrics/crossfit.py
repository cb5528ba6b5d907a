"""Cross-fitted thresholds: F1 without the leak of choosing a threshold on the images it is evaluated on.

The published study chooses the threshold on the images whose F1 it reports. Here the test images are split into two
halves, each evaluated at the threshold that maximises F1 on the other; F1 is taken over all decisions together. Model,
images and the rule `score >= threshold` are unchanged, so the difference is the leak alone.
"""

import numpy as np
from numpy.typing import NDArray

from repro.data.layout import defect_of
from repro.metrics.bootstrap import LEVEL, SEED, Counts, Curve, chunks, interval, resample
from repro.metrics.detection import best_threshold, thresholds
from repro.records.metrics import Fold, Leak, SoundRecord, SplitLeak, SplitsRecord, Thresholds
from repro.records.predictions import Bools, Floats, Predictions

Halves = NDArray[np.int64]
#: Random splits over which the leak is averaged.
SPLITS = 200


def halves(images: NDArray[np.str_]) -> Halves:
    """Assign each image [N] to half 0 or 1; images of a defect type alternate in the order of their names.

    The alternation continues from one type to the next, so that the halves differ in size by at most one.
    """
    defects = np.array([defect_of(str(image)) for image in images])
    half = np.zeros(len(images), np.int64)
    half[np.lexsort((images, defects))] = np.arange(len(images)) % 2
    return half


def cross_fit(predictions: Predictions, images: Counts, pixels: Counts) -> SoundRecord | None:
    """Compute F1 at cross-fitted thresholds, and the leak with its interval; None where a half has no defect.

    `images` and `pixels` are the bootstrap's counts of these predictions. Resamples are stratified by half and label,
    so that no image of a resample is in both halves.
    """
    half = halves(predictions.images)
    if not all(predictions.masks[half == side].any() for side in (0, 1)):
        return None
    weights = resample(2 * half + predictions.labels)
    chosen = thresholds(predictions)
    image_thresholds = _thresholds(predictions.scores, predictions.labels, half)
    pixel_thresholds = _thresholds(predictions.maps, predictions.masks, half)
    first, second = (
        Fold(
            thresholds=Thresholds(image=float(image_thresholds[side]), pixel=float(pixel_thresholds[side])),
            chosen_on=tuple(str(image) for image in predictions.images[half == 1 - side]),
            judged=tuple(str(image) for image in predictions.images[half == side]),
        )
        for side in (0, 1)
    )
    return SoundRecord(
        folds=(first, second),
        image_f1=_out_of_fold(predictions.scores, predictions.labels, half, image_thresholds),
        pixel_f1=_out_of_fold(predictions.maps, predictions.masks, half, pixel_thresholds),
        image_leak=_leak(predictions.scores, predictions.labels, half, chosen.image, image_thresholds, images, weights),
        pixel_leak=_leak(predictions.maps, predictions.masks, half, chosen.pixel, pixel_thresholds, pixels, weights),
        repeated=_repeated(predictions, images, pixels),
    )


def random_halves(images: NDArray[np.str_], splits: int = SPLITS, seed: int = SEED) -> Halves:
    """Draw `splits` assignments of the images [N] to halves, [S, N], with each defect type split evenly."""
    random = np.random.default_rng(seed)
    order = np.lexsort((images, np.array([defect_of(str(image)) for image in images])))
    defects = np.array([defect_of(str(image)) for image in images])[order]
    drawn = np.zeros((splits, len(images)), np.int64)
    for row in drawn:
        shuffled = np.concatenate([random.permutation(order[defects == defect]) for defect in dict.fromkeys(defects)])
        row[shuffled] = (np.arange(len(images)) + random.integers(2)) % 2
    return drawn


def _repeated(predictions: Predictions, images: Counts, pixels: Counts) -> SplitsRecord | None:
    """The leak over random splits, and leave-one-out; None where too few images are anomalous."""
    drawn = random_halves(predictions.images)
    both = [(predictions.labels & (drawn == side)).any(axis=1) for side in (0, 1)]
    drawn = drawn[both[0] & both[1]]
    if not len(drawn) or predictions.labels.sum() < 2:
        return None
    return SplitsRecord(splits=len(drawn), image=_split_leak(images, drawn), pixel=_split_leak(pixels, drawn))


def _split_leak(counts: Counts, drawn: Halves) -> SplitLeak:
    everything = np.ones((1, drawn.shape[1]), np.int64)
    best = float(Curve.from_counts(counts, everything).f1().max())
    points = 100 * (
        best - np.concatenate([_cross_fitted(counts, [1 - part, part], [part, 1 - part]) for part in chunks(drawn)])
    )
    single = np.eye(drawn.shape[1], dtype=np.int64)
    hits, predicted = _decided(counts, 1 - single, single)
    one_out = 2 * hits.sum() / max(predicted.sum() + float(counts.positives.sum()), 1)
    low, high = np.quantile(points, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return SplitLeak(
        mean=round(float(points.mean()), 2),
        low=round(float(low), 2),
        high=round(float(high), 2),
        leave_one_out=round(100 * (best - float(one_out)), 2),
    )


def _cross_fitted(counts: Counts, chosen_on: list[Halves], judged: list[Halves]) -> NDArray[np.float64]:
    """F1 [R] over all decisions, from weights [R, N] of the images on which each fold chooses, and which it judges."""
    decided = [_decided(counts, first, second) for first, second in zip(chosen_on, judged, strict=True)]
    hits, predicted = (sum(fold[place] for fold in decided) for place in (0, 1))
    anomalous = sum(judged) @ counts.positives.sum(axis=1)
    return np.asarray(2 * hits / np.maximum(predicted + anomalous, 1))


def _decided(counts: Counts, chosen_on: Halves, judged: Halves) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Hits and all that is called anomalous, [R], among `judged` [R, N] at the best threshold of `chosen_on` [R, N]."""
    chosen = Curve.from_counts(counts, chosen_on).best_bin()
    curve, rows = Curve.from_counts(counts, judged), np.arange(len(judged))
    hits = curve.true_positives[rows, chosen]
    return hits, hits + curve.false_positives[rows, chosen]


def _thresholds(values: Floats, truth: Bools, half: Halves) -> list[np.float32]:
    """Threshold of each half, which maximises F1 on the other; values and truth are [N] or [N, H, W]."""
    others = [half == 1 - side for side in (0, 1)]
    return [best_threshold(values[other].ravel(), truth[other].ravel()) for other in others]


def _out_of_fold(values: Floats, truth: Bools, half: Halves, thresholds: list[np.float32]) -> float:
    """F1 of all decisions, each half evaluated at its own threshold."""
    predicted = values >= np.where(half == 0, thresholds[0], thresholds[1]).reshape(-1, *[1] * (values.ndim - 1))
    hits = int((predicted & truth).sum())
    return round(2 * hits / (int(predicted.sum()) + int(truth.sum())), 6)


def _leak(
    values: Floats,
    truth: Bools,
    half: Halves,
    chosen: float,
    thresholds: list[np.float32],
    counts: Counts,
    weights: NDArray[np.int64],
) -> Leak:
    """F1 at the threshold of all images minus F1 at cross-fitted thresholds; each resample chooses its own."""
    best = [np.float32(chosen)] * 2
    points = _out_of_fold(values, truth, half, best) - _out_of_fold(values, truth, half, thresholds)
    ends = interval(np.concatenate([_leaks(counts, part, half) for part in chunks(weights)]))
    return Leak(points=round(100 * points, 4), low=round(100 * ends.low, 2), high=round(100 * ends.high, 2))


def _leaks(counts: Counts, weights: NDArray[np.int64], half: Halves) -> NDArray[np.float64]:
    """Leak of each resample of `weights` [R, N]; thresholds are chosen among the bins."""
    folds = [weights * (half == side) for side in (0, 1)]
    return Curve.from_counts(counts, weights).f1().max(axis=1) - _cross_fitted(counts, folds[::-1], folds)
