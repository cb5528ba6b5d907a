"""How much numbers change between one and two threads, see docs/determinism.md."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
import torch
from anomalib.models.image.efficient_ad.torch_model import EfficientAdModel

from repro.models.efficientad import losses
from repro.models.kcenter import farthest_first
from repro.models.patchcore import LeanPatchcoreModel

Result = TypeVar("Result")
#: Relative rounding error of a float32 sum of some hundred terms.
TOLERANCE = 1e-5


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def with_threads(call: Callable[[], Result]) -> tuple[Result, Result, Result]:
    """Call with one thread, again with one, and with two; returns the three results."""
    results = []
    for count in (1, 1, 2):
        torch.set_num_threads(count)
        results.append(call())
    return results[0], results[1], results[2]


def features(rows: int, columns: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(0))


def test_the_coreset_is_the_same_with_two_threads() -> None:
    bank = features(3000, 96)
    first, again, parallel = with_threads(lambda: farthest_first(bank, 200, 17).tolist())
    assert first == again == parallel


@pytest.mark.parametrize("neighbours", [1, 3])
def test_distances_of_patches_change_only_by_rounding(neighbours: int) -> None:
    model = LeanPatchcoreModel.__new__(LeanPatchcoreModel)
    torch.nn.Module.__init__(model)
    model.memory_bank = features(300, 96)
    patches = features(2000, 96) + 0.1
    first, again, parallel = with_threads(lambda: model.nearest_neighbors(patches, neighbours)[0])
    assert torch.equal(first, again)
    assert torch.allclose(first, parallel, rtol=TOLERANCE)


def test_a_training_step_of_efficientad_changes_only_by_rounding() -> None:
    def step() -> list[torch.Tensor]:
        torch.manual_seed(0)
        model = EfficientAdModel(teacher_out_channels=8, model_size="small", padding=False, pad_maps=True)
        images = torch.rand(1, 3, 256, 256)
        with torch.no_grad():
            maps = model.teacher(images)
        terms = losses(model, images, maps, torch.rand(1, 3, 256, 256))
        gradients = torch.autograd.grad(sum(terms), list(model.student.parameters()))
        return [*(term.detach() for term in terms), *gradients]

    first, again, parallel = with_threads(step)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    for a, b in zip(first, parallel, strict=True):
        assert (a - b).abs().max() <= 100 * TOLERANCE * a.abs().max()
