"""Detection metrics as the published study and anomalib define them, computed on numpy arrays.

Scores and maps are float32 and raw, in the units of the model. `labels` and `masks` are True where anomalous.
"""

from functools import lru_cache

import numpy as np
from scipy.ndimage import label
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score

from repro.records.metrics import Metrics, RawMetrics, Thresholds
from repro.records.predictions import Bools, Floats, Predictions

DECIMALS = 6


def thresholds(predictions: Predictions) -> Thresholds:
    """Choose the thresholds that maximise F1 on the same images, as the published study does; this is its leak."""
    return Thresholds(
        image=float(best_threshold(predictions.scores, predictions.labels)),
        pixel=float(best_threshold(*by_value(predictions))),
    )


@lru_cache(maxsize=1)
def by_value(predictions: Predictions) -> tuple[Floats, Bools]:
    """All values of the maps, highest first, and the masks in that order: what is sorted takes no time to sort."""
    order = np.argsort(predictions.maps, axis=None, kind="stable")[::-1]
    return predictions.maps.ravel()[order], predictions.masks.ravel()[order]


def best_threshold(scores: Floats, truth: Bools) -> np.float32:
    """Find the lowest score t among `scores` [N] for which F1 of `score >= t` is highest."""
    precision, recall, candidates = precision_recall_curve(truth, scores)
    f1 = 2 * precision * recall / (precision + recall + 1e-10)
    # The last point, precision 1 and recall 0, has no threshold.
    return np.float32(candidates[np.argmax(f1[:-1])])


def normalise(values: Floats, threshold: float) -> Floats:
    """Normalise as anomalib does: map `threshold` to 0.5 and the range of `values` to width 1, clamp to [0, 1].

    Source: anomalib 2.7, `PostProcessor._normalize`. Clamping creates ties, so that areas under curves of normalised
    values differ from those of raw ones.
    """
    low, high = np.float32(values.min()), np.float32(values.max())
    if low == high:
        return np.where(values > threshold, 1.0, np.where(values < threshold, 0.0, 0.5)).astype(np.float32)
    centred = (values - np.float32(threshold)) / (high - low) + np.float32(0.5)
    return np.clip(centred, 0.0, 1.0).astype(np.float32)


def metrics(predictions: Predictions) -> Metrics:
    """Compute all metrics of a cell under the published protocol; the four published ones equal anomalib's."""
    chosen = thresholds(predictions)
    scores = normalise(predictions.scores, chosen.image)
    values, truth = by_value(predictions)
    values = normalise(values, chosen.pixel)
    return Metrics(
        image_auroc=rounded(roc_auc_score(predictions.labels, scores)),
        # anomalib predicts anomalous only above the threshold, so that the image that set it is missed.
        image_f1=rounded(f1(scores > 0.5, predictions.labels)),
        pixel_auroc=rounded(roc_auc_score(truth, values)),
        pixel_f1=rounded(f1(values > 0.5, truth)),
        image_ap=rounded(average_precision_score(predictions.labels, predictions.scores)),
        pixel_ap=rounded(average_precision_score(truth, by_value(predictions)[0])),
        aupro=rounded(aupro(predictions.maps, predictions.masks)),
    )


def raw_metrics(predictions: Predictions) -> RawMetrics:
    """Compute the four published metrics on raw values, with the highest F1 over `score >= threshold`."""
    chosen = thresholds(predictions)
    values, truth = by_value(predictions)
    return RawMetrics(
        image_auroc=rounded(roc_auc_score(predictions.labels, predictions.scores)),
        image_f1=rounded(f1(predictions.scores >= np.float32(chosen.image), predictions.labels)),
        pixel_auroc=rounded(roc_auc_score(truth, values)),
        pixel_f1=rounded(f1(values >= np.float32(chosen.pixel), truth)),
    )


def f1(predicted: Bools, truth: Bools) -> float:
    """Compute F1 of `predicted` against `truth`, of any equal shapes; 0 without a true positive."""
    hits = int(np.count_nonzero(predicted & truth))
    marked = int(np.count_nonzero(predicted)) + int(np.count_nonzero(truth))
    return 2 * hits / max(marked, 1)


def aupro(maps: Floats, masks: Bools, limit: float = 0.3) -> float:
    """Compute the area under the per-region overlap curve up to a false positive rate of `limit`, divided by `limit`.

    Regions are the 8-connected components of the masks [N, H, W], with equal weight whatever their size. Every distinct
    value of the maps is a threshold, the false positive rate is over the normal pixels of all images, and the curve is
    linear between thresholds. All in float64. Needs at least one region and one normal pixel.

    anomalib 2.7's AUPRO has the same regions, thresholds and interpolation on a CPU, but a float32 curve: it differs by
    less than 2e-7 in the cells of the embedded study. By its source it also differs on a GPU, where labelling stops
    after 1,000 steps, which a long winding region may exceed, and in returning 0 without a region or a normal pixel.
    Source: Bergmann et al., IJCV 129, 2021, section 5.2.
    """
    weights = np.zeros(masks.shape, np.float64)
    regions = 0
    for mask, weight in zip(masks, weights, strict=True):
        components, count = label(mask, structure=np.ones((3, 3)))
        sizes = np.bincount(components.ravel())
        weight[mask] = 1.0 / sizes[components[mask]]
        regions += count
    order = np.argsort(-maps.ravel(), kind="stable")
    descending = maps.ravel()[order]
    # No threshold separates equal values, so only the last of each run is a point of the curve.
    points = np.append(descending[1:] != descending[:-1], True)
    normal = ~masks.ravel()[order]
    false_positives = np.concatenate(([0.0], np.cumsum(normal)[points] / int(normal.sum())))
    overlap = np.concatenate(([0.0], np.cumsum(weights.ravel()[order])[points] / regions))
    # Interpolate on the step that reaches the limit; a rise at exactly the limit has no width.
    end = int(np.searchsorted(false_positives, limit))
    step = (limit - false_positives[end - 1]) / (false_positives[end] - false_positives[end - 1])
    height = overlap[end - 1] + step * (overlap[end] - overlap[end - 1])
    rates = np.append(false_positives[:end], limit)
    return float(min(auc(rates, np.append(overlap[:end], height)) / limit, 1.0))


def rounded(value: float) -> float:
    """Round to the decimals of results.json."""
    return round(float(value), DECIMALS)
