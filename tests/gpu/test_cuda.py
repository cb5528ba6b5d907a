"""Selection, search and features on a CUDA device agree with those of a CPU."""

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
from repro.models.kcenter_cuda import PRODUCT
from repro.models.patchcore import LeanPatchcoreModel

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here"),
]


def points(count: int, dimension: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    low = torch.randn(count, 8, generator=generator) @ torch.randn(8, dimension, generator=generator)
    return low + 0.1 * torch.randn(count, dimension, generator=generator)


def test_the_coreset_is_that_of_a_cpu_in_the_same_order() -> None:
    bank = points(20_000, 128)
    expected, actual = farthest_first(bank, 2_000, 7), farthest_first(bank.cuda(), 2_000, 7)
    assert actual.device.type == "cuda"
    assert actual.tolist() == expected.tolist()


def test_a_full_bank_is_selected_on_the_device_within_its_memory() -> None:
    bank = points(327_680, 896).cuda()
    torch.cuda.reset_peak_memory_stats()
    assert farthest_first(bank, 1_000, 0).device.type == "cuda"
    # The points, centred once more, and one product of all points with some centres.
    assert torch.cuda.max_memory_allocated() < 2.2 * bank.nbytes + 3 * 4 * PRODUCT


def test_the_nearest_neighbours_are_those_of_the_cpu() -> None:
    model = LeanPatchcoreModel.__new__(LeanPatchcoreModel)
    nn.Module.__init__(model)
    model.memory_bank = points(5_000, 128)
    distances, indices = model.nearest_neighbors(points(300, 128)[50:], 1)
    model.memory_bank = model.memory_bank.cuda()
    on_gpu, _ = model.nearest_neighbors(points(300, 128)[50:].cuda(), 1)
    assert torch.allclose(on_gpu.cpu(), distances, atol=0.05)
    assert indices.shape == (250,)


def test_batches_are_pinned() -> None:
    items = [ImageItem(image=torch.rand(3, 8, 8), gt_label=torch.tensor(0), image_path=str(n)) for n in range(2)]
    batch = next(iter(pinned(DataLoader(items, batch_size=2, collate_fn=ImageBatch.collate))))
    assert batch.image.is_pinned()


def test_features_agree_with_those_of_a_cpu() -> None:
    network = nn.Sequential(*list(lite0.load().children())[:3]).eval()
    images = torch.rand(4, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    on_gpu = copy.deepcopy(network).cuda()
    channels_last([on_gpu])
    with torch.no_grad():
        reference, accelerated = network(images), on_gpu(images.cuda())
    assert accelerated.dtype == torch.float32
    assert torch.linalg.vector_norm(accelerated.cpu() - reference) < 0.005 * torch.linalg.vector_norm(reference)
