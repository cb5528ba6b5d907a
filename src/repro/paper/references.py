"""References: others' scores and our results in, comparisons of like with like, or why there is none, out."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from repro.errors import ReproError
from repro.paper.stat import mean
from repro.paper.trace import follow
from repro.records.base import Record, fault
from repro.records.results import Results, VariantRecord

Metric = Literal["image_auroc", "pixel_auroc", "aupro"]
REFERENCES = Path(__file__).with_name("references.toml")
HINT = "correct the file of references"
#: What the sources give, in per cent.
METRICS: tuple[Metric, ...] = ("image_auroc", "pixel_auroc", "aupro")
#: Our AU-PRO equals that of MVTec AD's evaluator; another's may not.
EVALUATOR = "MVTec AD’s evaluator"

Scores = dict[Metric, float]


class Reference(Record):
    """What one source reports of one configuration."""

    key: str
    model: str
    source: str
    configuration: str
    #: Settings that the source states, as a study file names them.
    settings: dict[str, Any]
    image_size: int | None = None
    steps: int | None = None
    #: Whose evaluator gave AU-PRO.
    aupro: str | None = None
    grid: Scores = Field(default={})
    tile: Scores = Field(default={})
    leather: Scores = Field(default={})
    #: Over all 15 categories.
    mean: Scores = Field(default={})

    def of(self, category: str) -> Scores:
        """Its scores on a category, by metric."""
        return getattr(self, category, {}) if category in ("grid", "tile", "leather") else {}


class File(Record):
    """references.toml as it is written."""

    reference: tuple[Reference, ...]


@dataclass(frozen=True)
class Comparison:
    """A reference beside a variant of ours: the scores of both where they are alike, else why they are not."""

    reference: Reference
    variant: str
    #: Category, metric, theirs and ours in per cent.
    pairs: tuple[tuple[str, str, float, float], ...]
    #: Whether both are of the official MVTec AD; if not, nothing is compared.
    same_data: bool
    #: What else differs.
    refusals: tuple[str, ...]


def references(path: Path = REFERENCES) -> list[Reference]:
    """Read references.toml; every number knows its place there. Raises ReproError where it is not such a file."""
    try:
        read = File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).reference
    except ValidationError as error:
        raise ReproError(fault(error), where=path, hint=HINT) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ReproError(f"cannot be read ({error})", where=path, hint=HINT) from None
    return list(follow(read, path.name, "reference"))


def compare(results: Results, reference: Reference, variant: str) -> Comparison:
    """Set a variant beside a reference; nothing is compared where data, settings or metric differ."""
    record = results.variants[variant]
    refusals = list(_refusals(results, reference, variant, record))
    pairs = (
        []
        if refusals
        else [
            (category, metric, theirs, 100 * _mean(results, variant, category, metric))
            for category in results.study.categories
            for metric, theirs in reference.of(category).items()
            if metric != "aupro" or reference.aupro == EVALUATOR
        ]
    )
    if not refusals and not pairs:
        refusals = ["no category in common"]
    same_data = results.data.official
    return Comparison(
        reference, variant, tuple(pairs) if same_data and not refusals else (), same_data, tuple(refusals)
    )


def comparisons(results: Results) -> list[Comparison]:
    """Every reference beside every variant of its model."""
    return [
        compare(results, reference, name)
        for reference in references()
        for name, record in results.variants.items()
        if record.model == reference.model
    ]


def _refusals(results: Results, reference: Reference, variant: str, record: VariantRecord) -> list[str]:
    reasons = []
    size = results.study.image_size
    if reference.image_size not in (None, size):
        reasons.append(f"image size {size} instead of {reference.image_size}")
    for key, theirs in reference.settings.items():
        if (ours := record.settings.get(key)) != theirs:
            reasons.append(f"{key.replace('_', ' ')} {_words(ours)} instead of {_words(theirs)}")
    if gone := [key for key in results.missing if key.startswith(f"{variant}/")]:
        return [*reasons, f"{len(gone)} of our cells missing"]
    # Where no training was seen: one image a step, as anomalib's EfficientAD asks.
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
    """Over seeds, on raw scores: nobody else clamps them."""
    cells = [c for c in results.cells.values() if (c.variant, c.category) == (variant, category)]
    return mean([getattr(cell.metrics if metric == "aupro" else cell.raw, metric) for cell in cells])


def _words(value: Any) -> str:
    return "on" if value is True else "off" if value is False else "none" if value is None else str(value)
