"""References: others' scores and our results in, comparisons, or the reasons against them, out."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from repro.errors import ReproError
from repro.paper.cells import cells_of
from repro.paper.stat import mean
from repro.paper.trace import trace
from repro.records.base import Record, fault
from repro.records.results import Results

Metric = Literal["image_auroc", "pixel_auroc", "aupro"]
REFERENCES = Path(__file__).with_name("references.toml")
HINT = "correct the file of references"
#: The metrics of the sources, in per cent.
METRICS: tuple[Metric, ...] = ("image_auroc", "pixel_auroc", "aupro")
#: The evaluator whose AU-PRO equals ours; another's may differ.
EVALUATOR = "MVTec AD’s evaluator"

Scores = dict[Metric, float]


class Reference(Record):
    """The scores that one source reports for one configuration."""

    key: str
    model: str
    source: str
    configuration: str
    #: Settings that the source states, named as in a study file.
    settings: dict[str, Any]
    #: Whether a checkpoint or a threshold was chosen on the test images.
    selected: Literal["yes", "no", "not stated"] = "not stated"
    image_size: int | None = None
    steps: int | None = None
    #: The evaluator that computed AU-PRO.
    aupro: str | None = None
    grid: Scores = Field(default={})
    tile: Scores = Field(default={})
    leather: Scores = Field(default={})
    #: Over all 15 categories.
    mean: Scores = Field(default={})

    def of(self, category: str) -> Scores:
        """The scores on a category, by metric."""
        return getattr(self, category, {}) if category in ("grid", "tile", "leather") else {}


class Aupimo(Record):
    """AUPIMO of two models on a category, in per cent, as its authors published it image by image."""

    category: str
    images: int
    patchcore: float
    efficientad: float
    #: On how many of the images one is higher than the other.
    patchcore_higher: int
    efficientad_higher: int


class File(Record):
    """The content of references.toml."""

    reference: tuple[Reference, ...]
    aupimo: tuple[Aupimo, ...]


@dataclass(frozen=True)
class Comparison:
    """A reference and a variant of ours: the scores of both where they are comparable, else why they are not."""

    reference: Reference
    variant: str
    #: Category, metric, theirs and ours in per cent.
    pairs: tuple[tuple[str, str, float, float], ...]
    #: Whether ours are of the official MVTec AD, as theirs are; if not, nothing is compared.
    same_data: bool
    #: Other differences.
    refusals: tuple[str, ...]


def references(path: Path = REFERENCES) -> File:
    """Read references.toml; each number holds its place there.

    Raises ReproError where the file cannot be read or is not valid.
    """
    try:
        read = File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ReproError(fault(error), where=path, hint=HINT) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ReproError(f"cannot be read ({error})", where=path, hint=HINT) from None
    return trace(read, path.name)


def compare(results: Results, reference: Reference, variant: str) -> Comparison:
    """Compare a variant with a reference; nothing is compared where data, settings or metric differ."""
    refusals = _refusals(results, reference, variant)
    pairs = [
        (category, metric, theirs, 100 * _mean(results, variant, category, metric))
        for category in results.study.categories
        for metric, theirs in reference.of(category).items()
        if not refusals and (metric != "aupro" or reference.aupro == EVALUATOR)
    ]
    if not refusals and not pairs:
        refusals = ["no category in common"]
    same_data = results.data.official
    return Comparison(reference, variant, tuple(pairs) if same_data else (), same_data, tuple(refusals))


def comparisons(results: Results) -> list[Comparison]:
    """Compare each reference with each variant of its model."""
    return [
        compare(results, reference, name)
        for reference in references().reference
        for name, record in results.variants.items()
        if record.model == reference.model
    ]


def _refusals(results: Results, reference: Reference, variant: str) -> list[str]:
    reasons = []
    record, size = results.variants[variant], results.study.image_size
    if reference.image_size not in (None, size):
        reasons.append(f"image size {size} instead of {reference.image_size}")
    for key, theirs in reference.settings.items():
        if (ours := record.settings.get(key)) != theirs:
            reasons.append(f"{key.replace('_', ' ')} {_words(ours)} instead of {_words(theirs)}")
    if missing := [key for key in results.missing if key.startswith(f"{variant}/")]:
        return [*reasons, f"{len(missing)} of our cells missing"]
    # Steps of a training that was not observed: one image a step, as anomalib's EfficientAD requires.
    steps = {
        record.settings.get("epochs", 1) * results.data.categories[cell.category].train
        if cell.steps is None
        else cell.steps
        for cell in results.cells.values()
        if cell.variant == variant
    }
    if reference.steps is not None and steps != {reference.steps}:
        reasons.append(f"{max(steps)} steps instead of {reference.steps}")
    return reasons


def _mean(results: Results, variant: str, category: str, metric: str) -> float:
    """The mean over seeds, on raw scores: no other source clamps them."""
    cells = cells_of(results, variant, category)
    return mean([getattr(cell.metrics if metric == "aupro" else cell.raw, metric) for cell in cells])


def _words(value: Any) -> str:
    return "on" if value is True else "off" if value is False else "none" if value is None else str(value)
