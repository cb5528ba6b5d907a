"""Bounds of AUROC, average precision and F1 for quantised scores.

Quantised scores no longer say which of two equal ones was higher, and a score read back from an image file has an
error. The metric of the exact scores lies between these bounds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """Lower and upper bound of a metric, in [0, 1]."""

    low: float
    high: float


@dataclass(frozen=True)
class Levels:
    """Numbers of anomalous and normal items at each level, in ascending order, [L]."""

    positive: Floats
    negative: Floats

    @classmethod
    def from_scores(cls, scores: Floats, labels: NDArray[np.bool_]) -> "Levels":
        _, index = np.unique(scores.ravel(), return_inverse=True)
        positive = np.bincount(index, weights=labels.ravel()).astype(np.float64)
        return cls(positive, np.bincount(index).astype(np.float64) - positive)


def tie_bounds(scores: NDArray[np.floating], labels: NDArray[np.bool_], error: float = 0.0) -> dict[str, Bounds]:
    """Bound `auroc`, `ap`, the highest `f1`, and `strict_f1`, over every order that the scores leave open.

    Args:
        scores: of any shape; higher is more anomalous.
        labels: of the same shape; True is anomalous. Both labels must occur.
        error: the order of two scores that differ by no more than this is left open.
    """
    shift = np.where(labels, error / 2, -error / 2)
    worst, best = Levels.from_scores(_exact(scores - shift), labels), Levels.from_scores(_exact(scores + shift), labels)
    worst_f1, best_f1 = _highest_f1(worst, positives_first=False), _highest_f1(best, positives_first=True)
    return {
        "auroc": Bounds(_auroc(worst, positives_first=False), _auroc(best, positives_first=True)),
        "ap": Bounds(_average_precision(worst, positives_first=False), _average_precision(best, positives_first=True)),
        "f1": Bounds(worst_f1[0], best_f1[0]),
        "strict_f1": Bounds(worst_f1[1], best_f1[1]),
    }


def _exact(scores: NDArray[np.floating]) -> Floats:
    """Round, so that scores shifted onto each other are equal despite float32."""
    return scores.astype(np.float64).round(6)


def _auroc(levels: Levels, *, positives_first: bool) -> float:
    """Share of (positive, negative) pairs in the right order; ties count where `positives_first`."""
    positive, negative = levels.positive, levels.negative
    below = np.cumsum(negative) - (0 if positives_first else negative)
    return float((positive * below).sum() / (positive.sum() * negative.sum()))


def _average_precision(levels: Levels, *, positives_first: bool) -> float:
    """Mean precision at the positives, from the highest score down."""
    positive, negative = levels.positive, levels.negative
    true_above = np.cumsum(positive[::-1])[::-1] - positive
    false_above = np.cumsum(negative[::-1])[::-1] - (negative if positives_first else 0)
    total = 0.0
    for level in np.flatnonzero(positive):
        true = true_above[level] + np.arange(1, positive[level] + 1)
        total += (true / (true + false_above[level])).sum()
    return float(total / positive.sum())


def _highest_f1(levels: Levels, *, positives_first: bool) -> tuple[float, float]:
    """Highest F1 of `score >= t`, and F1 of `score > t` at the same t, which misses the item of score t.

    anomalib chooses the threshold by the first rule and predicts by the second.
    """
    positive, negative = levels.positive[::-1], levels.negative[::-1]
    true, false = np.cumsum(positive), np.cumsum(negative) - (negative if positives_first else 0)
    f1 = 2 * true / (true + false + positive.sum())
    best = int(f1.argmax())
    strict = 2 * (true[best] - 1) / (true[best] - 1 + false[best] + positive.sum())
    return float(f1[best]), float(strict)
