"""Weights and penalty images, placed where anomalib looks for them, so that offline and online are the same code."""

import hashlib
import os
import shutil
from importlib.resources import files
from pathlib import Path

import torch
from anomalib.models.image.efficient_ad.torch_model import SmallPatchDescriptionNetwork
from anomalib.utils.path import get_pretrained_weights_dir

from repro.errors import ReproError
from repro.records import WeightsRecord
from repro.runs import fingerprint, sha256, writing
from repro.study import EfficientAdVariant, PatchCoreVariant, Variant

TEACHERS = Path("efficientad_pretrained_weights")
TEACHER_SEED = 230314535
TEACHER_CHANNELS = 384
IMAGENETTE = Path("datasets") / "imagenette"

#: Photographs in the wheels of scikit-image and scikit-learn; their licences are in those packages.
PHOTOGRAPHS = {
    "skimage.data": (
        "astronaut.png",
        "brick.png",
        "camera.png",
        "chelsea.png",
        "coffee.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "moon.png",
        "motorcycle_left.png",
        "rocket.jpg",
    ),
    "sklearn.datasets.images": ("china.jpg", "flower.jpg"),
}


def place_teacher(variant: EfficientAdVariant, cache: Path) -> None:
    """Make anomalib find the variant's teacher; a random one goes into a cache folder of the study's own.

    The user's own cache is never written to: a random teacher there would be taken for the real one later.
    """
    if variant.teacher == "official":
        return
    if variant.size != "small":
        raise ReproError(
            "there is no random teacher of this size",
            where=f"variant with size {variant.size}",
            mend='use size = "small"',
        )
    os.environ["XDG_CACHE_HOME"] = str(cache.resolve())
    if not get_pretrained_weights_dir().is_relative_to(cache.resolve()):
        raise ReproError(
            "anomalib does not heed XDG_CACHE_HOME on this platform", where=cache, mend='set teacher = "official"'
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(TEACHER_SEED)
        state = SmallPatchDescriptionNetwork(out_channels=TEACHER_CHANNELS).state_dict()
    with writing(_teacher_file(variant)) as beside:
        torch.save(state, beside)


def place_penalty_images(variant: EfficientAdVariant, folder: Path) -> Path:
    """The folder to give anomalib as `imagenet_dir`, filled where the images come with packages."""
    if variant.penalty == "imagenette":
        return IMAGENETTE
    for package, names in PHOTOGRAPHS.items():
        for name in names:
            target = folder / "photographs" / name
            with writing(target) as beside, (files(package) / name).open("rb") as stream, beside.open("wb") as copy:
                shutil.copyfileobj(stream, copy)
    return folder


def describe(variant: Variant, penalty_folder: Path) -> dict[str, WeightsRecord]:
    """Where a variant's weights and images come from, by role; asked after fitting, when all of them are there."""
    if isinstance(variant, PatchCoreVariant):
        source = "timm's ImageNet weights" if variant.pretrained else "random weights drawn from the seed of the cell"
        kind = "timm" if variant.pretrained else "random"
        return {"backbone": WeightsRecord(kind=kind, description=f"{variant.backbone} with {source}", sha256=None)}
    network = "patch description network"
    teacher = {
        "random": f"{network} with seeded random weights, never trained",
        "official": f"{network} distilled from WideResNet-101, published by anomalib",
    }
    state = torch.load(_teacher_file(variant), map_location="cpu", weights_only=True)
    images = sorted(penalty_folder.rglob("*.*")) if variant.penalty == "photographs" else []
    penalty = {
        "photographs": f"{len(images)} photographs that scikit-image and scikit-learn ship",
        "imagenette": "Imagenette, a subset of ImageNet with ten classes",
    }
    return {
        "teacher": WeightsRecord(
            kind=variant.teacher, description=teacher[variant.teacher], sha256=_tensors_sha256(state)
        ),
        "penalty": WeightsRecord(
            kind=variant.penalty,
            description=penalty[variant.penalty],
            sha256=fingerprint([sha256(image) for image in images]) if images else None,
        ),
    }


def _teacher_file(variant: EfficientAdVariant) -> Path:
    return Path(get_pretrained_weights_dir()) / TEACHERS / f"pretrained_teacher_{variant.size}.pth"


def _tensors_sha256(state: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
