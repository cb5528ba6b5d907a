"""How far numbers move between one and two threads, see docs/determinism.md."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
import torch
from anomalib.models.image.efficient_ad.torch_model import EfficientAdModel

from repro.models.efficientad import losses
from repro.models.kcenter import farthest_first
from repro.models.patchcore import LeanPatchcoreModel

Result = TypeVar("Result")
#: Of a float32 sum of some hundred terms, relative to its size.
TOLERANCE = 1e-5


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def with_threads(call: Callable[[], Result]) -> tuple[Result, Result, Result]:
    """What a call gives with one thread, again with one, and with two."""
    results = []
    for count in (1, 1, 2):
        torch.set_num_threads(count)
        results.append(call())
    return results[0], results[1], results[2]


def features(rows: int, columns: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(0))


def test_the_coreset_is_the_same_with_two_threads() -> None:
    bank = features(3000, 96)
    one, again, two = with_threads(lambda: farthest_first(bank, 200, 17).tolist())
    assert one == again == two


@pytest.mark.parametrize("neighbours", [1, 3])
def test_distances_of_patches_move_by_rounding_alone(neighbours: int) -> None:
    model = LeanPatchcoreModel.__new__(LeanPatchcoreModel)
    torch.nn.Module.__init__(model)
    model.memory_bank = features(300, 96)
    patches = features(2000, 96) + 0.1
    one, again, two = with_threads(lambda: model.nearest_neighbors(patches, neighbours)[0])
    assert torch.equal(one, again)
    assert torch.allclose(one, two, rtol=TOLERANCE)


def test_a_training_step_of_efficientad_moves_by_rounding_alone() -> None:
    def step() -> list[torch.Tensor]:
        torch.manual_seed(0)
        model = EfficientAdModel(teacher_out_channels=8, model_size="small", padding=False, pad_maps=True)
        images = torch.rand(1, 3, 256, 256)
        with torch.no_grad():
            maps = model.teacher(images)
        found = losses(model, images, maps, torch.rand(1, 3, 256, 256))
        gradients = torch.autograd.grad(sum(found), list(model.student.parameters()))
        return [*(one.detach() for one in found), *gradients]

    one, again, two = with_threads(step)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    for a, b in zip(one, two, strict=True):
        assert (a - b).abs().max() <= 100 * TOLERANCE * a.abs().max()
