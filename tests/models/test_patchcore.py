from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from anomalib.data import ImageBatch
from anomalib.models import Patchcore
from lightning.pytorch import seed_everything

from repro.models.patchcore import LeanPatchcore

SETTINGS = {"backbone": "resnet18", "layers": ["layer2", "layer3"], "pre_trained": False, "num_neighbors": 3}


def trained(kind: type[Patchcore], images: torch.Tensor, folder: Path) -> Patchcore:
    """Train a model and its memory bank as the Engine does, in batches of 2."""
    seed_everything(3, verbose=False)
    model = kind(**SETTINGS)
    model.model.train()
    model.model.feature_extractor.eval()
    model._trainer = SimpleNamespace(default_root_dir=folder)
    for batch in images.split(2):
        model.training_step(ImageBatch(image=batch))
    model.fit()
    return model.eval()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Patchcore, Patchcore]:
    images = torch.rand(5, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    folder = tmp_path_factory.mktemp("patches")
    return trained(Patchcore, images, folder), trained(LeanPatchcore, images, folder)


def test_weights_and_memory_bank_are_anomalibs(pair: tuple[Patchcore, Patchcore]) -> None:
    theirs, ours = (model.state_dict() for model in pair)
    assert theirs.keys() == ours.keys()
    for name in theirs:
        torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=0, equal_nan=True)
    assert len(ours["model.memory_bank"]) == 5 * 16 * 16 // 10


def test_scores_and_maps_are_anomalibs(pair: tuple[Patchcore, Patchcore]) -> None:
    images = torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    theirs, ours = (model.model(images) for model in pair)
    for actual, expected in ((ours.pred_score, theirs.pred_score), (ours.anomaly_map, theirs.anomaly_map)):
        # Small distances are differences of large squares in both.
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


def test_finds_the_same_neighbours_in_several_blocks(pair: tuple[Patchcore, Patchcore]) -> None:
    generator = torch.Generator().manual_seed(2)
    queries, bank = torch.rand(1500, 384, generator=generator), torch.rand(2500, 384, generator=generator)
    results = []
    for model in pair:
        network = type(model.model)(layers=SETTINGS["layers"], backbone=SETTINGS["backbone"], pre_trained=False)
        network.memory_bank = bank
        results.append(network.nearest_neighbors(queries, 1))
    theirs, ours = results
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-5, atol=0)
    assert torch.equal(ours[1], theirs[1])


def test_only_the_memory_bank_is_kept(pair: tuple[Patchcore, Patchcore]) -> None:
    ours = pair[1]
    assert ours.model.embedding_store == []
    assert ours._patch_file is None
