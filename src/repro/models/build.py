"""A variant of the study becomes an anomalib model, with raw predictions and nothing else switched on."""

import math
from pathlib import Path

import timm
from anomalib.models.components import AnomalibModule
from anomalib.pre_processing import PreProcessor
from torchvision.transforms.v2 import CenterCrop, Compose, GaussianBlur, Normalize, Resize, Transform

from repro.errors import ReproError
from repro.models import lite0
from repro.models.efficientad import LeanEfficientAd
from repro.models.patchcore import LeanPatchcore
from repro.models.shipped import LITE0
from repro.models.weights import place_penalty_images, place_teacher
from repro.study import EfficientAdVariant, PatchCoreVariant, Variant


def build(variant: Variant, image_size: int, weights: Path) -> AnomalibModule:
    """The untrained model; `weights` is a folder to place weights and penalty images in.

    Normalisation of scores, thresholds, metrics and pictures of anomalib are off: they are computed from the stored
    raw predictions, where anyone can recompute them. Raises ReproError where weights are missing, damaged or cannot
    be downloaded.
    """
    if isinstance(variant, PatchCoreVariant) and not timm.is_model(variant.backbone):
        raise ReproError("timm has no such network", where=variant.backbone, mend="choose one of timm.list_models()")
    pre_processor = PreProcessor(transform=Compose(transforms(variant, image_size)))
    if isinstance(variant, EfficientAdVariant):
        place_teacher(variant, weights / "cache")
        return LeanEfficientAd(
            imagenet_dir=place_penalty_images(variant, weights / "penalty"),
            model_size=variant.size,
            padding=variant.padding,
            pre_processor=pre_processor,
            post_processor=False,
            evaluator=False,
            visualizer=False,
        )
    # anomalib would look for the package's weights on the internet.
    from_package = variant.pretrained and variant.backbone == LITE0
    try:
        model = LeanPatchcore(
            backbone=variant.backbone,
            layers=variant.layers,
            pre_trained=variant.pretrained and not from_package,
            coreset_sampling_ratio=variant.coreset_ratio,
            num_neighbors=variant.neighbours,
            pre_processor=pre_processor,
            post_processor=False,
            evaluator=False,
            visualizer=False,
        )
    except Exception as error:
        if not variant.pretrained or from_package:
            raise
        mend = f'connect to the internet once, or set backbone = "{LITE0}", whose weights come with a package'
        raise ReproError(
            f"timm cannot load its ImageNet weights ({type(error).__name__})", where=variant.backbone, mend=mend
        ) from error
    if from_package:
        lite0.fill(model.model.feature_extractor.feature_extractor)
    return model


def transforms(variant: Variant, image_size: int) -> list[Transform]:
    """What happens to an image before the network: anomalib's own steps, and the variant's blur after resizing.

    EfficientAD normalises inside its networks. anomalib normalises for every backbone by ImageNet's mean and standard
    deviation; here it is by those that timm says the backbone was trained with, for most the same.
    """
    steps: list[Transform] = [Resize((image_size, image_size), antialias=True)]
    if variant.blur:
        steps.append(GaussianBlur(2 * math.ceil(3 * variant.blur) + 1, variant.blur))
    if isinstance(variant, PatchCoreVariant):
        if variant.center_crop is not None:
            steps.append(CenterCrop((variant.center_crop, variant.center_crop)))
        trained = timm.get_pretrained_cfg(variant.backbone)
        steps.append(Normalize(trained.mean, trained.std))
    return steps


def model_class(variant: Variant) -> type[AnomalibModule]:
    """What `load_from_checkpoint` of a variant belongs to."""
    return {"efficientad": LeanEfficientAd, "patchcore": LeanPatchcore}[variant.model]
