"""Time of the expensive steps in anomalib and here. Measured, not asserted; `nox -s bench` runs it."""

from importlib.metadata import version
from typing import Any

import numpy as np
import pytest
import torch
from anomalib.data import ImageBatch
from anomalib.models import EfficientAd
from anomalib.models.components.sampling.k_center_greedy import KCenterGreedy
from anomalib.models.image.efficient_ad.torch_model import EfficientAdModel
from anomalib.models.image.patchcore.torch_model import PatchcoreModel
from lightning.pytorch import seed_everything
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from repro import machine
from repro.costs.latency import ROUNDS, WARM_UP
from repro.data.procedural import render
from repro.models.efficientad import LeanEfficientAd
from repro.models.kcenter import farthest_first
from repro.models.patchcore import LeanPatchcoreModel
from repro.records.predictions import Predictions
from repro.stages import score

SIDES = ["anomalib", "ours"]
#: Images of a large training set with 1,024 patches each; MVTec AD has up to 391 images.
IMAGES = 320
POINTS = [20_480, 40_960, 81_920, 163_840, 327_680]
#: Measured selections of anomalib if all would take too long.
SELECTIONS = 150


def describe(
    benchmark: BenchmarkFixture, pair: str, side: str, operations: float, share: float = 1.0, **more: Any
) -> None:
    """Store what a benchmark measures in its `extra_info`."""
    benchmark.extra_info.update(pair=pair, side=side, operations=operations, share=share, **more)


@pytest.fixture(scope="session")
def patches() -> Tensor:
    """Patches of stand-in leather in features of a random ResNet-18, projected as for a coreset, [327680, 313]."""
    seed_everything(0, verbose=False)
    network = PatchcoreModel(layers=["layer2", "layer3", "layer4"], backbone="resnet18", pre_trained=False).train()
    network.feature_extractor.eval()
    for index in range(IMAGES):
        image = torch.from_numpy(render("leather", "train", "good", index, seed=0)[0].copy())
        network((image.permute(2, 0, 1)[None] / 255 - 0.45) / 0.225)
    bank = torch.vstack(network.embedding_store)
    return KCenterGreedy(bank, 0.1).model.fit(bank).transform(bank)


def test_a_large_matrix_product(benchmark: BenchmarkFixture) -> None:
    left, right, out = torch.rand(8192, 512), torch.rand(512, 8192), torch.empty(8192, 8192)
    benchmark.extra_info.update(
        pair="rate",
        operations=2 * 8192 * 512 * 8192,
        processor=machine.processor(),
        threads=torch.get_num_threads(),
        packages={name: version(name) for name in ("anomalib", "torch")},
    )
    benchmark.pedantic(lambda: torch.mm(left, right, out=out), rounds=20, warmup_rounds=2)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("points", POINTS)
def test_selecting_a_coreset(benchmark: BenchmarkFixture, patches: Tensor, points: int, side: str) -> None:
    sample = patches[torch.linspace(0, len(patches) - 1, points).long()]
    size = points // 10
    selected = size if side == "ours" or points == POINTS[0] else SELECTIONS
    operations = 2 * points * size * sample.shape[1]
    describe(benchmark, f"coreset-{points}", side, operations, share=selected / size, points=points)
    if side == "ours":
        benchmark.pedantic(farthest_first, (sample, selected, 0), rounds=3)
        return

    def theirs() -> None:
        sampler = KCenterGreedy(sample, 0.1)
        sampler.features = sample
        index = torch.tensor(0)
        for _ in range(selected):
            sampler.update_distances(index)
            index = sampler.get_new_idx()
            sampler.min_distances.scatter_(0, index.unsqueeze(0).unsqueeze(1), 0.0)

    benchmark.pedantic(theirs, rounds=3)


@pytest.mark.parametrize("side", SIDES)
def test_efficientad_training_step(benchmark: BenchmarkFixture, side: str) -> None:
    seed_everything(0, verbose=False)
    off = {"pre_processor": False, "post_processor": False, "evaluator": False, "visualizer": False}
    model = {"anomalib": EfficientAd, "ours": LeanEfficientAd}[side](**off).train()
    model.log = lambda *_, **__: None
    image, penalty = torch.rand(2, 1, 3, 256, 256)
    model.imagenet_loader = [[penalty]]

    def step() -> None:
        model.imagenet_iterator = iter([[penalty]])
        model.zero_grad()
        model.training_step(ImageBatch(image=image))["loss"].backward()

    # A step with cached maps of the teacher, as all steps of ours are after the pass for the statistics.
    describe(benchmark, "efficientad-step", side, operations=2 * 159e9)
    benchmark.pedantic(step, rounds=7, warmup_rounds=2)


@pytest.mark.parametrize("side", SIDES)
def test_nearest_neighbours_of_an_image(benchmark: BenchmarkFixture, side: str) -> None:
    torch.manual_seed(0)
    kind = {"anomalib": PatchcoreModel, "ours": LeanPatchcoreModel}[side]
    model = kind(layers=["layer2", "layer3", "layer4"], backbone="resnet18", pre_trained=False)
    # The published coreset of grid, 20,697 patches of 896 numbers, and the 784 patches of a test image.
    model.memory_bank, queries = torch.rand(20_697, 896), torch.rand(784, 896)
    describe(benchmark, "nearest-neighbours", side, operations=2 * 784 * 20_697 * 896)
    benchmark.pedantic(lambda: model.nearest_neighbors(queries, 1), rounds=9, warmup_rounds=1)


@pytest.mark.parametrize("model", ["efficientad", "patchcore"])
def test_latency_of_an_image(benchmark: BenchmarkFixture, model: str) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    seed_everything(0, verbose=False)
    network: torch.nn.Module
    if model == "efficientad":
        size, network = 256, EfficientAdModel(model_size="small")
    else:
        # As published: centre crop, three neighbours, the size of grid's coreset.
        size, layers = 224, ["layer2", "layer3", "layer4"]
        network = LeanPatchcoreModel(layers=layers, backbone="resnet18", pre_trained=False, num_neighbors=3)
        network.memory_bank = torch.rand(20_697, 896)
    network.eval().to(device)
    image = torch.rand(1, 3, size, size, device=device)

    def step() -> None:
        with torch.inference_mode():
            network(image)
        if device.type == "cuda":
            torch.cuda.synchronize()

    benchmark.pedantic(step, rounds=ROUNDS, warmup_rounds=WARM_UP)
    benchmark.extra_info["latency"] = {
        "seconds": list(benchmark.stats.stats.data),
        "model": model,
        "image_size": size,
        "hardware": torch.cuda.get_device_name() if device.type == "cuda" else machine.processor(),
        "threads": torch.get_num_threads(),
    }


def test_scoring_thirty_maps(benchmark: BenchmarkFixture) -> None:
    rng = np.random.default_rng(0)
    masks = np.zeros((30, 256, 256), bool)
    masks[10:, 100:130, 100:130] = True
    maps = rng.random(masks.shape, np.float32)
    labels = masks.any(axis=(1, 2))
    names = np.array([f"tile/test/{'crack' if label else 'good'}/{row:03d}.png" for row, label in enumerate(labels)])
    predictions = Predictions(maps.max(axis=(1, 2)), maps, masks, labels, names)
    benchmark.pedantic(lambda: score.evaluate(predictions), rounds=3, warmup_rounds=1)


def test_drawing_a_stand_in(benchmark: BenchmarkFixture) -> None:
    benchmark(render, "leather", "test", "cut", 0, 0)
