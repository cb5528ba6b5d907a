from itertools import permutations
from statistics import fmean

import pytest

from repro.metrics.ranking import chance, measured


def test_measures_of_a_ranking_counted_by_hand() -> None:
    scores = measured([[True, False, True, False, False, False, True]])
    assert scores.precision_at_1 == 1.0
    assert scores.precision_at_5 == pytest.approx(2 / 5)
    # Precision at the places of the relevant: 1, 2/3, 3/7.
    assert scores.mean_average_precision == pytest.approx((1 + 2 / 3 + 3 / 7) / 3, abs=1e-6)
    assert scores.recall_at_5 == pytest.approx(2 / 3, abs=1e-6)


@pytest.mark.parametrize(("count", "relevant"), [(7, 3), (6, 1), (6, 6), (3, 2), (2, 1), (2, 2), (1, 1)])
def test_chance_is_the_mean_over_all_orders(count: int, relevant: int) -> None:
    ranking = [True] * relevant + [False] * (count - relevant)
    every = [measured([order]) for order in permutations(ranking)]
    for name, value in chance([ranking]):
        assert value == pytest.approx(fmean(getattr(scores, name) for scores in every), abs=1e-5), name


def test_a_query_to_which_nothing_is_relevant_is_left_out() -> None:
    assert measured([[False, False], [True, False]]) == measured([[True, False]])
    assert chance([[False, False], [True, False]]) == chance([[True, False]])


def test_without_a_query_to_score_every_metric_is_zero() -> None:
    for scores in (measured([]), measured([[False, False]]), chance([[False]])):
        assert {value for _, value in scores} == {0.0}
