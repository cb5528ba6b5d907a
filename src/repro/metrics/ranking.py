"""Ranking: which of what came back is relevant, in order, to precision, recall and average precision, and to chance.

Relevant to a query is an image of its defect type, `good` among them. A query to which nothing that may come back is
relevant has no recall and is left out. Chance is exact: the mean over all orders of what may come back.
"""

from collections.abc import Sequence

import numpy as np

from repro.records.retrieval import RankingScores

DEPTH = 5
DECIMALS = 6


def measured(rankings: Sequence[Sequence[bool]]) -> RankingScores:
    """Means over queries; each ranking holds all that may come back, best first, True where it is relevant."""
    return _mean([_one(np.asarray(ranking, float)) for ranking in rankings if any(ranking)])


def chance(rankings: Sequence[Sequence[bool]]) -> RankingScores:
    """What the same queries get from an order drawn at random."""
    return _mean([_random(len(ranking), sum(ranking)) for ranking in rankings if any(ranking)])


def _one(relevant: np.ndarray) -> tuple[float, ...]:
    found = np.cumsum(relevant)
    precision = found / np.arange(1, len(relevant) + 1)
    depth = min(DEPTH, len(relevant))
    return relevant[0], precision[depth - 1], (precision * relevant).sum() / found[-1], found[depth - 1] / found[-1]


def _random(count: int, relevant: int) -> tuple[float, ...]:
    """Of `count` in random order, `relevant` of them relevant: precision at 1 and 5, average precision, recall at 5.

    The mean average precision is the sum over places k of 1/(n k) (1 + (k - 1)(r - 1)/(n - 1)): a place is relevant
    with chance r/n, and each place before it then with (r - 1)/(n - 1).
    """
    places = np.arange(1, count + 1)
    others = (relevant - 1) / (count - 1) if count > 1 else 0.0
    average = ((1 + (places - 1) * others) / places).sum() / count
    return relevant / count, relevant / count, average, min(DEPTH, count) / count


def _mean(values: Sequence[tuple[float, ...]]) -> RankingScores:
    means = np.mean(values, axis=0) if values else np.zeros(4)
    names = ("precision_at_1", "precision_at_5", "mean_average_precision", "recall_at_5")
    return RankingScores(**{name: round(float(mean), DECIMALS) for name, mean in zip(names, means, strict=True)})
