from pathlib import Path

import numpy as np
import pytest
import torch
from anomalib.models import Patchcore
from anomalib.pre_processing import PreProcessor
from torchvision.transforms.v2 import CenterCrop, Compose, Resize

from repro import study as studies
from repro.models.engine import Device, datamodule
from repro.records.predictions import load
from repro.runs import Cell, RunFolder, read_json
from repro.stages.data import prepare
from repro.stages.fit import fit
from repro.stages.predict import predict, preprocessing, weighted
from repro.stages.score import score


def test_a_position_weighs_by_how_much_its_map_exceeds_the_median() -> None:
    embedding = torch.arange(4.0).reshape(1, 1, 2, 2)
    # Each position stands for 2 x 2 pixels; their means are 0, 0, 1 and 3, whose lower median is 0.
    anomaly = torch.tensor([[0.0, 0.0], [1.0, 3.0]]).repeat_interleave(2, 0).repeat_interleave(2, 1)[None, None]
    assert weighted(embedding, anomaly).item() == pytest.approx((2 * 1 + 3 * 3) / 4)


def test_a_map_without_an_anomaly_weighs_all_positions_alike() -> None:
    embedding = torch.arange(4.0).reshape(1, 1, 2, 2)
    assert weighted(embedding, torch.full((1, 1, 4, 4), 7.0)).item() == pytest.approx(1.5)


def test_the_border_of_a_map_has_no_embedding() -> None:
    embedding = torch.arange(4.0).reshape(1, 1, 2, 2)
    anomaly = torch.zeros(1, 1, 8, 8)
    anomaly[..., 2:4, 4:6] = 5.0
    anomaly[..., 0, 0] = 99.0
    assert weighted(embedding, anomaly, border=1).item() == pytest.approx(1.0)


def test_the_steps_are_those_of_the_model_itself() -> None:
    steps = PreProcessor(transform=Compose([Resize((64, 64)), CenterCrop((32, 32))]))
    model = Patchcore(backbone="resnet18", layers=["layer1"], pre_trained=False, pre_processor=steps)
    assert [step.split("(")[0] for step in preprocessing(model)] == ["Resize", "CenterCrop"]


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Cell, float]:
    """A cell that was trained on half of the smoke study's four training images."""
    folder, cell, share = RunFolder("smoke", tmp_path_factory.mktemp("held-out")), Cell("patchcore", "leather", 3), 0.5
    content = studies.load("smoke").model_dump()
    content["variants"]["patchcore"]["held_out"] = share
    study = studies.check(content, where=folder.root)
    prepare(folder, study)
    fit(folder, study, cell, Device("cpu"))
    predict(folder, study, cell, Device("cpu"))
    return folder, cell, share


# What Lightning warns of in anomalib is not ours to fix.
@pytest.mark.filterwarnings("ignore")
def test_held_out_images_are_scored_but_neither_trained_on_nor_tested(held_out: tuple[RunFolder, Cell, float]) -> None:
    folder, cell, share = held_out
    module = datamodule(folder, cell, share)
    module.setup()
    trained, kept = (set(data.samples.image_path) for data in (module.train_data, module.val_data))
    assert len(trained) == len(kept) == 2
    assert not trained & kept
    assert all("/train/good/" in Path(path).as_posix() for path in kept)
    predictions = load(folder.cell(cell) / "predictions.npz")
    assert predictions.held_out_scores.shape == (2,)
    assert predictions.held_out_maps.shape == (2, *predictions.maps.shape[1:])
    assert len(predictions.images) == 8
    assert all("/test/" in name for name in predictions.images)
    # Half of the patches of the bank that all four images fill.
    assert read_json(folder.cell(cell) / "fit.json", hint="")["memory_bank"]["patches"] == 2 * 28 * 28 // 10


def test_thresholds_from_them_enter_the_scores(held_out: tuple[RunFolder, Cell, float]) -> None:
    folder, cell, _ = held_out
    score(folder, cell)
    record = read_json(folder.cell(cell) / "scores.json", hint="")["held_out"]
    predictions = load(folder.cell(cell) / "predictions.npz")
    assert record["images"] == 2
    expected = predictions.held_out_scores.mean() + 3 * predictions.held_out_scores.std()
    assert record["deviations"]["thresholds"]["image"] == pytest.approx(float(expected), rel=1e-5)
    assert record["quantile"]["thresholds"]["pixel"] == pytest.approx(
        float(np.quantile(predictions.held_out_maps, 0.99)), rel=1e-6
    )
