"""Preparation of networks and batches for a GPU, and its memory, simulated."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from anomalib.data import ImageBatch, ImageItem
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.utils.data import DataLoader

from repro.data.pinned import pinned
from repro.models import lite0
from repro.models.accelerate import channels_last
from repro.models.build import build
from repro.models.patchcore import LeanPatchcoreModel
from repro.models.registry import MODELS
from repro.study import EfficientAdVariant, PadimVariant, PatchCoreVariant

BACKBONE = {"backbone": "resnet18", "pretrained": False, "layers": ["layer2", "layer3", "layer4"]}
VARIANTS = {
    "efficientad": EfficientAdVariant(model="efficientad", epochs=1, teacher="random", penalty="photographs"),
    "patchcore": PatchCoreVariant(model="patchcore", neighbours=3, coreset_ratio=0.1, **BACKBONE),
    "padim": PadimVariant(model="padim", features=100, **BACKBONE),
}
#: Patches of a large training set, 320 images of 256 pixels, and channels of the published layers.
PATCHES, CHANNELS = 320 * 1024, 896


@pytest.mark.parametrize("name", list(VARIANTS))
def test_the_listed_networks_have_all_convolutions(name: str, tmp_path: Path) -> None:
    """Otherwise some would be in another memory format or precision."""
    model = build(VARIANTS[name], 256, tmp_path)
    listed = {id(module) for network in MODELS[name].networks(model) for module in network.modules()}
    assert [module for module in model.modules() if isinstance(module, nn.Conv2d) and id(module) not in listed] == []


def test_channels_last_changes_no_value() -> None:
    network = lite0.load()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    channels_last([network])
    assert network.conv_stem.weight.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_torch_pins_the_tensors_of_anomalibs_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pinning needs a device; here it is only recorded."""
    from torch.utils.data._utils.pin_memory import pin_memory

    shapes = []
    monkeypatch.setattr(Tensor, "pin_memory", lambda tensor, *_: shapes.append(tuple(tensor.shape)) or tensor)
    items = [ImageItem(image=torch.rand(3, 8, 8), gt_label=torch.tensor(0), image_path=str(n)) for n in range(2)]
    loader = pinned(DataLoader(items, batch_size=2, collate_fn=ImageBatch.collate))
    batch = pin_memory(loader.collate_fn(items))
    assert loader.pin_memory
    assert isinstance(batch, ImageBatch)
    assert (2, 3, 8, 8) in shapes
    assert batch.image_path == ["0", "1"]


@pytest.fixture
def no_swapping() -> Iterator[None]:
    """Disable swapping of tensors when a module moves: a fake tensor cannot be swapped with a real one."""
    before = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(False)
    yield
    torch.__future__.set_swap_module_params_on_conversion(before)


def peak_gb(tracker: MemTracker) -> float:
    peaks = {str(device): memory["Total"] for device, memory in tracker.get_tracker_snapshot("peak").items()}
    assert set(peaks) <= {"cuda:0", "cpu"}
    return peaks["cuda:0"] / 1e9


def bank(rows: int) -> LeanPatchcoreModel:
    model = LeanPatchcoreModel.__new__(LeanPatchcoreModel)
    nn.Module.__init__(model)
    model.memory_bank = torch.empty(rows, CHANNELS, device="cuda:0")
    return model


@pytest.mark.usefixtures("no_swapping")
def test_a_search_of_the_full_bank_stays_on_the_device_and_needs_less_than_half_a_gigabyte_more() -> None:
    """Simulated: shapes, devices and allocations without numbers."""
    with FakeTensorMode(), MemTracker() as tracker:
        model = bank(PATCHES // 10)
        patches = torch.empty(2 * 1024, CHANNELS, device="cuda:0")
        distances, indices = model.nearest_neighbors(patches, 1)
    assert (distances.shape, distances.device.type, distances.dtype) == ((2048,), "cuda", torch.float32)
    assert (indices.shape, indices.device.type) == ((2048,), "cuda")
    assert peak_gb(tracker) < PATCHES // 10 * CHANNELS * 4 / 1e9 + 0.5


@pytest.mark.usefixtures("no_swapping")
def test_features_are_channels_last_in_the_whole_network() -> None:
    with FakeTensorMode():
        first, last = nn.Conv2d(3, 8, 3, device="cuda:0"), nn.Conv2d(8, 8, 3, stride=2, device="cuda:0")
        network = nn.Sequential(first, nn.ReLU(), last)
        channels_last([network])
        features: Tensor = network(torch.empty(2, 3, 64, 64, device="cuda:0"))
    assert features.is_contiguous(memory_format=torch.channels_last)
