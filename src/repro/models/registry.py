"""Table of the models: how each is built, trained and asked for its patch embedding."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anomalib.models import Padim
from anomalib.models.components import AnomalibModule
from torch import Tensor, nn

from repro.models.efficientad import LeanEfficientAd
from repro.models.patchcore import LeanPatchcore
from repro.models.shipped import LITE0
from repro.models.weights import place_penalty_images, place_teacher
from repro.study import BackboneVariant, EfficientAdVariant, PatchCoreVariant


@dataclass(frozen=True)
class Model:
    """A model of anomalib; its settings are a class of `repro.study`."""

    #: Class of the module.
    module: type[AnomalibModule]
    #: Arguments of the class, from a variant and a folder for weights and penalty images.
    arguments: Callable[[Any, Path], dict[str, Any]]
    #: Patch embedding, [N, D, h, w], from a module and the output of its first network.
    embedding: Callable[[AnomalibModule, Any], Tensor]
    #: All networks of a module; the first describes patches.
    networks: Callable[[AnomalibModule], list[nn.Module]] = lambda module: [module.model.feature_extractor]
    #: Arguments of Lightning's Trainer; by default without validation.
    trainer: Callable[[Any], dict[str, Any]] = lambda variant: {"limit_val_batches": 0}
    #: Number of positions on each side of the anomaly map without embedding.
    border: Callable[[AnomalibModule], int] = lambda module: 0


def from_package(variant: BackboneVariant) -> bool:
    """Whether the backbone's weights come from a package; anomalib would download them."""
    return variant.pretrained and variant.backbone == LITE0


def _backbone(variant: BackboneVariant) -> dict[str, Any]:
    pre_trained = variant.pretrained and not from_package(variant)
    return {"backbone": variant.backbone, "layers": variant.layers, "pre_trained": pre_trained}


def _efficientad(variant: EfficientAdVariant, weights: Path) -> dict[str, Any]:
    place_teacher(variant, weights / "cache")
    penalty = place_penalty_images(variant, weights / "penalty")
    return {"imagenet_dir": penalty, "model_size": variant.size, "padding": variant.padding}


def _validated_once(variant: EfficientAdVariant) -> dict[str, Any]:
    """Validate once, at the end, to set the quantiles that scale the maps of EfficientAD.

    A hook reads all validation images before the first batch to compute the quantiles, so one batch is enough.
    """
    return {"check_val_every_n_epoch": variant.epochs, "limit_val_batches": 1}


def _normalised(module: AnomalibModule, features: Tensor) -> Tensor:
    return (features - module.model.mean_std["mean"]) / module.model.mean_std["std"]


def _patchcore(variant: PatchCoreVariant, weights: Path) -> dict[str, Any]:
    del weights
    selection = {"coreset_sampling_ratio": variant.coreset_ratio, "num_neighbors": variant.neighbours}
    return _backbone(variant) | selection


def _pooled(module: AnomalibModule, features: dict[str, Tensor]) -> Tensor:
    pooled = {layer: module.model.feature_pooler(values) for layer, values in features.items()}
    return module.model.generate_embedding(pooled)


MODELS = {
    "efficientad": Model(
        LeanEfficientAd,
        _efficientad,
        embedding=_normalised,
        networks=lambda module: [module.model.teacher, module.model.student, module.model.ae],
        trainer=_validated_once,
        # anomalib pads the maps before it resizes them to the image.
        border=lambda module: 4 if module.model.pad_maps else 0,
    ),
    "patchcore": Model(LeanPatchcore, _patchcore, embedding=_pooled),
    "padim": Model(
        Padim,
        lambda variant, weights: _backbone(variant) | {"n_features": variant.features},
        embedding=lambda module, features: module.model.generate_embedding(features),
    ),
}
