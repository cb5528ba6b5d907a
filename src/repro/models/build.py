"""Build the anomalib model of a variant, for raw predictions only."""

import math
from pathlib import Path

import timm
import torch
from anomalib.models.components import AnomalibModule
from anomalib.pre_processing import PreProcessor
from torchvision.transforms.v2 import CenterCrop, Compose, GaussianBlur, Normalize, Resize, Transform

from repro.errors import ReproError
from repro.fetch.sources import hub_folder, source, sources
from repro.models import lite0
from repro.models.registry import MODELS, from_package
from repro.models.shipped import LITE0, check_variant
from repro.study import BackboneVariant, Variant


def build(variant: Variant, image_size: int, weights: Path) -> AnomalibModule:
    """Build the untrained model; `weights` is a folder for weights and penalty images.

    anomalib's normalisation of scores, thresholds, metrics and visualisations are off; they are computed from the
    stored raw predictions. Raises ReproError if weights are missing, damaged or cannot be downloaded.
    """
    if isinstance(variant, BackboneVariant):
        if not timm.is_model(variant.backbone):
            hint = "choose one of timm.list_models()"
            raise ReproError("timm has no network of this name", where=variant.backbone, hint=hint)
        check_variant(variant)
    entry = MODELS[variant.model]
    pre_processor = PreProcessor(transform=Compose(transforms(variant, image_size)))
    arguments = entry.arguments(variant, weights)
    try:
        model = entry.module(
            **arguments, pre_processor=pre_processor, post_processor=False, evaluator=False, visualizer=False
        )
    except Exception as error:
        if not arguments.get("pre_trained"):
            raise
        name = arguments["backbone"]
        hint = f'{_weights_hint(name)}, or set backbone = "{LITE0}", whose weights come with a package'
        raise ReproError(
            f"timm cannot load its ImageNet weights ({type(error).__name__})", where=name, hint=hint
        ) from error
    if isinstance(variant, BackboneVariant) and from_package(variant):
        lite0.fill(model.model.feature_extractor.feature_extractor)
    return model


def _weights_hint(backbone: str) -> str:
    """Hint for an error message: how to get the ImageNet weights of a backbone."""
    if backbone in sources():
        return source(backbone).hint()
    config = timm.get_pretrained_cfg(backbone)
    if config.hf_hub_id:
        return (
            f"connect to the internet once, or run `hf download {config.hf_hub_id} model.safetensors` on a connected "
            f"machine and copy the folder that it fills to {hub_folder(config.hf_hub_id)}"
        )
    if config.url:
        path = Path(torch.hub.get_dir()) / "checkpoints" / config.url.rpartition("/")[2]
        return f"connect to the internet once, or put {config.url} to {path}"
    return "choose one of timm.list_pretrained()"


def transforms(variant: Variant, image_size: int) -> list[Transform]:
    """List the preprocessing steps of an image: anomalib's own, with the variant's blur after resizing.

    EfficientAD normalises inside its networks. For backbones, anomalib always normalises by mean and standard deviation
    of ImageNet; here it is by those that the backbone was trained with according to timm, for most the same.
    """
    steps: list[Transform] = [Resize((image_size, image_size), antialias=True)]
    if variant.blur:
        steps.append(GaussianBlur(2 * math.ceil(3 * variant.blur) + 1, variant.blur))
    if isinstance(variant, BackboneVariant):
        if variant.center_crop is not None:
            steps.append(CenterCrop((variant.center_crop, variant.center_crop)))
        config = timm.get_pretrained_cfg(variant.backbone)
        steps.append(Normalize(config.mean, config.std))
    return steps
