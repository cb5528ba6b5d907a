import pytest
import torch
from anomalib.models.components.sampling.k_center_greedy import KCenterGreedy
from lightning.pytorch import seed_everything

from repro.errors import ReproError
from repro.models.coreset import ExactKCenterGreedy


def both(patches: torch.Tensor, ratio: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices that anomalib and our class select from the same random state."""
    selected = []
    for kind in (KCenterGreedy, ExactKCenterGreedy):
        # anomalib draws the projection with numpy and the start with torch.
        seed_everything(seed, verbose=False)
        selected.append(kind(embedding=patches, sampling_ratio=ratio).select_coreset_idxs())
    return selected[0], selected[1]


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
def test_ties_are_resolved_as_in_anomalib(patches: torch.Tensor) -> None:
    theirs, ours = both(patches, 0.2, 0)
    assert ours == theirs


def test_refuses_patches_that_are_not_finite() -> None:
    patches = torch.rand(200, 16)
    patches[3] = torch.nan
    with pytest.raises(ReproError, match="finite"):
        ExactKCenterGreedy(patches, 0.1).select_coreset_idxs()
