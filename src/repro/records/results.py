"""The records of results.json, verdicts.json and guards.json: what the paper may read. Schema version 1.

results.json says what was measured, verdicts.json what follows from it, guards.json what pytest asserted.
None of them holds a time, a path of the machine or a host name, so equal inputs give equal bytes.
Image names are relative to the data root, for example `grid/test/bent/000.png`.
"""

from collections import Counter
from typing import Any, Literal

from repro.records.base import Record, Score
from repro.records.comparison import ComparisonRecord
from repro.records.metrics import ImageScore, ScoresRecord
from repro.records.receptive_field import ReceptiveFieldRecord
from repro.records.recovery import RecoveryRecord
from repro.records.retrieval import RetrievalRecord
from repro.records.training import TrainingRecord
from repro.records.weights import WeightsRecord

MODEL_NAMES = {"efficientad": "EfficientAD", "patchcore": "PatchCore", "padim": "PaDiM"}


class GuardBound(Record):
    """The least value of a metric that the study accepts, for every category of a variant or for one."""

    variant: str
    metric: str
    minimum: Score
    #: None: the bound holds for each category.
    category: str | None = None


class StudyRecord(Record):
    name: str
    title: str
    image_size: int
    categories: tuple[str, ...]
    seeds: tuple[int, ...]
    guards: tuple[GuardBound, ...]
    #: SHA-256 of the resolved study.
    fingerprint: str


class CategoryRecord(Record):
    train: int
    #: Test images by defect type; `good` are the normal ones.
    test: dict[str, int]
    #: Width and height of the images on disk; several where they differ.
    image_sizes: tuple[tuple[int, int], ...]
    #: Pillow modes found, for example `L` or `RGB`.
    modes: tuple[str, ...]
    #: SHA-256 over the names and hashes of the category's files.
    fingerprint: str


class DataRecord(Record):
    source: Literal["procedural", "folder", "published"]
    #: What to call the data in a sentence, for example `MVTec AD` or `procedural stand-ins`.
    name: str
    #: Whether split sizes and image sizes are those of the official MVTec AD.
    official: bool
    categories: dict[str, CategoryRecord]
    fingerprint: str


class VariantRecord(Record):
    model: Literal["efficientad", "patchcore", "padim"]
    #: The variant's settings in the study file.
    settings: dict[str, Any]
    #: By role: `teacher` and `penalty` of EfficientAD, `backbone` of the others.
    weights: dict[str, WeightsRecord]


class HeatMap(Record):
    """An image chosen by rule: of its defect type the best, median or worst by rank of score over the variants."""

    category: str
    defect: str
    place: Literal["best", "median", "worst"]
    image: str


class CellRecord(TrainingRecord, ScoresRecord):
    variant: str
    category: str
    seed: int
    #: Steps that the trained model applies to an image before its network.
    preprocessing: tuple[str, ...]
    #: None where the maps are the model's own.
    recovery: RecoveryRecord | None = None

    def calls_anomalous(self, image: ImageScore) -> bool:
        """Whether the score of an image is above the threshold, both rounded to the 6 decimals of scores."""
        return image.score > round(self.thresholds.image, 6)


class Results(Record):
    """results.json: what was measured."""

    schema_version: Literal[1]
    study: StudyRecord
    data: DataRecord
    variants: dict[str, VariantRecord]
    #: By cell key, `variant/category/seedN`.
    cells: dict[str, CellRecord]
    #: By category; the same images for every variant.
    heat_maps: tuple[HeatMap, ...]
    #: By cell key; empty for a study without queries.
    retrieval: dict[str, RetrievalRecord]
    receptive_field: ReceptiveFieldRecord
    #: Empty with a single variant, and in results of earlier versions.
    comparisons: tuple[ComparisonRecord, ...] = ()

    @property
    def names(self) -> dict[str, str]:
        """What to call each variant: the model's name, with the rest of the variant's own where a model has several."""
        models = Counter(record.model for record in self.variants.values())
        names = {}
        for variant, record in self.variants.items():
            rest = variant.removeprefix(record.model).removeprefix("-")
            names[variant] = MODEL_NAMES[record.model] + (f" ({rest})" if rest and models[record.model] > 1 else "")
        return names

    def seeds(self, variant: str) -> tuple[int, ...]:
        """The seeds with which a variant was trained."""
        return tuple(self.variants[variant].settings.get("seeds") or self.study.seeds)

    @property
    def missing(self) -> tuple[str, ...]:
        """Keys of the study's cells that no result is here of, in the study's order; none but in a partial report."""
        return tuple(key for key in self._wanted if key not in self.cells)

    @property
    def ordered(self) -> tuple[str, ...]:
        """Keys of the cells that have results, in the study's order, not that of the JSON."""
        return tuple(key for key in self._wanted if key in self.cells)

    @property
    def _wanted(self) -> list[str]:
        return [
            f"{variant}/{category}/seed{seed}"
            for variant in self.variants
            for category in self.study.categories
            for seed in self.seeds(variant)
        ]
