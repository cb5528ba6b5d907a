"""Ties: scores of few distinct values in, the least and greatest AUROC and average precision that they allow out.

A score that was stored with 256 levels no longer says which of two equal ones was higher: the metric of the unrounded
scores lies between these bounds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Bounds:
    """Ends of a metric, both in 0 to 1."""

    low: float
    high: float


def tie_bounds(scores: NDArray[np.floating], labels: NDArray[np.bool_]) -> tuple[Bounds, Bounds]:
    """Bounds of AUROC and of average precision over every order of equal scores.

    Args:
        scores: any shape; higher is more anomalous.
        labels: the same shape; True is anomalous. Both kinds must occur.
    """
    levels, index = np.unique(scores.ravel(), return_inverse=True)
    positive = np.bincount(index, weights=labels.ravel(), minlength=len(levels))
    negative = np.bincount(index, minlength=len(levels)) - positive
    return _auroc(positive, negative), _average_precision(positive, negative)


def _auroc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> Bounds:
    """Pairs of a positive and a negative in the right order: those of different levels, and up to all of equal ones."""
    pairs = positive.sum() * negative.sum()
    below = np.cumsum(negative) - negative
    ordered, equal = (positive * below).sum(), (positive * negative).sum()
    return Bounds(float(ordered / pairs), float((ordered + equal) / pairs))


def _average_precision(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> Bounds:
    """Precision at each positive, from the highest score down, with the level's negatives all after or all before it."""
    low = high = 0.0
    above = np.cumsum(positive[::-1])[::-1] - positive
    false = np.cumsum(negative[::-1])[::-1] - negative
    for level in np.flatnonzero(positive):
        true = above[level] + np.arange(1, positive[level] + 1)
        high += (true / (true + false[level])).sum()
        low += (true / (true + false[level] + negative[level])).sum()
    return Bounds(float(low / positive.sum()), float(high / positive.sum()))
