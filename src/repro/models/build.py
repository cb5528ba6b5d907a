"""A variant of the study becomes an anomalib model, with raw predictions and nothing else switched on."""

from pathlib import Path

from anomalib.models import EfficientAd, Patchcore
from anomalib.models.components import AnomalibModule

from repro.models.coreset import BufferedPatchcore
from repro.models.weights import place_penalty_images, place_teacher
from repro.study import EfficientAdVariant, Variant


def build(variant: Variant, image_size: int, weights: Path) -> AnomalibModule:
    """The untrained model; `weights` is a folder to place weights and penalty images in.

    Normalisation, thresholds, metrics and pictures of anomalib are off: they are computed from the stored raw
    predictions, where anyone can recompute them.
    """
    size = (image_size, image_size)
    if isinstance(variant, EfficientAdVariant):
        place_teacher(variant, weights / "cache")
        return EfficientAd(
            imagenet_dir=place_penalty_images(variant, weights / "penalty"),
            model_size=variant.size,
            padding=variant.padding,
            pre_processor=EfficientAd.configure_pre_processor(size),
            post_processor=False,
            evaluator=False,
            visualizer=False,
        )
    crop = None if variant.center_crop is None else (variant.center_crop, variant.center_crop)
    return BufferedPatchcore(
        backbone=variant.backbone,
        layers=variant.layers,
        pre_trained=variant.pretrained,
        coreset_sampling_ratio=variant.coreset_ratio,
        num_neighbors=variant.neighbours,
        pre_processor=Patchcore.configure_pre_processor(size, crop),
        post_processor=False,
        evaluator=False,
        visualizer=False,
    )


def model_class(variant: Variant) -> type[AnomalibModule]:
    """The anomalib class of a variant."""
    return {"efficientad": EfficientAd, "patchcore": Patchcore}[variant.model]
