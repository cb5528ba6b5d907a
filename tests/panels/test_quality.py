import numpy as np
import pytest
from numpy.typing import NDArray

from repro.panels.quality import Quality, pooled, quality


def counted(levels: NDArray[np.uint8], predicted: NDArray[np.bool_], distance: float = 1.0) -> Quality:
    return quality(levels, predicted, np.full(levels.shape, distance, np.float32), 0.5)


def test_levels_are_counted() -> None:
    levels = np.zeros((10, 10), np.uint8)
    levels[0], levels[1], levels[2] = 255, 127, 200
    of = counted(levels, levels >= 128)
    assert (of.distinct, of.at_zero, of.at_full, of.ambiguous) == (4, 0.7, 0.1, 0.1)


def test_distances_are_summed_up() -> None:
    distances = np.linspace(0, 10, 10000, dtype=np.float32).reshape(100, 100)
    of = quality(np.zeros((100, 100), np.uint8), np.zeros((100, 100), np.bool_), distances, 0.5)
    assert of.mean_distance == pytest.approx(5, abs=0.01)
    assert of.far_distance == pytest.approx(9.9, abs=0.06)
    assert of.misdrawn == pytest.approx(0.5)


def test_map_and_mask_are_compared_away_from_borders() -> None:
    predicted = np.zeros((20, 20), np.bool_)
    predicted[:, 10:] = True
    levels = np.where(predicted, 200, 50).astype(np.uint8)
    levels[:, 8:10], levels[:, 10:12] = 200, 50
    assert counted(levels, predicted).agreement == 1
    assert counted(levels, predicted).compared == 20 * 16
    levels[0, 0] = 130
    assert counted(levels, predicted).agreement == 1 - 1 / 320
    levels[0, 0] = 129
    assert counted(levels, predicted).agreement == 1


def test_qualities_of_figures_add_up_to_those_of_a_set() -> None:
    empty = np.zeros((10, 10), np.bool_)
    one, other = counted(np.zeros((10, 10), np.uint8), empty), counted(np.full((10, 10), 100, np.uint8), empty, 3.0)
    both = pooled([one, other])
    assert (both.pictures, both.pixels, both.distinct, both.at_zero) == (2, 200, 2, 0.5)
    assert both.mean_distance == pytest.approx(2)
    assert both.far_distance == pytest.approx(3.05)
