"""Ties: scores of few distinct values in, the least and greatest AUROC, average precision and F1 that they allow out.

A score that was stored in levels no longer says which of two equal ones was higher, and one that was read back from a
picture is known to within an error. The metric of the exact scores lies between these bounds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """Ends of a metric, both in 0 to 1."""

    low: float
    high: float


@dataclass(frozen=True)
class Levels:
    """Anomalous and normal items at each level, from the lowest level up, [L]."""

    positive: Floats
    negative: Floats

    @classmethod
    def of(cls, scores: Floats, labels: NDArray[np.bool_]) -> "Levels":
        _, index = np.unique(scores.ravel(), return_inverse=True)
        positive = np.bincount(index, weights=labels.ravel()).astype(np.float64)
        return cls(positive, np.bincount(index).astype(np.float64) - positive)


def tie_bounds(scores: NDArray[np.floating], labels: NDArray[np.bool_], error: float = 0.0) -> dict[str, Bounds]:
    """Bounds of `auroc`, `ap`, the highest `f1`, and of `strict_f1`, over every order that the scores leave open.

    Args:
        scores: any shape; higher is more anomalous.
        labels: the same shape; True is anomalous. Both kinds must occur.
        error: of a difference of two scores: which of two that are no farther apart is higher is left open.
    """
    shift = np.where(labels, error / 2, -error / 2)
    worst, best = Levels.of(_exact(scores - shift), labels), Levels.of(_exact(scores + shift), labels)
    worst_f1, best_f1 = _highest_f1(worst, first=False), _highest_f1(best, first=True)
    return {
        "auroc": Bounds(_auroc(worst, first=False), _auroc(best, first=True)),
        "ap": Bounds(_average_precision(worst, first=False), _average_precision(best, first=True)),
        "f1": Bounds(worst_f1[0], best_f1[0]),
        "strict_f1": Bounds(worst_f1[1], best_f1[1]),
    }


def _exact(scores: NDArray[np.floating]) -> Floats:
    """Scores that were shifted onto each other are equal again, whatever float32 makes of them."""
    return scores.astype(np.float64).round(6)


def _auroc(levels: Levels, *, first: bool) -> float:
    """Pairs of a positive and a negative in the right order; those of equal ones are where positives come `first`."""
    positive, negative = levels.positive, levels.negative
    below = np.cumsum(negative) - (0 if first else negative)
    return float((positive * below).sum() / (positive.sum() * negative.sum()))


def _average_precision(levels: Levels, *, first: bool) -> float:
    """Mean precision at the positives, from the highest score down."""
    positive, negative = levels.positive, levels.negative
    true_above = np.cumsum(positive[::-1])[::-1] - positive
    false_above = np.cumsum(negative[::-1])[::-1] - (negative if first else 0)
    total = 0.0
    for level in np.flatnonzero(positive):
        true = true_above[level] + np.arange(1, positive[level] + 1)
        total += (true / (true + false_above[level])).sum()
    return float(total / positive.sum())


def _highest_f1(levels: Levels, *, first: bool) -> tuple[float, float]:
    """F1 of `score >= t` at the best threshold t, and of `score > t` there, which loses the item that has the score t.

    anomalib chooses the threshold as the first and predicts by the second.
    """
    positive, negative = levels.positive[::-1], levels.negative[::-1]
    true, false = np.cumsum(positive), np.cumsum(negative) - (negative if first else 0)
    f1 = 2 * true / (true + false + positive.sum())
    at = int(f1.argmax())
    strict = 2 * (true[at] - 1) / (true[at] - 1 + false[at] + positive.sum())
    return float(f1[at]), float(strict)
