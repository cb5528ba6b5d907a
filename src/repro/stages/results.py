"""Results: gather the files of all stages into results.json, environment.json and timings.json."""

from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import TypeVar

from pydantic import ValidationError

from repro.costs.timings import timings
from repro.data.checks import is_official
from repro.data.layout import GOOD
from repro.errors import ReproError
from repro.machine import environment
from repro.metrics.paired import compare
from repro.pipeline import is_finished
from repro.records.base import SCHEMA_VERSION, Record, fault
from repro.records.comparison import ComparisonRecord
from repro.records.metrics import ImageScore, ScoresRecord
from repro.records.receptive_field import ReceptiveFieldRecord
from repro.records.recovery import RecoveryRecord
from repro.records.results import (
    CategoryRecord,
    CellRecord,
    DataRecord,
    GuardBound,
    HeatMap,
    Results,
    StudyRecord,
    VariantRecord,
)
from repro.records.retrieval import RetrievalRecord
from repro.records.training import FitRecord, PredictRecord, TrainingRecord
from repro.runs import Cell, RunFolder, fingerprint, read_json, write_json
from repro.study import Study

OUTDATED = "another version of repro may have left it: delete it and run `nox -s reproduce`"


RecordType = TypeVar("RecordType", bound=Record)


class Manifest(Record, extra="ignore"):
    """The part of a category's manifest that goes into results.json."""

    record: CategoryRecord


class Recovered(Record, extra="ignore"):
    """The part of recover.json that goes into results.json."""

    recovery: RecoveryRecord


#: Of recovered maps.
UNKNOWN_TRAINING = TrainingRecord(
    epochs_asked=None, epochs_run=None, steps=None, memory_bank=None, efficientnet_modules=None
)
#: Name of images on disk other than the official MVTec AD, by layout.
FOLDERS = {
    "mvtec": "a folder in MVTec AD layout that is not the official MVTec AD",
    "visa": "a folder in VisA layout",
}


def results(folder: RunFolder, study: Study, *, partial: bool = False) -> None:
    """Gather the files of a study's stages into results.json, environment.json and timings.json in its report folder.

    With `partial` only of the finished cells. Raises ReproError where a file is missing or no cell is finished.
    """
    cells = study.cells
    if partial:
        cells = [cell for cell in cells if is_finished(folder, study, cell)]
        if not cells:
            raise ReproError("no cell is finished", where=folder.run, hint="run `nox -s reproduce` first")
    fits = (
        {}
        if study.data.source == "published"
        else {cell.key: _read(folder.cell(cell) / "fit.json", FitRecord) for cell in cells}
    )
    records = {cell.key: cell_record(folder, cell, fits.get(cell.key)) for cell in cells}
    gathered = Results(
        schema_version=SCHEMA_VERSION,
        study=study_record(study),
        data=data_record(study, {name: _read(folder.manifest(name), Manifest).record for name in study.categories}),
        variants={name: variant_record(study, name, fits) for name in study.variants},
        cells=records,
        heat_maps=tuple(choose_heat_maps(study, records)),
        retrieval={
            cell.key: _read(folder.cell(cell) / "hits.json", RetrievalRecord) for cell in cells if study.queries
        },
        receptive_field=_read(folder.receptive_field, ReceptiveFieldRecord),
        comparisons=tuple(comparisons(records)),
    )
    write_json(folder.report / "results.json", gathered.model_dump(mode="json"))
    write_json(folder.report / "environment.json", environment(folder, gathered, fits.values()).model_dump(mode="json"))
    write_json(folder.report / "timings.json", timings(folder.run, {cell.key for cell in cells}))


def comparisons(cells: Mapping[str, CellRecord]) -> list[ComparisonRecord]:
    """Compare the variants on the images that they share."""
    by_variant: dict[tuple[str, str], list[tuple[ImageScore, ...]]] = {}
    for cell in cells.values():
        by_variant.setdefault((cell.variant, cell.category), []).append(cell.scores)
    return compare(by_variant, GOOD)


