"""Weights and penalty images, placed where anomalib looks for them, with or without the internet."""

import hashlib
import os
import shutil
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import torch
from anomalib.models.components import AnomalibModule
from anomalib.models.image.efficient_ad.torch_model import SmallPatchDescriptionNetwork
from anomalib.utils.path import get_pretrained_weights_dir
from safetensors.torch import load_file

from repro.errors import ReproError
from repro.fetch.fetch import fetch
from repro.fetch.install import is_installed
from repro.fetch.sources import source
from repro.models import shipped
from repro.records.weights import WeightsRecord
from repro.runs import fingerprint, sha256, writing
from repro.study import BackboneVariant, EfficientAdVariant, Variant

TEACHERS = Path("efficientad_pretrained_weights")
TEACHER_SEED = 230314535
TEACHER_CHANNELS = 384

#: Photographs in the wheels of scikit-image and scikit-learn, with their licences in the packages.
PENALTY_PHOTOGRAPHS = {
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
    """Place the variant's teacher where anomalib looks for it; all but the official one in the folder `cache`.

    The user's own cache is not used for them, because anomalib would take any teacher there for the official one.
    Raises ReproError if a teacher is missing or damaged and cannot be downloaded.
    """
    if variant.teacher == "official":
        _ensure_installed("teacher", 'set teacher = "distilled"')
        return
    os.environ["XDG_CACHE_HOME"] = str(cache.resolve())
    if not get_pretrained_weights_dir().is_relative_to(cache.resolve()):
        raise ReproError(
            "anomalib ignores XDG_CACHE_HOME on this platform", where=cache, hint='set teacher = "official"'
        )
    state = random_teacher() if variant.teacher == "random" else distilled_teacher()
    # In memory first: torch's own writer does not report a full disk, and it stores the file name, so that files with
    # equal weights would differ.
    content = BytesIO()
    torch.save(state, content)
    with writing(_teacher_file(variant)) as temporary:
        temporary.write_bytes(content.getvalue())


def random_teacher() -> dict[str, torch.Tensor]:
    """Create the state of a small patch description network with seeded random weights, never trained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(TEACHER_SEED)
        return SmallPatchDescriptionNetwork(out_channels=TEACHER_CHANNELS).state_dict()


def distilled_teacher() -> dict[str, torch.Tensor]:
    """Load the state, in float32, of the small patch description network that comes with the package."""
    return {name: tensor.float() for name, tensor in load_file(shipped.teacher_file()).items()}


def place_penalty_images(variant: EfficientAdVariant, folder: Path) -> Path:
    """Return anomalib's `imagenet_dir`; photographs from packages are copied into `folder` first."""
    if variant.penalty == "imagenette":
        _ensure_installed("imagenette", 'set penalty = "photographs"')
        return source("imagenette").folder()
    for package, names in PENALTY_PHOTOGRAPHS.items():
        for name in names:
            target = folder / "photographs" / name
            with (
                writing(target) as temporary,
                (files(package) / name).open("rb") as stream,
                temporary.open("wb") as copy,
            ):
                shutil.copyfileobj(stream, copy)
    return folder


def _ensure_installed(name: str, alternative: str) -> None:
    """Verify a source or fetch it; the hint of an error includes the `alternative`."""
    try:
        if not is_installed(source(name), source(name).folder()):
            fetch((name,))
    except ReproError as error:
        raise ReproError(error.what, where=error.where, hint=f"{error.hint}, or {alternative}") from None


def describe(variant: Variant, model: AnomalibModule, penalty_folder: Path) -> dict[str, WeightsRecord]:
    """Record the origin of the weights and images of a model that was just built, by role."""
    if isinstance(variant, BackboneVariant):
        kind, origin, digest = "random", "random weights drawn from the seed of the cell", None
        if variant.pretrained and variant.backbone == shipped.LITE0:
            kind, digest = "package", shipped.LITE0_SHA256
            origin = f"ImageNet weights from the package {shipped.LITE0_PACKAGE}"
        elif variant.pretrained:
            kind, origin = "timm", "timm's ImageNet weights"
            digest = _network_sha256(model.model.feature_extractor.feature_extractor.state_dict())
        return {"backbone": WeightsRecord(kind=kind, description=f"{variant.backbone} with {origin}", sha256=digest)}
    network = "patch description network"
    teacher = {
        "distilled": f"{network} distilled from EfficientNet-Lite0, shipped with this software",
        "random": f"{network} with seeded random weights, never trained",
        "official": f"{network} distilled from WideResNet-101, published by anomalib",
    }
    state = torch.load(_teacher_file(variant), map_location="cpu", weights_only=True)
    images = sorted(
        penalty_folder.rglob("*.*")
        if variant.penalty == "photographs"
        else source("imagenette").folder().rglob("*.JPEG")
    )
    penalty = {
        "photographs": f"{len(images)} photographs that scikit-image and scikit-learn ship",
        "imagenette": "Imagenette, a subset of ImageNet with ten classes",
    }
    return {
        "teacher": WeightsRecord(
            kind=variant.teacher, description=teacher[variant.teacher], sha256=_teacher_sha256(state)
        ),
        "penalty": WeightsRecord(
            kind=variant.penalty,
            description=penalty[variant.penalty],
            sha256=fingerprint([sha256(image) for image in images]),
        ),
    }


def _teacher_file(variant: EfficientAdVariant) -> Path:
    return Path(get_pretrained_weights_dir()) / TEACHERS / f"pretrained_teacher_{variant.size}.pth"


def _teacher_sha256(state: dict[str, torch.Tensor]) -> str:
    """Hash names and values of a teacher, as in committed reports."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _network_sha256(state: dict[str, torch.Tensor]) -> str:
    """Hash names, types, shapes and values in the network's order, independent of the file format."""
    digest = hashlib.sha256()
    for name, tensor in state.items():
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
