"""The selection for GPUs, on a CPU: its order is that of the selection for CPUs, whatever the device rounds."""

from collections.abc import Callable

import pytest
import torch
from example_points import ADVERSARIAL, greedy, texture
from torch import Tensor

from repro.models import kcenter_cuda
from repro.models.kcenter_cuda import farthest_first


@pytest.mark.parametrize("pool", [64, 100_000])
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_selects_the_farthest_point_first_for_any_points(name: str, pool: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kcenter_cuda, "POOL", pool)
    points = ADVERSARIAL[name]
    count = max(2, min(200, len(points) // 3))
    assert farthest_first(points, count, 1).tolist() == greedy(points, count, 1)


def test_selects_the_same_points_in_many_pools_and_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kcenter_cuda, "POOL", 512)
    monkeypatch.setattr(kcenter_cuda, "PRODUCT", 2**16)
    points = texture(6_000, 100, 0)
    assert farthest_first(points, 600, 0).tolist() == greedy(points, 600, 0)


def rounded_otherwise(distances: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    generator = torch.Generator().manual_seed(0)

    def other(points: Tensor, centre: Tensor) -> Tensor:
        exact = distances(points, centre)
        return exact * (1 + 4e-7 * (2 * torch.rand(len(exact), generator=generator) - 1))

    return other


@pytest.mark.parametrize("pool", [64, 100_000])
def test_the_order_does_not_depend_on_how_the_device_rounds(pool: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many points are as far as another up to rounding: copies that are moved by the last bits."""
    monkeypatch.setattr(kcenter_cuda, "POOL", pool)
    monkeypatch.setattr(kcenter_cuda, "_distances", rounded_otherwise(kcenter_cuda._distances))
    points = texture(300, 40, 0).repeat(3, 1)
    points = points * (1 + 1e-7 * torch.randn(points.shape, generator=torch.Generator().manual_seed(1)))
    assert farthest_first(points, 250, 5).tolist() == greedy(points, 250, 5)


def test_points_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        farthest_first(torch.tensor([[0.0], [torch.inf]]), 2, 0)


def test_progress_reaches_the_whole() -> None:
    seen: list[tuple[int, int]] = []
    farthest_first(texture(500, 10, 0), 200, 0, lambda *done: seen.append(done))
    assert seen[-1] == (200, 200)
