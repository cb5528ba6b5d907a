import numpy as np
import pytest
import torch
from example_points import ADVERSARIAL, greedy, texture

from repro.models import kcenter
from repro.models.kcenter import farthest_first


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_selects_the_farthest_point_first_for_any_points(name: str) -> None:
    points = ADVERSARIAL[name]
    count = max(2, len(points) // 3)
    assert farthest_first(points, count, 1).tolist() == greedy(points, count, 1)


@pytest.mark.parametrize("seed", range(3))
def test_selects_the_same_points_in_the_same_order_with_many_pools_and_cells(seed: int) -> None:
    points = texture(12_000, 150, seed)
    assert farthest_first(points, 1200, seed).tolist() == greedy(points, 1200, seed)


@pytest.mark.parametrize("name", ["one tight cluster far away", "one outlier", "noise without structure", "on a line"])
def test_a_sketch_never_overestimates_a_distance(name: str) -> None:
    points = ADVERSARIAL[name]
    sketch = kcenter._sketch(points)
    exact = torch.cdist(points[:300].double(), points.double(), compute_mode="donot_use_mm_for_euclid_dist") ** 2
    values = sketch.values.double()
    bound = torch.cdist(values[:300], values, compute_mode="donot_use_mm_for_euclid_dist") ** 2
    allowed = sketch.rounding * (sketch.squares[:300, None] + sketch.squares)
    # The other half is for rounding errors of the product and of the distance itself.
    assert ((bound - exact) <= allowed / 2).all()


def test_can_select_all_points() -> None:
    points = texture(200, 10, 0)
    assert sorted(farthest_first(points, 200, 5).tolist()) == list(range(200))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_refuses_points_without_finite_distances(value: float) -> None:
    points = texture(50, 10, 0)
    points[7, 3] = value
    with pytest.raises(ValueError, match="finite"):
        farthest_first(points, 5, 0)


def test_reports_progress() -> None:
    reports: list[tuple[int, int]] = []
    farthest_first(texture(5000, 10, 0), 500, 0, lambda *report: reports.append(report))
    assert reports[-1] == (500, 500)
