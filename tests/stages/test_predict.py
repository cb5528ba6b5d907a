import pytest
import torch
from anomalib.models import Patchcore
from anomalib.pre_processing import PreProcessor
from torchvision.transforms.v2 import CenterCrop, Compose, Resize

from repro.stages.predict import preprocessing, weighted


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
