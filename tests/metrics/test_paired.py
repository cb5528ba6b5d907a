import numpy as np
import pytest

from repro.metrics.paired import compare, holm, p_value
from repro.records.metrics import ImageScore

GOOD = "good"


def scores(values: np.ndarray, labels: np.ndarray, prefix: str = "") -> list[ImageScore]:
    return [
        ImageScore(image=f"{prefix}{number:03}", defect="cut" if label else GOOD, score=float(value))
        for number, (value, label) in enumerate(zip(values, labels, strict=True))
    ]


LABELS = np.arange(60) % 2 == 1
RANDOM = np.random.default_rng(0)
HARD = RANDOM.normal(size=60)


def by(better: float, seed: int) -> list[ImageScore]:
    """Scores that share what makes an image hard."""
    noise = np.random.default_rng(seed).normal(size=60)
    return scores(HARD + 0.05 * noise + better * LABELS, LABELS)


def test_a_small_difference_on_the_same_hard_images_is_seen_although_the_intervals_overlap() -> None:
    (one,) = compare({("a", "tile"): [by(1.3, 1)], ("b", "tile"): [by(0.8, 2)]}, GOOD)
    assert 0 < one.low < one.difference < one.high
    assert one.p_adjusted < 0.05
    assert 0 < one.detectable < 0.15


def test_equal_models_do_not_differ() -> None:
    (one,) = compare({("a", "tile"): [by(1, 1)], ("b", "tile"): [by(1, 1)]}, GOOD)
    assert (one.difference, one.low, one.high, one.p_adjusted, one.detectable) == (0, 0, 0, 1, 0)


def test_the_mean_over_categories_and_seeds_is_compared() -> None:
    cells = {
        (name, category): [by(better, seed) for seed in (1, 2)]
        for name, better in (("a", 1.5), ("b", 0.5))
        for category in ("grid", "tile")
    }
    grid, tile, mean = compare(cells, GOOD)
    assert [one.category for one in (grid, tile, mean)] == ["grid", "tile", None]
    assert mean.difference == pytest.approx((grid.difference + tile.difference) / 2, abs=1e-4)
    # Resamples of the categories are independent.
    assert mean.high - mean.low < grid.high - grid.low


def test_images_are_paired_by_name() -> None:
    (one,) = compare({("a", "tile"): [by(1, 1)], ("b", "tile"): [list(reversed(by(1, 1)))]}, GOOD)
    assert one.difference == one.low == one.high == 0


def test_a_category_that_a_variant_lacks_is_left_out() -> None:
    cells = {("a", "grid"): [by(1, 1)], ("a", "tile"): [by(1, 1)], ("b", "tile"): [by(1, 2)]}
    assert [one.category for one in compare(cells, GOOD)] == ["tile"]


def test_p_values_are_adjusted_for_their_number_in_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_p_value_counts_the_smaller_tail() -> None:
    assert p_value(np.array([1.0, 2.0, -1.0])) == 1.0
    assert p_value(np.full(1999, 1.0)) == pytest.approx(2 / 2000)
