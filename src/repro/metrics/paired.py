"""Paired bootstrap: whether two models differ on the same test images.

Intervals of single models may overlap although one is better on nearly every image, and the reverse. Here both models
are evaluated on the same resamples, so that what makes an image hard for both cancels.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from repro.metrics.bootstrap import LEVEL, Curve, chunks, image_counts, resample
from repro.records.comparison import ComparisonRecord
from repro.records.metrics import ImageScore

#: Standard errors from zero of a difference that is found with a power of 80 % at a level of 5 %, two-sided.
DETECTABLE = 2.80
DECIMALS = 4

#: Scores of one training, in the order of the test images.
Scores = Sequence[ImageScore]
Floats = NDArray[np.float64]


def compare(cells: Mapping[tuple[str, str], Sequence[Scores]], good: str) -> list[ComparisonRecord]:
    """Compare all pairs of variants by image AUROC, by category and in the mean over the categories that both have.

    `cells` holds the image scores of each seed by variant and category, `good` is the defect type of normal images. In
    a category all variants are evaluated on the same resamples; those of different categories are independent.
    """
    variants, categories = (list(dict.fromkeys(key[place] for key in cells)) for place in (0, 1))
    measured = {key: _aurocs(seeds, good, categories.index(key[1])) for key, seeds in cells.items()}
    found: list[tuple[str, str, str | None, float, Floats]] = []
    for first, second in combinations(variants, 2):
        shared = [one for one in categories if (first, one) in measured and (second, one) in measured]
        points = [measured[first, one][0] - measured[second, one][0] for one in shared]
        resamples = [measured[first, one][1] - measured[second, one][1] for one in shared]
        found += [(first, second, *one) for one in zip(shared, points, resamples, strict=True)]
        if len(shared) > 1:
            found.append((first, second, None, float(np.mean(points)), np.mean(resamples, axis=0)))
    adjusted = holm([p_value(resamples) for *_, resamples in found])
    return [_record(*one, p) for one, p in zip(found, adjusted, strict=True)]


def holm(values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number. Source: Holm, Scandinavian Journal of Statistics 6, 1979."""
    adjusted, largest = [0.0] * len(values), 0.0
    for rank, index in enumerate(np.argsort(values, kind="stable")):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = largest
    return adjusted


def p_value(differences: Floats) -> float:
    """Two-sided p-value of no difference from resamples [R], never below 2 / (R + 1)."""
    tails = (np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0))
    return min(1.0, 2 * (1 + min(tails)) / (len(differences) + 1))


def _aurocs(seeds: Sequence[Scores], good: str, seed: int) -> tuple[float, Floats]:
    """Image AUROC, mean over the seeds, of all images and of each resample."""
    values = [_by_name(scores) for scores in seeds]
    labels = np.array([score.defect != good for score in sorted(seeds[0], key=lambda score: score.image)])
    # Not the seed of the intervals, and another for each category.
    weights = resample(labels.astype(np.int64), seed=seed)
    counts = [image_counts(scores, labels) for scores in values]
    resampled = [np.concatenate([Curve.from_counts(one, part).auroc() for part in chunks(weights)]) for one in counts]
    return float(np.mean([roc_auc_score(labels, scores) for scores in values])), np.mean(resampled, axis=0)


def _by_name(scores: Scores) -> NDArray[np.float32]:
    return np.array([score.score for score in sorted(scores, key=lambda score: score.image)], np.float32)


def _record(
    first: str, second: str, category: str | None, difference: float, resamples: Floats, p_adjusted: float
) -> ComparisonRecord:
    low, high = np.quantile(resamples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return ComparisonRecord(
        first=first,
        second=second,
        category=category,
        metric="image_auroc",
        # Without a negative zero.
        difference=round(float(difference), DECIMALS) + 0.0,
        low=round(min(float(low), difference), DECIMALS) + 0.0,
        high=round(max(float(high), difference), DECIMALS) + 0.0,
        p_adjusted=round(p_adjusted, DECIMALS),
        detectable=round(DETECTABLE * float(resamples.std()), DECIMALS),
    )
