"""Needs: what a cell takes of disk and memory, from its settings and the number of its images. Needs no torch.

Sizes are in bytes. Each formula stands here once; the constants were measured on Linux with torch for CPUs, and
`tests/test_needs.py` holds them against what the embedded study left.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from repro.study import BackboneVariant, EfficientAdVariant, PadimVariant, PatchCoreVariant, Study, Variant

FLOAT = 4
#: Of an image for which the constants below were measured.
MEASURED_SIDE = 256

#: A process that has imported torch and anomalib, and one that scores.
LOADED, LOADED_TO_SCORE = 1_130_000_000, 180_000_000
#: What training EfficientAD and predicting with either model take beyond that, for one image of the measured side.
TRAINING, PREDICTING = 700_000_000, 100_000_000
#: Scoring holds the predictions this many times over, predicting itself this many.
SCORING_COPIES, PREDICTING_COPIES = 13, 3

#: Numbers that the selection keeps a patch beside its projection, see `models/kcenter.py`.
PER_PATCH = 60
#: Error that anomalib allows its random projection.
DISTORTION = 0.9

EFFICIENTAD_CHECKPOINT = {"small": 32_300_000, "medium": 84_500_000}
EFFICIENTAD_DIMENSION = 384
#: Teacher and penalty images of a variant; what a test image leaves in scores.json and hits.json.
WEIGHTS, PER_IMAGE = 14_000_000, 600
#: A drawn image, bytes a pixel, its mask included.
DRAWN = 1.7


@dataclass(frozen=True)
class Images:
    """How many images a category has."""

    train: int
    test: int


@dataclass(frozen=True)
class Backbone:
    """A network of timm as PatchCore uses it."""

    #: Of the part that the checkpoint holds.
    weights: int
    #: By layer: channels, and how many input pixels one step of its map is.
    layers: Mapping[str, tuple[int, int]]


RESNET = {"layer1": (64, 4), "layer2": (128, 8), "layer3": (256, 16), "layer4": (512, 32)}
BACKBONES = {
    "resnet18": Backbone(44_800_000, RESNET),
    "tf_efficientnet_lite0": Backbone(
        12_100_000, {f"blocks.{at}": of for at, of in enumerate(((16, 2), (24, 4), (40, 8), (80, 16), (112, 16)))}
    ),
    "wide_resnet50_2": Backbone(
        267_000_000, {name: (4 * channels, stride) for name, (channels, stride) in RESNET.items()}
    ),
}
#: What is assumed of another network and of a layer that is not listed.
LARGE, UNKNOWN_LAYER = BACKBONES["wide_resnet50_2"], (1024, 8)


def side(variant: Variant, image_size: int) -> int:
    """Width of what the network sees and of the anomaly map, in pixels."""
    return (isinstance(variant, BackboneVariant) and variant.center_crop) or image_size


def area(variant: Variant, image_size: int) -> float:
    """Pixels of an image over those for which the constants were measured."""
    return (side(variant, image_size) / MEASURED_SIDE) ** 2


def patches(variant: PatchCoreVariant | PadimVariant, image_size: int, train: int) -> int:
    """Patches of all training images, for PatchCore those from which the coreset is selected."""
    known = BACKBONES.get(variant.backbone, LARGE).layers
    stride = known.get(variant.layers[0], UNKNOWN_LAYER)[1]
    return train * math.ceil(side(variant, image_size) / stride) ** 2


def dimension(variant: Variant) -> int:
    """Length of a patch embedding."""
    if isinstance(variant, EfficientAdVariant):
        return EFFICIENTAD_DIMENSION
    if isinstance(variant, PadimVariant):
        return variant.features
    known = BACKBONES.get(variant.backbone, LARGE).layers
    return sum(known.get(layer, UNKNOWN_LAYER)[0] for layer in variant.layers)


def bank(variant: Variant, image_size: int, train: int) -> int:
    """The patches of all training images; 0 for a model that keeps none."""
    if isinstance(variant, EfficientAdVariant):
        return 0
    return patches(variant, image_size, train) * dimension(variant) * FLOAT


def checkpoint(variant: Variant, image_size: int, train: int) -> int:
    """checkpoint.ckpt: the weights, and the selected patches of PatchCore or the distributions of PaDiM."""
    if isinstance(variant, EfficientAdVariant):
        return EFFICIENTAD_CHECKPOINT[variant.size]
    known = BACKBONES.get(variant.backbone, LARGE)
    if isinstance(variant, PadimVariant):
        return known.weights + _distributions(variant, image_size)
    return known.weights + int(variant.coreset_ratio * bank(variant, image_size, train))


def _distributions(variant: PadimVariant, image_size: int) -> int:
    """A mean and a covariance for each position."""
    return patches(variant, image_size, 1) * variant.features * (1 + variant.features) * FLOAT


def predictions(variant: Variant, image_size: int, test: int) -> int:
    """predictions.npz: of each pixel a float and a truth value."""
    return test * side(variant, image_size) ** 2 * (FLOAT + 1)


def embeddings(variant: Variant, test: int) -> int:
    """embeddings.npz: two vectors an image."""
    return test * 2 * dimension(variant) * FLOAT


def fit_memory(variant: Variant, image_size: int, images: Images) -> int:
    """Most memory that training a cell holds."""
    if isinstance(variant, EfficientAdVariant):
        return LOADED + int(TRAINING * area(variant, image_size))
    whole = bank(variant, image_size, images.train)
    if isinstance(variant, PadimVariant):
        # The patches once as they come and once joined; the covariances and their inverses.
        return LOADED + 2 * whole + 2 * _distributions(variant, image_size)
    points = patches(variant, image_size, images.train)
    # Johnson and Lindenstrauss, as scikit-learn and anomalib compute it.
    projected = int(4 * math.log(max(points, 2)) / (DISTORTION**2 / 2 - DISTORTION**3 / 3))
    selected = int(variant.coreset_ratio * whole)
    # The patches themselves are in a file meanwhile.
    return LOADED + points * (projected + PER_PATCH) * FLOAT + selected


def predict_memory(variant: Variant, image_size: int, images: Images) -> int:
    """Most memory that predicting holds."""
    kept = PREDICTING_COPIES * predictions(variant, image_size, images.test)
    loaded = LOADED + checkpoint(variant, image_size, images.train)
    return loaded + kept + int(PREDICTING * area(variant, image_size))


def score_memory(variant: Variant, image_size: int, images: Images) -> int:
    """Most memory that scoring holds."""
    return LOADED_TO_SCORE + SCORING_COPIES * predictions(variant, image_size, images.test)


def cores_of(study: Study, variant: str, cores: int, gpus: int) -> int:
    """A cell's share of the cores, its threads. With GPUs each cell has one; on a CPU those of EfficientAD take four
    cores or all there are, those of others, half of whose time is loading, one if need be."""
    if gpus:
        return max(1, cores // gpus)
    long = study.variants[variant].model == "efficientad"
    cells = sum((study.variants[cell.variant].model == "efficientad") == long for cell in study.cells)
    return cores // min(max(1, cores // (4 if long else 1)), cells)
