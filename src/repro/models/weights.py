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
from repro.runs import sha256, writing
from repro.study import EfficientAdVariant, PatchCoreVariant

TEACHER_FILE = Path("efficientad_pretrained_weights") / "pretrained_teacher_small.pth"
TEACHER_SEED = 230314535
TEACHER_CHANNELS = 384

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


def place_teacher(variant: EfficientAdVariant, cache: Path) -> WeightsRecord:
    """Make anomalib find the variant's teacher; a random one goes into a cache folder of the study's own.

    The user's own cache is never written to: a random teacher there would be taken for the real one later.
    """
    if variant.teacher == "official":
        path = get_pretrained_weights_dir() / TEACHER_FILE
        return WeightsRecord(
            kind="official",
            description="patch description network distilled from WideResNet-101, published by anomalib",
            sha256=sha256(path) if path.is_file() else None,
        )
    if variant.size != "small":
        raise ReproError(
            "there is no random teacher of this size",
            where=f"variant with size {variant.size}",
            mend='use size = "small"',
        )
    os.environ["XDG_CACHE_HOME"] = str(cache.resolve())
    folder = get_pretrained_weights_dir()
    if not folder.is_relative_to(cache.resolve()):
        raise ReproError(
            "anomalib does not heed XDG_CACHE_HOME on this platform", where=folder, mend='set teacher = "official"'
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(TEACHER_SEED)
        state = SmallPatchDescriptionNetwork(out_channels=TEACHER_CHANNELS).state_dict()
    with writing(folder / TEACHER_FILE) as beside:
        torch.save(state, beside)
    return WeightsRecord(
        kind="random",
        description="patch description network with seeded random weights, never trained",
        sha256=_tensors_sha256(state),
    )


def place_penalty_images(variant: EfficientAdVariant, folder: Path) -> tuple[Path, WeightsRecord]:
    """The folder to give anomalib as `imagenet_dir`, and what it holds."""
    if variant.penalty == "imagenette":
        return Path("datasets/imagenette"), WeightsRecord(
            kind="imagenette", description="Imagenette, a subset of ImageNet with ten classes", sha256=None
        )
    hashes = []
    for package, names in PHOTOGRAPHS.items():
        for name in names:
            source = files(package) / name
            target = folder / "photographs" / name
            with writing(target) as beside, source.open("rb") as stream, beside.open("wb") as copy:
                shutil.copyfileobj(stream, copy)
            hashes.append(sha256(target))
    return folder, WeightsRecord(
        kind="photographs",
        description=f"{len(hashes)} photographs that scikit-image and scikit-learn ship",
        sha256=hashlib.sha256("".join(hashes).encode()).hexdigest(),
    )


def backbone_record(variant: PatchCoreVariant) -> WeightsRecord:
    """Where a PatchCore variant's backbone weights come from."""
    if variant.pretrained:
        return WeightsRecord(kind="timm", description=f"{variant.backbone} with timm's ImageNet weights", sha256=None)
    return WeightsRecord(
        kind="random",
        description=f"{variant.backbone} with random weights drawn from the seed of the cell",
        sha256=None,
    )


def _tensors_sha256(state: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
