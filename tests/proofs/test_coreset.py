"""The coreset against anomalib's own, run to the end on 40,000 real patches; `nox -s prove`, some ten minutes."""

import pytest
import torch
from anomalib.models.components.sampling.k_center_greedy import KCenterGreedy
from anomalib.models.image.patchcore.torch_model import PatchcoreModel
from lightning.pytorch import seed_everything
from torch import Tensor

from repro.data.procedural import render
from repro.models import lite0
from repro.models.coreset import ExactKCenterGreedy

PATCHES = 40_000


def patches(category: str, pretrained: bool) -> Tensor:
    """Patches of stand-ins, described by a random ResNet-18 or by EfficientNet-Lite0 with ImageNet weights."""
    seed_everything(0, verbose=False)
    layers = ["blocks.2", "blocks.4"] if pretrained else ["layer2", "layer3", "layer4"]
    backbone = lite0.LITE0 if pretrained else "resnet18"
    network = PatchcoreModel(layers=layers, backbone=backbone, pre_trained=False).train()
    network.feature_extractor.eval()
    if pretrained:
        lite0.fill(network.feature_extractor.feature_extractor)
    for index in range(-(-PATCHES // 1024)):
        image = torch.from_numpy(render(category, "train", "good", index, seed=0)[0].copy())
        colours = image if image.ndim == 3 else image[..., None].expand(-1, -1, 3)
        network((colours.permute(2, 0, 1)[None] / 255 - 0.45) / 0.225)
    return torch.vstack(network.embedding_store)[:PATCHES]


@pytest.mark.parametrize(
    ("category", "pretrained", "seed"),
    [("leather", False, 0), ("leather", False, 1), ("tile", False, 2), ("grid", True, 3)],
)
def test_selects_what_anomalib_selects_in_its_order(category: str, pretrained: bool, seed: int) -> None:
    bank = patches(category, pretrained)
    found = []
    for kind in (KCenterGreedy, ExactKCenterGreedy):
        seed_everything(seed, verbose=False)
        found.append(kind(bank, 0.1).select_coreset_idxs())
    assert len(found[1]) == PATCHES // 10
    assert found[1] == found[0]


def test_a_lattice_full_of_ties_falls_as_anomalibs_does() -> None:
    points = torch.cartesian_prod(*[torch.arange(14.0)] * 4)
    found = []
    for kind in (KCenterGreedy, ExactKCenterGreedy):
        seed_everything(0, verbose=False)
        found.append(kind(points, 0.05).select_coreset_idxs())
    assert found[1] == found[0]
