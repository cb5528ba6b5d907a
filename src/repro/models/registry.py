"""What the stages must know of each model: how to build and train it, and what it says of patches."""

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
    """One model of anomalib; its settings are a class of `repro.study`."""

    #: What is trained, and what `load_from_checkpoint` belongs to.
    module: type[AnomalibModule]
    #: Arguments of its own, from a variant and a folder to place weights and penalty images in.
    arguments: Callable[[Any, Path], dict[str, Any]]
    #: The patch embedding that it compares, [N, D, h, w], from a module and what its first network gave.
    embedding: Callable[[AnomalibModule, Any], Tensor]
    #: All its networks, the one that describes patches before the others.
    networks: Callable[[AnomalibModule], list[nn.Module]] = lambda module: [module.model.feature_extractor]
    #: Arguments of Lightning's Trainer; by default, not to validate.
    trainer: Callable[[Any], dict[str, Any]] = lambda variant: {"limit_val_batches": 0}
    #: Positions on each side of its anomaly map that have no embedding.
    border: Callable[[AnomalibModule], int] = lambda module: 0


def from_package(variant: BackboneVariant) -> bool:
    """Whether the backbone's weights come with a package; anomalib would look for them on the internet."""
    return variant.pretrained and variant.backbone == LITE0


def _backbone(variant: BackboneVariant) -> dict[str, Any]:
    pre_trained = variant.pretrained and not from_package(variant)
    return {"backbone": variant.backbone, "layers": variant.layers, "pre_trained": pre_trained}


def _efficientad(variant: EfficientAdVariant, weights: Path) -> dict[str, Any]:
    place_teacher(variant, weights / "cache")
    penalty = place_penalty_images(variant, weights / "penalty")
    return {"imagenet_dir": penalty, "model_size": variant.size, "padding": variant.padding}


def _validated_once(variant: EfficientAdVariant) -> dict[str, Any]:
    """EfficientAD validates once, at the end, to set the quantiles that scale its maps.

    The quantiles come from a hook that reads all validation images before the first batch, so one batch is enough.
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
        # anomalib pads its maps before it enlarges them to the image.
        border=lambda module: 4 if module.model.pad_maps else 0,
    ),
    "patchcore": Model(LeanPatchcore, _patchcore, embedding=_pooled),
    "padim": Model(
        Padim,
        lambda variant, weights: _backbone(variant) | {"n_features": variant.features},
        embedding=lambda module, features: module.model.generate_embedding(features),
    ),
}
