"""Inputs: the JSON files of a report folder in, checked and traced records out."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repro.closure import PACKAGE
from repro.errors import ReproError
from repro.paper.trace import trace
from repro.records.costs import Bench
from repro.records.environment import Environment
from repro.records.figures import Figures
from repro.records.guards import Guards
from repro.records.results import Results
from repro.records.verdicts import Verdicts
from repro.runs import read_record, sha256
from repro.study import ABLATIONS

TEMPLATES = PACKAGE / "templates"
HINT = "run `nox -s reproduce`"


@dataclass(frozen=True)
class Inputs:
    """Everything that a paper is made from; each number holds its place."""

    results: Results
    verdicts: Verdicts
    guards: Guards
    environment: Environment
    figures: Figures
    #: Of the published outputs, and of the training on a few of their images; None without these reports.
    published: Results | None = None
    few_shot: Results | None = None
    #: Of the ablation studies that have a report.
    ablations: tuple[Results, ...] = ()
    #: None without bench.json.
    bench: Bench | None = None
    constants: Mapping[str, Any] = field(default_factory=dict)
    #: Whether tables list every cell, however many there are.
    list_all_cells: bool = False


def read_inputs(report: Path) -> Inputs:
    """Read the records of a report folder and of the reports beside it.

    Raises ReproError where a record or a figure is missing, damaged, of another schema version, or made from another
    results.json.
    """
    results = read_record(report / "results.json", Results, hint=HINT)
    verdicts = read_record(report / "verdicts.json", Verdicts, hint=HINT)
    guards = read_record(report / "guards.json", Guards, hint=HINT)
    figures = read_record(report / "figures" / "figures.json", Figures, hint=HINT)
    digest = sha256(report / "results.json")
    for name, record in (("verdicts.json", verdicts), ("guards.json", guards)):
        if record.results_sha256 != digest:
            raise ReproError("was made from another results.json", where=report / name, hint=HINT)
    for figure in figures.figures:
        if not (report / "figures" / figure.file).is_file():
            raise ReproError("no such figure", where=report / "figures" / figure.file, hint="run `nox -s figures`")
    constants = tomllib.loads((TEMPLATES / "constants.toml").read_text(encoding="utf-8"))
    environment = read_record(report / "environment.json", Environment, hint=HINT)
    return Inputs(
        results=trace(results, "results.json"),
        verdicts=trace(verdicts, "verdicts.json"),
        guards=trace(guards, "guards.json"),
        environment=trace(environment, "environment.json"),
        figures=figures,
        published=_other_results(report, "published", hint="run `nox -s evaluate -- --study published`"),
        few_shot=_other_results(report, "mvtec-fewshot", hint="run `nox -s evaluate -- --study mvtec-fewshot`"),
        ablations=tuple(
            other for name in ABLATIONS if (other := _other_results(report, name, hint="run `nox -s ablate`"))
        ),
        bench=_bench(report.parent / "bench.json"),
        constants=trace(constants, "constants.toml"),
    )


def _other_results(report: Path, study: str, *, hint: str) -> Results | None:
    """The results of another study, from the report next to this one; None where there is none."""
    path = report.parent / study / "results.json"
    if study == report.name or not path.is_file():
        return None
    return trace(read_record(path, Results, hint=hint), f"../{study}/results.json")


def _bench(path: Path) -> Bench | None:
    return trace(read_record(path, Bench, hint="run `nox -s bench`"), f"../{path.name}") if path.is_file() else None
