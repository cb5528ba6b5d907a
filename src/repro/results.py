"""Results: every stage's files in, results.json out, with environment.json and timings.json beside it."""

import csv
import platform
import subprocess
from collections.abc import Iterable, Mapping, Set
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from statistics import mean
from typing import Any

from pydantic import ValidationError

from repro.data.checks import is_official
from repro.data.layout import GOOD
from repro.errors import ReproError
from repro.record import Record, fault
from repro.records import (
    SCHEMA_VERSION,
    CategoryRecord,
    CellRecord,
    DataRecord,
    Environment,
    GuardBound,
    HeatMap,
    Results,
    StudyRecord,
    VariantRecord,
    WeightsRecord,
)
from repro.runs import Cell, RunFolder, fingerprint, read_json, write_json
from repro.study import Study

#: What decides a number or the look of the paper; named with its version in environment.json.
PACKAGES = (
    "anomalib",
    "jinja2",
    "lightning",
    "matplotlib",
    "numpy",
    "pillow",
    "pypandoc-binary",
    "qdrant-client",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "snakemake",
    "timm",
    "torch",
    "torchvision",
    "typst",
)
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
        cells = [cell for cell in cells if folder.is_finished(cell, searched=bool(study.queries))]
        if not cells:
            raise ReproError("no cell is finished", where=folder.run, mend="run `nox -s reproduce` first")
    try:
        _gather(folder, study, cells)
    except ValidationError as error:
        raise ReproError(fault(error), where=folder.run, mend=OUTDATED) from None


def _gather(folder: RunFolder, study: Study, cells: list[Cell]) -> None:
    fits = {cell.key: _part(folder.cell(cell) / "fit.json", tuple(Trained.model_fields)) for cell in cells}
    for fit in fits.values():
        Trained.model_validate(fit)
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
                **{key: fits[cell.key][key] for key in fits[cell.key] if key not in Trained.model_fields},
                **_part(folder.cell(cell) / "predict.json"),
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


def _part(path: Path, keys: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a stage left; ReproError where it is missing or lacks one of `keys`."""
    found = read_json(path, mend="run `nox -s reproduce` to make it")
    if not isinstance(found, dict) or not set(keys) <= found.keys():
        raise ReproError(f"does not hold {' and '.join(keys) or 'an object'}", where=path, mend=OUTDATED)
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
    official = study.data.source == "folder" and is_official(records)
    if study.data.source == "procedural":
        name = "procedural stand-ins"
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


def environment(
    folder: RunFolder, data: DataRecord, checked: Results, fits: Mapping[str, Mapping[str, Any]]
) -> Environment:
    """The software and the machine behind the results."""
    return Environment(
        schema_version=SCHEMA_VERSION,
        commit=commit(folder.root),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        processor=processor(),
        devices=tuple(sorted({fit["device"] for fit in fits.values()})),
        threads=max(fit["threads"] for fit in fits.values()),
        packages=_packages(fits),
        data_fingerprint=data.fingerprint,
        weights={
            f"{name} {role}": record.sha256
            for name, variant in checked.variants.items()
            for role, record in variant.weights.items()
            if record.sha256 is not None
        },
    )


def commit(root: Path) -> str:
    """Short commit of the project, `+changes` where files outside report/ differ from it, `unknown` outside git."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()

    try:
        changes = git("status", "--porcelain", "--", ".", ":(exclude)report")
        return git("rev-parse", "--short=10", "HEAD") + ("+changes" if changes else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def timings(run: Path, cells: Set[str]) -> dict[str, dict[str, float]]:
    """Seconds and peak memory in MB of each stage that led to the results, by `stage` or `stage cell`.

    Source: the workflow's benchmark files. Those of other cells are left over from an earlier choice of categories.
    """
    found = {}
    for path in sorted((run / "benchmarks").rglob("*.tsv")):
        with path.open(encoding="utf-8") as stream:
            row = next(csv.DictReader(stream, delimiter="\t"), {})
        stage, *parts = path.relative_to(run / "benchmarks").with_suffix("").parts
        cell = "/".join(parts)
        if cell not in cells and stage != "receptive-field":
            continue
        seconds, peak = _number(row.get("s")), _number(row.get("max_rss"))
        if seconds is not None:
            found[f"{stage} {cell}".strip()] = {"seconds": seconds, "peak_mb": peak or 0.0}
    return found


def _number(text: str | None) -> float | None:
    """A number of a benchmark file; None for `-`, `NA` and whatever a workflow that was killed left behind."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if isfinite(number) else None


def variant_record(study: Study, name: str, fits: Mapping[str, Mapping[str, Any]]) -> VariantRecord:
    """What results.json says of a variant, by the fit.json of its cells; ReproError where their weights differ."""
    settings = study.variants[name].model_dump(mode="json")
    # Of a variant without a finished cell nobody knows what its weights would have been.
    found = [fits[cell.key]["weights"] for cell in study.cells if cell.variant == name and cell.key in fits]
    if any(weights != found[0] for weights in found):
        raise ReproError(
            "its cells were trained with different weights, by their SHA-256",
            where=f"variant {name}",
            mend=f"delete runs/{study.name}/cells/{name} and run `nox -s reproduce`",
        )
    return VariantRecord(model=settings.pop("model"), settings=settings, weights=found[0] if found else {})


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those packages that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _packages(fits: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Versions: of what trained the cells those of then, of the rest those of now."""
    found = versions(PACKAGES)
    trained: dict[str, set[str]] = {}
    for fit in fits.values():
        for name, used in fit["packages"].items():
            trained.setdefault(name, set()).add(used)
    return found | {name: " and ".join(sorted(used)) for name, used in trained.items()}


#: Instructions by which processors of one name compute in another order, widest first, and the flags that tell.
WIDEST = {"avx512f": "AVX-512", "avx2": "AVX2"}


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Name of the processor, as well as the system tells, and its widest vector instructions."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = told.get("flags", "").split()
    name = told.get("model name", "unknown")
    return ", ".join([name, *[word for flag, word in WIDEST.items() if flag in flags][:1]])
