"""Bootstrap: per-image counts of scores in, 95 % intervals of metrics out.

Images are what is drawn again, 2,000 times with replacement, normal and anomalous ones apart, so that every resample
holds as many of each as the test set. A pixel is never drawn alone: those of one image are not independent. What an
image contributes is kept as counts over bins of the score, of anomalous and of normal items, so that a resample is
a sum of rows and all resamples are one product of matrices. For image metrics each distinct score is its own bin, and
nothing is lost; for pixel metrics `BINS` bins hold equal shares of the pixels, and `discretisation` bounds the loss.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from repro.records.metrics import Interval

RESAMPLES = 2000
SEED = 20261124
#: Half of them hold equal shares of all pixels, half equal shares of the anomalous ones.
BINS = 4096
#: Resamples at a time: memory stays below 100 MB.
CHUNK = 100
LEVEL = 0.95
#: False positive rate up to which AU-PRO is integrated.
PRO_LIMIT = 0.3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """What each image adds to each bin of the score; bins ascend."""

    #: [N, B], anomalous items.
    positives: Floats
    #: [N, B], normal items.
    negatives: Floats
    #: [B], the least score of each bin.
    edges: NDArray[np.float32]
    #: [N, B], of each ground-truth region 1 over its size for each of its pixels; None for image metrics.
    overlap: Floats | None = None
    #: [N], ground-truth regions; None for image metrics.
    regions: Floats | None = None


def image_counts(scores: NDArray[np.float32], labels: NDArray[np.bool_]) -> Counts:
    """Each distinct score of `scores` [N] is a bin: nothing is lost."""
    edges, bins = np.unique(scores, return_inverse=True)
    rows = np.zeros((len(scores), len(edges)))
    rows[np.arange(len(scores)), bins] = 1.0
    anomalous = labels[:, None]
    return Counts(rows * anomalous, rows * ~anomalous, edges)


def pixel_counts(maps: NDArray[np.float32], masks: NDArray[np.bool_]) -> Counts:
    """Counts of the pixels of maps and masks [N, H, W] in at most `BINS` bins; regions as `metrics.aupro` has them."""
    shares = np.arange(BINS // 2) / (BINS // 2)
    edges = np.unique(np.concatenate([_quantiles(maps.ravel(), shares), _quantiles(maps[masks], shares)]))
    count = len(edges)
    positives, negatives, overlap = (np.zeros((len(maps), count)) for _ in range(3))
    regions = np.zeros(len(maps))
    for row, (values, mask) in enumerate(zip(maps, masks, strict=True)):
        bins = np.searchsorted(edges, values, side="right") - 1
        positives[row] = np.bincount(bins[mask], minlength=count)
        negatives[row] = np.bincount(bins[~mask], minlength=count)
        components, regions[row] = label(mask, structure=np.ones((3, 3)))
        weights = 1.0 / np.bincount(components.ravel())[components[mask]]
        overlap[row] = np.bincount(bins[mask], weights=weights, minlength=count)
    return Counts(positives, negatives, edges, overlap, regions)


def _quantiles(values: NDArray[np.float32], shares: Floats) -> NDArray[np.float32]:
    """Values at these shares of the order, without interpolation: every edge is a score that occurs."""
    return np.sort(values)[(shares * len(values)).astype(np.int64)]


def discretisation(counts: Counts) -> float:
    """The most by which binning can move the AUROC: half the share of pairs, anomalous and normal, within one bin."""
    positives, negatives = counts.positives.sum(0), counts.negatives.sum(0)
    return float((positives * negatives).sum() / (2 * positives.sum() * negatives.sum()))


def weights(strata: NDArray[np.int64], resamples: int = RESAMPLES, seed: int = SEED) -> NDArray[np.int64]:
    """How often each image is in each resample, [R, N]; images with one number in `strata` [N] are drawn apart."""
    random = np.random.default_rng(seed)
    drawn = np.zeros((resamples, len(strata)), np.int64)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        # Equal chances make the counts of one resample multinomial.
        drawn[:, members] = random.multinomial(len(members), np.full(len(members), 1 / len(members)), size=resamples)
    return drawn


@dataclass(frozen=True)
class Curve:
    """Operating points of R resamples, at thresholds that ascend over the bins."""

    #: [R, B], items with a score in the bin or above.
    true_positives: Floats
    false_positives: Floats
    #: [R, B], whether any item lies in the bin, so that its edge is a score that occurs.
    occupied: NDArray[np.bool_]

    @classmethod
    def of(cls, counts: Counts, drawn: NDArray[np.int64]) -> "Curve":
        """The curve of each row of `drawn` [R, N]."""
        positives, negatives = drawn @ counts.positives, drawn @ counts.negatives
        return cls(_from_above(positives), _from_above(negatives), positives + negatives > 0)

    def f1(self) -> Floats:
        """F1 of `score >= edge`, [R, B]; -1 at edges that no item of the resample has."""
        total = self.true_positives[:, :1]
        values = 2 * self.true_positives / np.maximum(self.true_positives + self.false_positives + total, 1)
        return np.where(self.occupied, values, -1.0)

    def best(self) -> NDArray[np.int64]:
        """The lowest bin of highest F1, [R]."""
        return np.argmax(self.f1(), axis=1)

    def auroc(self) -> Floats:
        """Area under the receiver operating characteristic; items of one bin are ties, [R]."""
        x, y = self._rates()
        return _area(x, y)

    def average_precision(self) -> Floats:
        """Mean precision over the steps of recall, as scikit-learn has it, [R]."""
        _, recall = self._rates()
        found = self.true_positives[:, ::-1]
        precision = found / np.maximum(found + self.false_positives[:, ::-1], 1)
        return (np.diff(recall, axis=1) * precision).sum(axis=1)

    def pro(self, overlap: Floats, regions: Floats) -> Floats:
        """Area under per-region overlap up to `PRO_LIMIT`, over it; overlap [R, B] and regions [R] of the resamples."""
        x, _ = self._rates()
        y = np.concatenate([np.zeros((len(x), 1)), _from_above(overlap)[:, ::-1] / regions[:, None]], axis=1)
        # Cut off every step at the limit: its width, and its height there by interpolation.
        width = np.diff(np.minimum(x, PRO_LIMIT), axis=1)
        whole = np.diff(x, axis=1)
        share = np.divide(width, whole, out=np.zeros_like(width), where=whole > 0)
        left, right = y[:, :-1], y[:, :-1] + share * np.diff(y, axis=1)
        return np.minimum((width * (left + right) / 2).sum(axis=1) / PRO_LIMIT, 1.0)

    def _rates(self) -> tuple[Floats, Floats]:
        """False and true positive rate from the highest threshold down, beginning with zero, [R, B + 1]."""
        sides = []
        for values in (self.false_positives, self.true_positives):
            falling = values[:, ::-1] / values[:, :1]
            sides.append(np.concatenate([np.zeros((len(values), 1)), falling], axis=1))
        return sides[0], sides[1]


def _from_above(values: Floats) -> Floats:
    return np.cumsum(values[:, ::-1], axis=1)[:, ::-1]


def _area(x: Floats, y: Floats) -> Floats:
    return (np.diff(x, axis=1) * (y[:, :-1] + y[:, 1:]) / 2).sum(axis=1)


def image_metrics(counts: Counts, drawn: NDArray[np.int64]) -> dict[str, Floats]:
    """The image metrics of each row of `drawn` [R, N], as `metrics.metrics` defines them, but without the clamping."""
    curve = Curve.of(counts, drawn)
    f1 = curve.f1()
    # anomalib calls anomalous what lies above the threshold: the next higher score that occurs.
    above = np.concatenate([f1[:, 1:], np.zeros((len(f1), 1))], axis=1)
    best = curve.best()
    strict = np.zeros(len(best))
    for row, place in enumerate(best):
        later = above[row, place:]
        strict[row] = later[later >= 0][0]
    return {"image_auroc": curve.auroc(), "image_f1": strict, "image_ap": curve.average_precision()}


def pixel_metrics(counts: Counts, drawn: NDArray[np.int64]) -> dict[str, Floats]:
    """The pixel metrics of each row of `drawn` [R, N], to within the discretisation."""
    assert counts.overlap is not None and counts.regions is not None
    curve = Curve.of(counts, drawn)
    return {
        "pixel_auroc": curve.auroc(),
        "pixel_f1": curve.f1().max(axis=1),
        "pixel_ap": curve.average_precision(),
        "aupro": curve.pro(drawn @ counts.overlap, drawn @ counts.regions),
    }


def chunks(drawn: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """`drawn` [R, N] in parts of `CHUNK` rows."""
    for start in range(0, len(drawn), CHUNK):
        yield drawn[start : start + CHUNK]


def intervals(
    measure: Callable[[Counts, NDArray[np.int64]], dict[str, Floats]], counts: Counts, drawn: NDArray[np.int64]
) -> dict[str, Interval]:
    """The central 95 % of each metric over the resamples; those without an anomalous item are left out."""
    usable = drawn[(drawn @ counts.positives.sum(axis=1)) > 0]
    parts = [measure(counts, part) for part in chunks(usable)]
    return {name: interval(np.concatenate([part[name] for part in parts])) for name in parts[0]}


def interval(values: Floats) -> Interval:
    """The central 95 % of `values` [R], in 4 decimals: the resamples leave no more."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=round(float(low), 4), high=round(float(high), 4))
