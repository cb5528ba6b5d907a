"""Results: every stage's files in, results.json out, with environment.json and timings.json beside it."""

from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from pydantic import ValidationError

from repro.costs.timings import timings
from repro.data.checks import is_official
from repro.data.layout import GOOD
from repro.errors import ReproError
from repro.machine import environment
from repro.pipeline import is_finished
from repro.records.base import SCHEMA_VERSION, Record, fault
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
from repro.records.weights import WeightsRecord
from repro.runs import Cell, RunFolder, fingerprint, read_json, write_json
from repro.study import Study

OUTDATED = "another version of repro may have left it: delete it and run `nox -s reproduce`"


class Trained(Record, extra="ignore"):
    """Of fit.json: what is not part of a cell's record."""

    weights: dict[str, WeightsRecord]
    device: str
    threads: int
    packages: dict[str, str]


#: What to call images on disk that are not the official MVTec AD, by their layout.
FOLDERS = {
    "mvtec": "a folder in MVTec AD layout that is not the official MVTec AD",
    "visa": "a folder in VisA layout",
}


def results(folder: RunFolder, study: Study, *, partial: bool = False) -> None:
    """Gather a study's stage files into results.json, environment.json and timings.json in its report folder.

    With `partial` those of the cells that are finished; ReproError where a file is missing, or no cell is finished.
    """
    cells = study.cells
    if partial:
        cells = [cell for cell in cells if is_finished(folder, study, cell)]
        if not cells:
            raise ReproError("no cell is finished", where=folder.run, hint="run `nox -s reproduce` first")
    try:
        _gather(folder, study, cells)
    except ValidationError as error:
        raise ReproError(fault(error), where=folder.run, hint=OUTDATED) from None


def _gather(folder: RunFolder, study: Study, cells: list[Cell]) -> None:
    recovered = study.data.source == "published"
    trained = [] if recovered else cells
    fits = {cell.key: _part(folder.cell(cell) / "fit.json", tuple(Trained.model_fields)) for cell in trained}
    for fit in fits.values():
        Trained.model_validate(fit)
    made = {
        cell.key: _recovered(folder, cell) if recovered else _trained(folder, cell, fits[cell.key]) for cell in cells
    }
    scores = {cell.key: _part(folder.cell(cell) / "scores.json") for cell in cells}
    categories = {name: _part(folder.manifest(name), ("record",))["record"] for name in study.categories}
    data = data_record(study, categories)
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "study": study_record(study).model_dump(mode="json"),
        "data": data.model_dump(mode="json"),
        "variants": {name: variant_record(study, name, fits).model_dump(mode="json") for name in study.variants},
        "cells": {
            cell.key: {
                "variant": cell.variant,
                "category": cell.category,
                "seed": cell.seed,
                **made[cell.key],
                **scores[cell.key],
            }
            for cell in cells
        },
        "retrieval": {cell.key: _part(folder.cell(cell) / "hits.json") for cell in cells if study.queries},
        "receptive_field": _part(folder.receptive_field),
    }
    records = {key: CellRecord.model_validate(cell) for key, cell in content["cells"].items()}
    content["heat_maps"] = [choice.model_dump(mode="json") for choice in choose_heat_maps(study, records)]
    checked = Results.model_validate(content)
    write_json(folder.report / "results.json", checked.model_dump(mode="json"))
    write_json(folder.report / "environment.json", environment(folder, data, checked, fits).model_dump(mode="json"))
    write_json(folder.report / "timings.json", timings(folder.run, {cell.key for cell in cells}))


def _trained(folder: RunFolder, cell: Cell, fit: Mapping[str, Any]) -> dict[str, Any]:
    """Of a cell's record, what its training and its trained model say."""
    of_fit = {key: value for key, value in fit.items() if key not in Trained.model_fields}
    return of_fit | _part(folder.cell(cell) / "predict.json")


def _recovered(folder: RunFolder, cell: Cell) -> dict[str, Any]:
    """Of a cell's record, what its recovery says; of the training behind the maps nothing was seen."""
    unseen = ("epochs_asked", "epochs_run", "steps", "memory_bank", "efficientnet_modules")
    recovery = _part(folder.cell(cell) / "recover.json", ("recovery",))["recovery"]
    return dict.fromkeys(unseen) | {"preprocessing": (), "recovery": recovery}


def _part(path: Path, keys: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a stage left; ReproError where it is missing or lacks one of `keys`."""
    found = read_json(path, hint="run `nox -s reproduce` to make it")
    if not isinstance(found, dict) or not set(keys) <= found.keys():
        raise ReproError(f"does not hold {' and '.join(keys) or 'an object'}", where=path, hint=OUTDATED)
    return found


def study_record(study: Study) -> StudyRecord:
    """What results.json says of the study itself; where its data lies is not part of it."""
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


def data_record(study: Study, categories: Mapping[str, Any]) -> DataRecord:
    """What the data is, and what to call it."""
    records = {name: CategoryRecord.model_validate(record) for name, record in categories.items()}
    official = study.data.source == "published" or (study.data.source == "folder" and is_official(records))
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
        categories=records,
        fingerprint=fingerprint({name: record.fingerprint for name, record in records.items()}),
    )


def choose_heat_maps(study: Study, cells: Mapping[str, CellRecord]) -> list[HeatMap]:
    """Best, median and worst image of each defect type, by its score's rank averaged over the variants, first seed.

    Best is what the models find most anomalous; of equal ranks the first by name.
    """
    chosen = []
    for category in study.categories:
        keys = [f"{variant}/{category}/seed{study.seeds_of(variant)[0]}" for variant in study.variants]
        here = [cells[key] for key in keys if key in cells]
        defects = sorted({score.defect for cell in here for score in cell.scores} - {GOOD})
        for defect in defects:
            ranks: dict[str, list[int]] = {}
            for cell in here:
                those = [score for score in cell.scores if score.defect == defect]
                for rank, score in enumerate(sorted(those, key=lambda score: (-score.score, score.image))):
                    ranks.setdefault(score.image, []).append(rank)
            order = sorted(ranks, key=lambda image: (mean(ranks[image]), image))
            places = {"best": order[0], "median": order[(len(order) - 1) // 2], "worst": order[-1]}
            chosen += [
                HeatMap.model_validate({"category": category, "defect": defect, "place": place, "image": image})
                for place, image in places.items()
            ]
    return chosen


def variant_record(study: Study, name: str, fits: Mapping[str, Mapping[str, Any]]) -> VariantRecord:
    """What results.json says of a variant, by the fit.json of its cells; ReproError where their weights differ."""
    settings = study.variants[name].model_dump(mode="json")
    # Of a variant without a finished cell nobody knows what its weights would have been.
    found = [fits[cell.key]["weights"] for cell in study.cells if cell.variant == name and cell.key in fits]
    if any(weights != found[0] for weights in found):
        raise ReproError(
            "its cells were trained with different weights, by their SHA-256",
            where=f"variant {name}",
            hint=f"delete runs/{study.name}/cells/{name} and run `nox -s reproduce`",
        )
    return VariantRecord(model=settings.pop("model"), settings=settings, weights=found[0] if found else {})
