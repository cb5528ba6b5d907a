import numpy as np
import pytest
import torch

from repro.models import kcenter
from repro.models.kcenter import farthest_first


def greedy(points: torch.Tensor, count: int, first: int) -> list[int]:
    """Select by the greedy rule as anomalib computes it."""
    nearest = torch.full((len(points),), torch.inf)
    selected = [first]
    for _ in range(count - 1):
        nearest = torch.minimum(nearest, torch.linalg.norm(points - points[selected[-1]], ord=2, dim=1))
        nearest[selected[-1]] = 0
        selected.append(int(nearest.argmax()))
    return selected


def texture(count: int, dimension: int, seed: int) -> torch.Tensor:
    """Draw points with the decaying spectrum of patches of a texture."""
    generator = torch.Generator().manual_seed(seed)
    scales = torch.arange(1, dimension + 1) ** -1.0
    return torch.randn(count, dimension, generator=generator) * scales


GENERATOR = torch.Generator().manual_seed(1)
ADVERSARIAL = {
    "all equal": torch.ones(500, 16),
    "duplicates": texture(50, 20, 0).repeat(20, 1),
    "a lattice of ties": torch.cartesian_prod(*[torch.arange(9.0)] * 4),
    "one outlier": torch.cat([texture(999, 30, 0), torch.full((1, 30), 1e4)]),
    "one tight cluster far away": 1e3 + 1e-3 * texture(1000, 30, 0),
    "two clusters": torch.cat([texture(700, 30, 0), 50 + texture(300, 30, 1)]),
    "noise without structure": torch.rand(3000, 100, generator=GENERATOR),
    "one dimension": torch.rand(3000, 1, generator=GENERATOR),
    "on a line": torch.rand(3000, 1, generator=GENERATOR) * torch.ones(1, 40),
    "three points": torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]]),
}


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
