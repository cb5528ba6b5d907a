import pytest
import torch
from anomalib.models import Patchcore
from anomalib.models.components.sampling.k_center_greedy import KCenterGreedy
from lightning.pytorch import seed_everything

from repro.models.coreset import BufferedKCenterGreedy, BufferedPatchcore


def both(patches: torch.Tensor, ratio: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices by anomalib and by us, from the same random state."""
    found = []
    for kind in (KCenterGreedy, BufferedKCenterGreedy):
        # anomalib draws the projection with numpy and the start with torch.
        seed_everything(seed, verbose=False)
        found.append(kind(embedding=patches, sampling_ratio=ratio).select_coreset_idxs())
    return found[0], found[1]


@pytest.mark.parametrize("seed", range(3))
def test_selects_anomalibs_indices_in_anomalibs_order(seed: int) -> None:
    torch.manual_seed(100 + seed)
    theirs, ours = both(torch.rand(3000, 448), 0.1, seed)
    assert ours == theirs
    assert len(ours) == 300


@pytest.mark.parametrize(
    "patches",
    [
        torch.ones(200, 16),
        torch.arange(200.0)[:, None].repeat(1, 16) // 20,
        torch.cat([torch.zeros(199, 16), torch.ones(1, 16)]),
    ],
    ids=["all equal", "duplicates", "one outlier"],
)
def test_ties_fall_as_anomalibs_do(patches: torch.Tensor) -> None:
    theirs, ours = both(patches, 0.2, 0)
    assert ours == theirs


def test_the_memory_bank_is_anomalibs() -> None:
    banks = []
    for kind in (Patchcore, BufferedPatchcore):
        seed_everything(3, verbose=False)
        model = kind(backbone="resnet18", layers=["layer2"], pre_trained=False, coreset_sampling_ratio=0.1)
        model.model.train()
        for _ in range(2):
            model.model(torch.rand(1, 3, 64, 64))
        model.fit()
        banks.append(model.model.memory_bank)
    assert banks[0].shape == (12, 128)
    assert torch.equal(banks[0], banks[1])
