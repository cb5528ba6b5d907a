"""Published: measured steps in, estimated cost of the published study's costly steps on the official images out."""

from collections.abc import Sequence

from repro.costs.growth import seconds_at
from repro.costs.needs import patch_count
from repro.data.official import OFFICIAL
from repro.records.costs import CostPair, PublishedCost
from repro.study import EfficientAdVariant, PatchCoreVariant, load


def published(pairs: Sequence[CostPair]) -> tuple[PublishedCost, ...]:
    """Seconds of all EfficientAD training steps, one for each image and epoch, and of all PatchCore coresets.

    Coresets are interpolated between the measured sizes. Returns an empty tuple unless both models were measured.
    """
    step = next((pair for pair in pairs if pair.name == "efficientad-step"), None)
    coresets = sorted((pair for pair in pairs if pair.points is not None), key=lambda pair: pair.points or 0)
    if step is None or len(coresets) < 2:
        return ()
    study = load("mvtec")
    efficientad, patchcore = study.variants["efficientad"], study.variants["patchcore"]
    assert isinstance(efficientad, EfficientAdVariant)
    assert isinstance(patchcore, PatchCoreVariant)
    train = [OFFICIAL[category][0] for category in study.categories]

    def selection(field: str) -> float:
        measured = [(coreset.points or 0, getattr(coreset, field)) for coreset in coresets]
        return sum(seconds_at(patch_count(patchcore, study.image_size, count), measured) for count in train)

    steps = efficientad.epochs * sum(train)
    return (
        PublishedCost(
            model="efficientad", anomalib_seconds=steps * step.anomalib_seconds, seconds=steps * step.seconds
        ),
        PublishedCost(model="patchcore", anomalib_seconds=selection("anomalib_seconds"), seconds=selection("seconds")),
    )
