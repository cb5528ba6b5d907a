"""What only a CUDA device can show: that it selects, searches and describes as a CPU does."""

import copy

import pytest
import torch
from anomalib.data import ImageBatch, ImageItem
from torch import nn
from torch.utils.data import DataLoader

from repro.data.pinned import pinned
from repro.models import lite0
from repro.models.accelerate import channels_last
from repro.models.kcenter import farthest_first
from repro.models.patchcore import LeanPatchcoreModel

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here"),
]


def points(count: int, dimension: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    low = torch.randn(count, 8, generator=generator) @ torch.randn(8, dimension, generator=generator)
    return low + 0.1 * torch.randn(count, dimension, generator=generator)


def radius(all_points: torch.Tensor, chosen: torch.Tensor) -> float:
    """Distance of the point that lies farthest from all chosen."""
    return float(torch.cdist(all_points.double(), all_points[chosen].double()).amin(1).max())


def test_the_coreset_covers_as_well_as_the_cpus() -> None:
    """Rounding differs between the two, so that near ties may fall the other way: the order is not asserted."""
    some = points(20_000, 128)
    here, there = farthest_first(some, 2_000, 7), farthest_first(some.cuda(), 2_000, 7)
    assert there.device.type == "cuda"
    assert len(there.unique()) == 2_000
    assert radius(some, there.cpu()) == pytest.approx(radius(some, here), rel=1e-3)


def test_a_full_bank_is_selected_on_the_device_within_its_memory() -> None:
    some = points(327_680, 896).cuda()
    torch.cuda.reset_peak_memory_stats()
    assert farthest_first(some, 1_000, 0).device.type == "cuda"
    assert torch.cuda.max_memory_allocated() < 2 * some.nbytes


def test_the_nearest_are_those_of_the_cpu() -> None:
    model = LeanPatchcoreModel.__new__(LeanPatchcoreModel)
    nn.Module.__init__(model)
    model.memory_bank = points(5_000, 128)
    distances, indices = model.nearest_neighbors(points(300, 128)[50:], 1)
    model.memory_bank = model.memory_bank.cuda()
    found, _ = model.nearest_neighbors(points(300, 128)[50:].cuda(), 1)
    assert torch.allclose(found.cpu(), distances, atol=0.05)
    assert indices.shape == (250,)


def test_batches_arrive_pinned() -> None:
    items = [ImageItem(image=torch.rand(3, 8, 8), gt_label=torch.tensor(0), image_path=str(n)) for n in range(2)]
    batch = next(iter(pinned(DataLoader(items, batch_size=2, collate_fn=ImageBatch.collate))))
    assert batch.image.is_pinned()


def test_features_stay_within_the_tolerance_of_the_cpus() -> None:
    network = nn.Sequential(*list(lite0.load().children())[:3]).eval()
    images = torch.rand(4, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    faster = copy.deepcopy(network).cuda()
    channels_last([faster])
    with torch.no_grad():
        exact, rough = network(images), faster(images.cuda())
    assert rough.dtype == torch.float32
    assert torch.linalg.vector_norm(rough.cpu() - exact) < 0.005 * torch.linalg.vector_norm(exact)
