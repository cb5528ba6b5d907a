"""Cross-fit: predictions in, F1 at thresholds that no judged image has entered, and what the leak was worth, out.

The published study chooses the threshold on the images whose F1 it reports. Here the same test images are split into
two halves, and each is judged at the threshold that maximises F1 on the other; F1 is taken over all decisions together.
Model, images and the rule `score >= threshold` are the same, so that the difference is the leak and nothing else.
"""

import numpy as np
from numpy.typing import NDArray

from repro.data.layout import defect_of
from repro.metrics.bootstrap import Counts, Curve, chunks, interval, weights
from repro.metrics.detection import best_threshold
from repro.records.metrics import Fold, Leak, SoundRecord, Thresholds
from repro.records.predictions import Bools, Floats, Predictions

Halves = NDArray[np.int64]


def halves(images: NDArray[np.str_]) -> Halves:
    """0 or 1 for each image [N]: those of a defect type alternate in the order of their names.

    A type with an odd number hands its turn on to the next, so that the halves differ in size by at most one.
    """
    half = np.zeros(len(images), np.int64)
    turn = 0
    kinds = np.array([defect_of(str(image)) for image in images])
    for kind in np.unique(kinds):
        rows = np.flatnonzero(kinds == kind)
        rows = rows[np.argsort(images[rows])]
        half[rows] = (turn + np.arange(len(rows))) % 2
        turn = (turn + len(rows)) % 2
    return half


def sound(predictions: Predictions, images: Counts, pixels: Counts) -> SoundRecord | None:
    """F1 with cross-fitted thresholds, and the leak with its interval; None where a half holds no defect.

    `images` and `pixels` are the bootstrap's counts of these predictions. Resamples are drawn half by half and label by
    label, so that no image of a resample stands on both sides.
    """
    half = halves(predictions.images)
    if not all(predictions.masks[half == side].any() for side in (0, 1)):
        return None
    drawn = weights(2 * half + predictions.labels)
    at = {
        "image": _thresholds(predictions.scores, predictions.labels, half),
        "pixel": _thresholds(predictions.maps, predictions.masks, half),
    }
    first, second = (
        Fold(
            thresholds=Thresholds(image=float(at["image"][side]), pixel=float(at["pixel"][side])),
            chosen_on=tuple(str(image) for image in predictions.images[half == 1 - side]),
            judged=tuple(str(image) for image in predictions.images[half == side]),
        )
        for side in (0, 1)
    )
    return SoundRecord(
        folds=(first, second),
        image_f1=_out_of_fold(predictions.scores, predictions.labels, half, at["image"]),
        pixel_f1=_out_of_fold(predictions.maps, predictions.masks, half, at["pixel"]),
        image_leak=_leak(predictions.scores, predictions.labels, half, at["image"], images, drawn),
        pixel_leak=_leak(predictions.maps, predictions.masks, half, at["pixel"], pixels, drawn),
    )


def _thresholds(values: Floats, truth: Bools, half: Halves) -> list[np.float32]:
    """For each half the threshold that maximises F1 on the other; values and truth are [N] or [N, H, W]."""
    others = [half == 1 - side for side in (0, 1)]
    return [best_threshold(values[other].ravel(), truth[other].ravel()) for other in others]


def _out_of_fold(values: Floats, truth: Bools, half: Halves, at: list[np.float32]) -> float:
    """F1 of all decisions, each half judged at its own threshold."""
    predicted = values >= np.where(half == 0, at[0], at[1]).reshape(-1, *[1] * (values.ndim - 1))
    hits = int((predicted & truth).sum())
    return round(2 * hits / (int(predicted.sum()) + int(truth.sum())), 6)


def _leak(
    values: Floats, truth: Bools, half: Halves, at: list[np.float32], counts: Counts, drawn: NDArray[np.int64]
) -> Leak:
    """F1 at the threshold of all images less F1 at those of the other half; every resample chooses its own."""
    best = best_threshold(values.ravel(), truth.ravel())
    points = _out_of_fold(values, truth, half, [best, best]) - _out_of_fold(values, truth, half, at)
    found = interval(np.concatenate([_leaks(counts, part, half) for part in chunks(drawn)]))
    return Leak(points=round(100 * points, 4), low=round(100 * found.low, 2), high=round(100 * found.high, 2))


def _leaks(counts: Counts, drawn: NDArray[np.int64], half: Halves) -> NDArray[np.float64]:
    """The leak of each row of `drawn` [R, N]; both thresholds of a resample are chosen among the bins."""
    sides = [Curve.of(counts, drawn * (half == side)) for side in (0, 1)]
    whole = Curve.of(counts, drawn)
    rows = np.arange(len(drawn))
    hits = predicted = np.zeros(len(drawn))
    for side in (0, 1):
        place = sides[1 - side].best()
        hits = hits + sides[side].true_positives[rows, place]
        predicted = predicted + sides[side].true_positives[rows, place] + sides[side].false_positives[rows, place]
    fair = 2 * hits / np.maximum(predicted + whole.true_positives[:, 0], 1)
    return whole.f1().max(axis=1) - fair
