"""Published: measured steps in, what the costly steps of the published study take on the official images out."""

from collections.abc import Sequence

from repro.costs.growth import seconds_at
from repro.costs.needs import patches
from repro.data.official import OFFICIAL
from repro.records.costs import CostPair, PublishedCost
from repro.study import EfficientAdVariant, PatchCoreVariant, load


def published(pairs: Sequence[CostPair]) -> tuple[PublishedCost, ...]:
    """Seconds of EfficientAD's training steps, one an image and epoch, and of PatchCore's coresets.

    Coresets are interpolated between the sizes that were measured. Empty where a step of either was not measured.
    """
    step = next((pair for pair in pairs if pair.name == "efficientad-step"), None)
    coresets = sorted((pair for pair in pairs if pair.points is not None), key=lambda one: one.points or 0)
    if step is None or len(coresets) < 2:
        return ()
    study = load("mvtec")
    efficientad, patchcore = study.variants["efficientad"], study.variants["patchcore"]
    assert isinstance(efficientad, EfficientAdVariant)
    assert isinstance(patchcore, PatchCoreVariant)
    train = [OFFICIAL[category][0] for category in study.categories]

    def selection(side: str) -> float:
        measured = [(coreset.points or 0, getattr(coreset, side)) for coreset in coresets]
        return sum(seconds_at(patches(patchcore, study.image_size, count), measured) for count in train)

    steps = efficientad.epochs * sum(train)
    return (
        PublishedCost(
            model="efficientad", anomalib_seconds=steps * step.anomalib_seconds, seconds=steps * step.seconds
        ),
        PublishedCost(model="patchcore", anomalib_seconds=selection("anomalib_seconds"), seconds=selection("seconds")),
    )
