"""Needs: the disk space and memory that a cell takes, from its settings and number of images. Needs no torch.

All sizes are in bytes. The constants were measured on Linux with torch for CPUs; `tests/costs/test_needs.py` compares
the results with what the embedded study took.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from repro.study import BackboneVariant, EfficientAdVariant, PadimVariant, PatchCoreVariant, Study, Variant

FLOAT = 4
#: Side in pixels of the images for which the constants below were measured.
MEASURED_SIDE = 256

#: Memory of a process that has imported torch and anomalib, and of one that scores.
TORCH_PROCESS, SCORE_PROCESS = 1_130_000_000, 180_000_000
#: Further memory for training EfficientAD, and for predicting with any model, at the measured side.
TRAINING, PREDICTING = 700_000_000, 100_000_000
#: Copies of the predictions that each stage holds in memory.
SCORING_COPIES, PREDICTING_COPIES = 13, 3

#: Numbers that the coreset selection keeps for each patch besides its projection, see `models/kcenter.py`.
PER_PATCH = 60
#: Error that anomalib allows its random projection.
DISTORTION = 0.9

EFFICIENTAD_CHECKPOINT = {"small": 32_300_000, "medium": 84_500_000}
EFFICIENTAD_DIMENSION = 384
#: Teacher and penalty images of a variant; what scores.json and hits.json hold for each test image.
WEIGHTS, PER_IMAGE = 14_000_000, 600


@dataclass(frozen=True)
class Images:
    """Numbers of images of a category."""

    train: int
    test: int


@dataclass(frozen=True)
class Backbone:
    """A network of timm as PatchCore and PaDiM use it."""

    #: Size of the part that is kept in the checkpoint.
    weights: int
    #: By layer: its channels and its stride in input pixels.
    layers: Mapping[str, tuple[int, int]]


RESNET = {"layer1": (64, 4), "layer2": (128, 8), "layer3": (256, 16), "layer4": (512, 32)}
BACKBONES = {
    "resnet18": Backbone(44_800_000, RESNET),
    "tf_efficientnet_lite0": Backbone(
        12_100_000,
        {"blocks.0": (16, 2), "blocks.1": (24, 4), "blocks.2": (40, 8), "blocks.3": (80, 16), "blocks.4": (112, 16)},
    ),
    "wide_resnet50_2": Backbone(
        267_000_000, {name: (4 * channels, stride) for name, (channels, stride) in RESNET.items()}
    ),
}
#: Assumed of networks and layers that are not listed.
DEFAULT_BACKBONE, DEFAULT_LAYER = BACKBONES["wide_resnet50_2"], (1024, 8)


def input_side(variant: Variant, image_size: int) -> int:
    """Side of the network's input and of the anomaly map, in pixels."""
    return (isinstance(variant, BackboneVariant) and variant.center_crop) or image_size


def relative_area(variant: Variant, image_size: int) -> float:
    """Area of an input image, relative to those for which the constants were measured."""
    return (input_side(variant, image_size) / MEASURED_SIDE) ** 2


def patch_count(variant: PatchCoreVariant | PadimVariant, image_size: int, train: int) -> int:
    """Number of patches of all `train` images; PatchCore selects its coreset from them."""
    layers = BACKBONES.get(variant.backbone, DEFAULT_BACKBONE).layers
    _, stride = layers.get(variant.layers[0], DEFAULT_LAYER)
    return train * math.ceil(input_side(variant, image_size) / stride) ** 2


def embedding_dimension(variant: Variant) -> int:
    """Length of a patch embedding."""
    if isinstance(variant, EfficientAdVariant):
        return EFFICIENTAD_DIMENSION
    if isinstance(variant, PadimVariant):
        return variant.features
    layers = BACKBONES.get(variant.backbone, DEFAULT_BACKBONE).layers
    return sum(layers.get(layer, DEFAULT_LAYER)[0] for layer in variant.layers)


def bank_size(variant: Variant, image_size: int, train: int) -> int:
    """Size of the embeddings of all training patches; 0 for EfficientAD, which keeps none."""
    if isinstance(variant, EfficientAdVariant):
        return 0
    return patch_count(variant, image_size, train) * embedding_dimension(variant) * FLOAT


def checkpoint_size(variant: Variant, image_size: int, train: int) -> int:
    """Size of checkpoint.ckpt: weights, with PatchCore's coreset or PaDiM's distributions."""
    if isinstance(variant, EfficientAdVariant):
        return EFFICIENTAD_CHECKPOINT[variant.size]
    weights = BACKBONES.get(variant.backbone, DEFAULT_BACKBONE).weights
    if isinstance(variant, PadimVariant):
        return weights + _distributions_size(variant, image_size)
    return weights + int(variant.coreset_ratio * bank_size(variant, image_size, train))


def _distributions_size(variant: PadimVariant, image_size: int) -> int:
    """A mean and a covariance for each position."""
    return patch_count(variant, image_size, 1) * variant.features * (1 + variant.features) * FLOAT


def predictions_size(variant: Variant, image_size: int, test: int) -> int:
    """Size of predictions.npz: for each pixel of the `test` images a float and a ground-truth byte."""
    return test * input_side(variant, image_size) ** 2 * (FLOAT + 1)


def embeddings_size(variant: Variant, test: int) -> int:
    """Size of embeddings.npz: two vectors for each of the `test` images."""
    return test * 2 * embedding_dimension(variant) * FLOAT


def fit_memory(variant: Variant, image_size: int, images: Images) -> int:
    """Peak memory of training a cell."""
    if isinstance(variant, EfficientAdVariant):
        return TORCH_PROCESS + int(TRAINING * relative_area(variant, image_size))
    bank = bank_size(variant, image_size, images.train)
    if isinstance(variant, PadimVariant):
        # The patches as a list and concatenated; the covariances and their inverses.
        return TORCH_PROCESS + 2 * bank + 2 * _distributions_size(variant, image_size)
    points = patch_count(variant, image_size, images.train)
    # Johnson-Lindenstrauss bound, as scikit-learn and anomalib compute it.
    projected = int(4 * math.log(max(points, 2)) / (DISTORTION**2 / 2 - DISTORTION**3 / 3))
    coreset = int(variant.coreset_ratio * bank)
    # The full bank is in a file during the selection.
    return TORCH_PROCESS + points * (projected + PER_PATCH) * FLOAT + coreset


def predict_memory(variant: Variant, image_size: int, images: Images) -> int:
    """Peak memory of predicting the test images."""
    results = PREDICTING_COPIES * predictions_size(variant, image_size, images.test)
    model = checkpoint_size(variant, image_size, images.train)
    return TORCH_PROCESS + model + results + int(PREDICTING * relative_area(variant, image_size))


def score_memory(variant: Variant, image_size: int, images: Images) -> int:
    """Peak memory of scoring the predictions."""
    return SCORE_PROCESS + SCORING_COPIES * predictions_size(variant, image_size, images.test)


def cores_of(study: Study, variant: str, cores: int, gpus: int) -> int:
    """Threads of a cell that trains or predicts, at least 1.

    With GPUs, `gpus` cells run at once and the cores are divided among them. On a CPU a cell of EfficientAD gets four
    cores, or all if there are fewer; a cell of another model, which spends half of its time loading, gets one. If the
    study has too few cells to use all cores this way, they share them.
    """
    if gpus:
        return max(1, cores // gpus)
    efficientad = study.variants[variant].model == "efficientad"
    cells = sum((study.variants[cell.variant].model == "efficientad") == efficientad for cell in study.cells)
    parallel = max(1, cores // (4 if efficientad else 1))
    return cores // min(parallel, cells)
