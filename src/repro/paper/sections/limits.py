"""Limits: results in, what the limitations and the warnings of the paper state out."""

from dataclasses import dataclass

from repro.paper.trace import count
from repro.records.results import Results, VariantRecord


@dataclass(frozen=True)
class Limits:
    """Names are those of variants; numbers are over all cells."""

    #: Images of the category that has fewest.
    least_train: int
    least_anomalous: int
    #: Share of recall that one anomalous image decides; None where a cell has none.
    step: float | None
    random_teachers: tuple[str, ...]
    #: Variants whose teacher this project distilled.
    own_teachers: tuple[str, ...]
    #: Variants of the sound protocol with a backbone.
    sound: tuple[str, ...]
    random_backbones: tuple[str, ...]
    #: Variants whose penalty images are not Imagenette.
    other_penalty: tuple[str, ...]
    #: Of EfficientAD, where a training was observed: epochs and steps run, and EfficientNet modules counted.
    epochs: tuple[int, ...]
    epochs_run: int | None
    steps: tuple[int, ...]
    efficientnet: int
    efficientad_cells: int


def limits(results: Results) -> Limits:
    """Collect what limits the conclusions of a study."""
    cells = list(results.cells.values())
    trained = [cell for cell in cells if results.variants[cell.variant].model == "efficientad"]
    epochs = {cell.epochs_run for cell in trained if cell.epochs_run is not None}
    modules = [cell.efficientnet_modules for cell in trained if cell.efficientnet_modules is not None]
    least_anomalous = min(cell.anomalous for cell in cells)
    variants = {results.names[key]: variant for key, variant in results.variants.items()}
    return Limits(
        least_train=min(category.train for category in results.data.categories.values()),
        least_anomalous=least_anomalous,
        step=1 / least_anomalous if least_anomalous else None,
        random_teachers=tuple(name for name, variant in variants.items() if _kind(variant, "teacher") == "random"),
        own_teachers=tuple(name for name, variant in variants.items() if _kind(variant, "teacher") == "distilled"),
        sound=tuple(
            name
            for name, variant in variants.items()
            if variant.settings.get("protocol") == "sound" and _kind(variant, "backbone")
        ),
        random_backbones=tuple(name for name, variant in variants.items() if _kind(variant, "backbone") == "random"),
        other_penalty=tuple(
            name for name, variant in variants.items() if _kind(variant, "penalty") not in ("imagenette", None)
        ),
        epochs=tuple(sorted(epochs)),
        epochs_run=max(epochs, default=None),
        steps=tuple(sorted({cell.steps for cell in trained if cell.steps is not None})),
        efficientnet=sum(modules),
        efficientad_cells=count(modules),
    )


def _kind(variant: VariantRecord, role: str) -> str | None:
    """What kind of weights or images a variant has in a role; None where it has no such role."""
    weights = variant.weights.get(role)
    return weights.kind if weights else None
