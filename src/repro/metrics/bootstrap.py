"""Stratified bootstrap over images: 95 % intervals of the image and pixel metrics.

Images are resampled 2,000 times with replacement, normal and anomalous ones separately, so that every resample has as
many of each as the test set. Pixels are resampled with their image, because pixels of an image are not independent.
Each image is reduced to counts over bins of the score, so that a resample is a weighted sum of rows and all resamples
are one matrix product. For image metrics each distinct score is a bin and nothing is lost; for pixel metrics there are
at most `BINS` bins, and `discretisation` bounds the error.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from repro.records.metrics import Interval

RESAMPLES = 2000
SEED = 20261124
#: Half of the edges are quantiles of all pixels, half of the anomalous pixels.
BINS = 4096
#: Resamples per matrix product: memory stays below 100 MB.
CHUNK = 100
LEVEL = 0.95
#: False positive rate up to which AU-PRO is integrated.
PRO_LIMIT = 0.3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """Per-image histograms of the score, over ascending bins."""

    #: [N, B], anomalous items.
    positives: Floats
    #: [N, B], normal items.
    negatives: Floats
    #: [B], the lowest score of each bin.
    edges: NDArray[np.float32]
    #: [N, B], sum over pixels of 1 / size of their ground-truth region; None for image metrics.
    overlap: Floats | None = None
    #: [N], number of ground-truth regions; None for image metrics.
    regions: Floats | None = None


def image_counts(scores: NDArray[np.float32], labels: NDArray[np.bool_]) -> Counts:
    """Count the images of `scores` [N] and `labels` [N]; each distinct score is a bin."""
    edges, bins = np.unique(scores, return_inverse=True)
    rows = np.zeros((len(scores), len(edges)))
    rows[np.arange(len(scores)), bins] = 1.0
    anomalous = labels[:, None]
    return Counts(rows * anomalous, rows * ~anomalous, edges)


def pixel_counts(maps: NDArray[np.float32], masks: NDArray[np.bool_]) -> Counts:
    """Count the pixels of maps and masks [N, H, W] in at most `BINS` bins; regions are those of `detection.aupro`."""
    levels = np.arange(BINS // 2) / (BINS // 2)
    edges = np.unique(np.concatenate([_quantiles(maps.ravel(), levels), _quantiles(maps[masks], levels)]))
    count = len(edges)
    positives, negatives, overlap = (np.zeros((len(maps), count)) for _ in range(3))
    regions = np.zeros(len(maps))
    for row, (values, mask) in enumerate(zip(maps, masks, strict=True)):
        bins = np.searchsorted(edges, values, side="right") - 1
        positives[row] = np.bincount(bins[mask], minlength=count)
        negatives[row] = np.bincount(bins[~mask], minlength=count)
        components, regions[row] = label(mask, structure=np.ones((3, 3)))
        shares_of_region = 1.0 / np.bincount(components.ravel())[components[mask]]
        overlap[row] = np.bincount(bins[mask], weights=shares_of_region, minlength=count)
    return Counts(positives, negatives, edges, overlap, regions)


def _quantiles(values: NDArray[np.float32], levels: Floats) -> NDArray[np.float32]:
    """Quantiles without interpolation, so that every edge is a score that occurs."""
    return np.sort(values)[(levels * len(values)).astype(np.int64)]


def discretisation(counts: Counts) -> float:
    """Bound on the error of the AUROC by binning: half the share of (anomalous, normal) pairs that share a bin."""
    positives, negatives = counts.positives.sum(0), counts.negatives.sum(0)
    return float((positives * negatives).sum() / (2 * positives.sum() * negatives.sum()))


def resample(strata: NDArray[np.int64], resamples: int = RESAMPLES, seed: int = SEED) -> NDArray[np.int64]:
    """Draw how often each image is in each resample, [R, N], separately in each stratum of `strata` [N]."""
    random = np.random.default_rng(seed)
    weights = np.zeros((resamples, len(strata)), np.int64)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        # Counts of a draw with replacement are multinomial.
        weights[:, members] = random.multinomial(len(members), np.full(len(members), 1 / len(members)), size=resamples)
    return weights


@dataclass(frozen=True)
class Curve:
    """Operating points of R resamples, at thresholds ascending over the bins."""

    #: [R, B], weight of the items at or above the bin.
    true_positives: Floats
    false_positives: Floats
    #: [R, B], whether the resample has an item in the bin.
    occupied: NDArray[np.bool_]

    @classmethod
    def from_counts(cls, counts: Counts, weights: NDArray[np.int64]) -> "Curve":
        """Build the curve of each resample of `weights` [R, N]."""
        positives, negatives = weights @ counts.positives, weights @ counts.negatives
        return cls(_cumulate_down(positives), _cumulate_down(negatives), positives + negatives > 0)

    def f1(self) -> Floats:
        """F1 of `score >= edge`, [R, B]; -1 at empty bins."""
        total = self.true_positives[:, :1]
        values = 2 * self.true_positives / np.maximum(self.true_positives + self.false_positives + total, 1)
        return np.where(self.occupied, values, -1.0)

    def best_bin(self) -> NDArray[np.int64]:
        """Index of the lowest bin with the highest F1, [R]."""
        return np.argmax(self.f1(), axis=1)

    def auroc(self) -> Floats:
        """Area under the ROC curve, [R]; items of a bin are ties."""
        x, y = self._rates()
        return _area(x, y)

    def average_precision(self) -> Floats:
        """Average precision as scikit-learn defines it, [R]."""
        _, recall = self._rates()
        true_positives = self.true_positives[:, ::-1]
        precision = true_positives / np.maximum(true_positives + self.false_positives[:, ::-1], 1)
        return (np.diff(recall, axis=1) * precision).sum(axis=1)

    def pro(self, overlap: Floats, regions: Floats) -> Floats:
        """AU-PRO up to a false positive rate of `PRO_LIMIT`, [R], from overlap [R, B] and regions [R]."""
        x, _ = self._rates()
        y = np.concatenate([np.zeros((len(x), 1)), _cumulate_down(overlap)[:, ::-1] / regions[:, None]], axis=1)
        # Cut every step at the limit; its height there is interpolated.
        width = np.diff(np.minimum(x, PRO_LIMIT), axis=1)
        uncut = np.diff(x, axis=1)
        share = np.divide(width, uncut, out=np.zeros_like(width), where=uncut > 0)
        left, right = y[:, :-1], y[:, :-1] + share * np.diff(y, axis=1)
        return np.minimum((width * (left + right) / 2).sum(axis=1) / PRO_LIMIT, 1.0)

    def _rates(self) -> tuple[Floats, Floats]:
        """False and true positive rates from the highest threshold down, starting at zero, [R, B + 1]."""
        return _rate(self.false_positives), _rate(self.true_positives)


def _rate(cumulated: Floats) -> Floats:
    rates = cumulated[:, ::-1] / cumulated[:, :1]
    return np.concatenate([np.zeros((len(rates), 1)), rates], axis=1)


def _cumulate_down(values: Floats) -> Floats:
    return np.cumsum(values[:, ::-1], axis=1)[:, ::-1]


def _area(x: Floats, y: Floats) -> Floats:
    return (np.diff(x, axis=1) * (y[:, :-1] + y[:, 1:]) / 2).sum(axis=1)


def image_metrics(counts: Counts, weights: NDArray[np.int64]) -> dict[str, Floats]:
    """Image metrics of each resample of `weights` [R, N], as `detection.metrics` defines them but without clamping."""
    curve = Curve.from_counts(counts, weights)
    f1 = curve.f1()
    # anomalib predicts anomalous for `score > threshold`, which is `score >= t` at the next higher score t.
    above = np.concatenate([f1[:, 1:], np.zeros((len(f1), 1))], axis=1)
    best = curve.best_bin()
    strict = np.zeros(len(best))
    for row, bin_ in enumerate(best):
        higher = above[row, bin_:]
        strict[row] = higher[higher >= 0][0]
    return {"image_auroc": curve.auroc(), "image_f1": strict, "image_ap": curve.average_precision()}


def pixel_metrics(counts: Counts, weights: NDArray[np.int64]) -> dict[str, Floats]:
    """Pixel metrics of each resample of `weights` [R, N], up to the error of binning."""
    assert counts.overlap is not None and counts.regions is not None
    curve = Curve.from_counts(counts, weights)
    return {
        "pixel_auroc": curve.auroc(),
        "pixel_f1": curve.f1().max(axis=1),
        "pixel_ap": curve.average_precision(),
        "aupro": curve.pro(weights @ counts.overlap, weights @ counts.regions),
    }


def chunks(weights: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Split `weights` [R, N] into parts of at most `CHUNK` rows."""
    for start in range(0, len(weights), CHUNK):
        yield weights[start : start + CHUNK]


def intervals(
    measure: Callable[[Counts, NDArray[np.int64]], dict[str, Floats]], counts: Counts, weights: NDArray[np.int64]
) -> dict[str, Interval]:
    """Central 95 % of each metric over the resamples; resamples without an anomalous item are left out."""
    usable = weights[(weights @ counts.positives.sum(axis=1)) > 0]
    parts = [measure(counts, part) for part in chunks(usable)]
    return {name: interval(np.concatenate([part[name] for part in parts])) for name in parts[0]}


def around(ends: Interval, value: float, resolution: float) -> Interval:
    """Widen an interval so that it reaches `resolution`, one image, to either side of the value, within 0 and 1.

    The resamples of a perfect separation are all perfect, and F1 at its best threshold is biased upwards in resamples;
    neither means that other images could not change the value.
    """
    low, high = min(ends.low, max(value - resolution, 0.0)), max(ends.high, min(value + resolution, 1.0))
    return Interval(low=round(low, 4), high=round(high, 4))


def interval(values: Floats) -> Interval:
    """Central 95 % of `values` [R], rounded to 4 decimals: 2,000 resamples determine no more."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=round(float(low), 4), high=round(float(high), 4))
