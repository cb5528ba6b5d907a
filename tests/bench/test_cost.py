"""What the costly steps take on this machine. Measured, never asserted; `nox -s bench` switches it on."""

import numpy as np
import pytest
import torch
from anomalib.models.components.sampling.k_center_greedy import KCenterGreedy
from anomalib.models.image.efficient_ad.torch_model import EfficientAdModel
from pytest_benchmark.fixture import BenchmarkFixture

from repro import score
from repro.data.procedural import render
from repro.metrics import Predictions
from repro.models.coreset import BufferedKCenterGreedy


def test_efficientad_training_step(benchmark: BenchmarkFixture) -> None:
    torch.manual_seed(0)
    model = EfficientAdModel().train()
    image, penalty = torch.rand(2, 1, 3, 256, 256)

    def step() -> None:
        model.zero_grad()
        sum(model(image, penalty)).backward()

    benchmark.pedantic(step, rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("kind", [KCenterGreedy, BufferedKCenterGreedy])
def test_coreset_of_4000_patches(benchmark: BenchmarkFixture, kind: type[KCenterGreedy]) -> None:
    torch.manual_seed(0)
    patches = torch.rand(4000, 448)
    benchmark.pedantic(lambda: kind(patches, 0.1).select_coreset_idxs(), rounds=3, warmup_rounds=1)


def test_scoring_thirty_maps(benchmark: BenchmarkFixture) -> None:
    rng = np.random.default_rng(0)
    masks = np.zeros((30, 256, 256), bool)
    masks[10:, 100:130, 100:130] = True
    maps = rng.random(masks.shape, np.float32)
    labels = masks.any(axis=(1, 2))
    names = np.array([f"tile/test/{'crack' if label else 'good'}/{row:03d}.png" for row, label in enumerate(labels)])
    predictions = Predictions(maps.max(axis=(1, 2)), maps, masks, labels, names)
    benchmark.pedantic(lambda: score.judge(predictions), rounds=3, warmup_rounds=1)


def test_drawing_a_stand_in(benchmark: BenchmarkFixture) -> None:
    benchmark(render, "leather", "test", "cut", 0, 0)
