"""Ranking metrics of a similarity search: precision, recall and average precision, measured and by chance.

An image is relevant to a query of the same defect type; `good` is such a type. A query without a relevant candidate has
no recall and is left out. Chance is exact: the mean over all orders of the candidates.
"""

from collections.abc import Sequence

import numpy as np

from repro.records.retrieval import RankingScores

DEPTH = 5
DECIMALS = 6


def measured(rankings: Sequence[Sequence[bool]]) -> RankingScores:
    """Average over queries; each ranking lists all candidates, best first, True where relevant."""
    return _mean([_scores(np.asarray(ranking, float)) for ranking in rankings if any(ranking)])


def chance(rankings: Sequence[Sequence[bool]]) -> RankingScores:
    """Average over the same queries the expected scores of a random order."""
    return _mean([_expected_scores(len(ranking), sum(ranking)) for ranking in rankings if any(ranking)])


def _scores(relevant: np.ndarray) -> tuple[float, ...]:
    hits = np.cumsum(relevant)
    precision = hits / np.arange(1, len(relevant) + 1)
    depth = min(DEPTH, len(relevant))
    return relevant[0], precision[depth - 1], (precision * relevant).sum() / hits[-1], hits[depth - 1] / hits[-1]


def _expected_scores(count: int, relevant: int) -> tuple[float, ...]:
    """Expected precision at 1 and 5, average precision and recall at 5 of `count` candidates in random order.

    With n candidates, r of them `relevant`, the expected average precision is the sum over ranks k of
    1/(n k) (1 + (k - 1)(r - 1)/(n - 1)): rank k is relevant with probability r/n, and each rank before it is then
    relevant with probability (r - 1)/(n - 1).
    """
    ranks = np.arange(1, count + 1)
    others = (relevant - 1) / (count - 1) if count > 1 else 0.0
    average = ((1 + (ranks - 1) * others) / ranks).sum() / count
    return relevant / count, relevant / count, average, min(DEPTH, count) / count


def _mean(values: Sequence[tuple[float, ...]]) -> RankingScores:
    means = np.mean(values, axis=0) if values else np.zeros(4)
    names = ("precision_at_1", "precision_at_5", "mean_average_precision", "recall_at_5")
    return RankingScores(**{name: round(float(mean), DECIMALS) for name, mean in zip(names, means, strict=True)})