def cell_record(folder: RunFolder, cell: Cell, fit: FitRecord | None) -> CellRecord:
    """Join the files of a cell; without `fit` its maps were recovered."""
    training = fit or UNKNOWN_TRAINING
    predict = _read(folder.cell(cell) / "predict.json", PredictRecord) if fit else None
    recovery = None if fit else _read(folder.cell(cell) / "recover.json", Recovered).recovery
    return CellRecord(
        variant=cell.variant,
        category=cell.category,
        seed=cell.seed,
        preprocessing=predict.preprocessing if predict else (),
        recovery=recovery,
        **{name: getattr(training, name) for name in TrainingRecord.model_fields},
        **dict(_read(folder.cell(cell) / "scores.json", ScoresRecord)),
    )


def _read(path: Path, kind: type[RecordType]) -> RecordType:
    """Read the file of a stage; ReproError where it is missing or no such record."""
    content = read_json(path, hint="run `nox -s reproduce` to make it")
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ReproError(fault(error), where=path, hint=OUTDATED) from None


def study_record(study: Study) -> StudyRecord:
    """Describe the study, without the path of its data."""
    content = study.model_dump(mode="json")
    content["data"].pop("root", None)
    return StudyRecord(
        name=study.name,
        title=study.title,
        image_size=study.image_size,
        categories=tuple(study.categories),
        seeds=tuple(study.seeds),
        guards=tuple(GuardBound(**guard.model_dump()) for guard in study.guards),
        fingerprint=fingerprint(content),
    )


def data_record(study: Study, categories: dict[str, CategoryRecord]) -> DataRecord:
    """Describe and name the data."""
    official = study.data.source == "published" or (study.data.source == "folder" and is_official(categories))
    if study.data.source == "procedural":
        name = "procedural stand-ins"
    elif study.data.source == "published":
        name = "MVTec AD’s test images, as the published result images show them"
    else:
        name = "MVTec AD" if official else FOLDERS[getattr(study.data, "layout", "mvtec")]
    return DataRecord(
        source=study.data.source,
        name=name,
        official=official,
        categories=categories,
        fingerprint=fingerprint({name: record.fingerprint for name, record in categories.items()}),
    )


def choose_heat_maps(study: Study, cells: Mapping[str, CellRecord]) -> list[HeatMap]:
    """Choose the best, median and worst image of each defect type by rank of score, averaged over the variants.

    Only the first seed counts. Best is the most anomalous; equal ranks are ordered by name.
    """
    chosen = []
    for category in study.categories:
        keys = [f"{variant}/{category}/seed{study.seeds_of(variant)[0]}" for variant in study.variants]
        available = [cells[key] for key in keys if key in cells]
        defects = sorted({score.defect for cell in available for score in cell.scores} - {GOOD})
        for defect in defects:
            ranks: dict[str, list[int]] = {}
            for cell in available:
                scores = [score for score in cell.scores if score.defect == defect]
                for rank, score in enumerate(sorted(scores, key=lambda score: (-score.score, score.image))):
                    ranks.setdefault(score.image, []).append(rank)
            order = sorted(ranks, key=lambda image: (mean(ranks[image]), image))
            places = {"best": order[0], "median": order[(len(order) - 1) // 2], "worst": order[-1]}
            chosen += [
                HeatMap.model_validate({"category": category, "defect": defect, "place": place, "image": image})
                for place, image in places.items()
            ]
    return chosen


def variant_record(study: Study, name: str, fits: Mapping[str, FitRecord]) -> VariantRecord:
    """Describe a variant and its weights; ReproError where its cells were trained with different ones."""
    settings = study.variants[name].model_dump(mode="json")
    # The weights of a variant without a finished cell are unknown.
    trained = [fits[cell.key].weights for cell in study.cells if cell.variant == name and cell.key in fits]
    if any(weights != trained[0] for weights in trained):
        raise ReproError(
            "its cells were trained with different weights, by their SHA-256",
            where=f"variant {name}",
            hint=f"delete runs/{study.name}/cells/{name} and run `nox -s reproduce`",
        )
    return VariantRecord(model=settings.pop("model"), settings=settings, weights=trained[0] if trained else {})
