"""Inputs: the JSON and figures of a report folder in, checked and traced records out: all that a paper is made from."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repro.errors import ReproError
from repro.paper.trace import follow
from repro.records.costs import Bench
from repro.records.environment import Environment
from repro.records.figures import Figures
from repro.records.guards import Guards
from repro.records.results import Results
from repro.records.verdicts import Verdicts
from repro.runs import PROJECT_ROOT, read_record, sha256
from repro.study import ABLATIONS

TEMPLATES = PROJECT_ROOT / "templates"
HINT = "run `nox -s reproduce`"


@dataclass(frozen=True)
class Inputs:
    """All that a paper is made from; every number in it knows its place."""

    results: Results
    verdicts: Verdicts
    guards: Guards
    environment: Environment
    figures: Figures
    #: Of the published outputs, and of our training on a few of their images, where these reports lie beside this one.
    published: Results | None = None
    few_shot: Results | None = None
    #: Of the ablation studies whose results lie beside the report.
    ablations: tuple[Results, ...] = ()
    #: None where nothing was measured.
    bench: Bench | None = None
    constants: Mapping[str, Any] = field(default_factory=dict)
    #: Whether a table lists every cell, however many there are.
    whole: bool = False


def read_inputs(report: Path) -> Inputs:
    """Read and check the records of a report folder, and that each figure they name is there."""
    results = read_record(report / "results.json", Results, hint=HINT)
    verdicts = read_record(report / "verdicts.json", Verdicts, hint=HINT)
    guards = read_record(report / "guards.json", Guards, hint=HINT)
    figures = read_record(report / "figures" / "figures.json", Figures, hint=HINT)
    digest = sha256(report / "results.json")
    for name, judged in (("verdicts.json", verdicts), ("guards.json", guards)):
        if judged.results_sha256 != digest:
            raise ReproError("was made from another results.json", where=report / name, hint=HINT)
    for figure in figures.figures:
        if not (report / "figures" / figure.file).is_file():
            raise ReproError("no such picture", where=report / "figures" / figure.file, hint="run `nox -s figures`")
    constants = tomllib.loads((TEMPLATES / "constants.toml").read_text(encoding="utf-8"))
    return Inputs(
        results=follow(results, "results.json"),
        verdicts=follow(verdicts, "verdicts.json"),
        guards=follow(guards, "guards.json"),
        environment=follow(
            read_record(report / "environment.json", Environment, hint=HINT),
            "environment.json",
        ),
        figures=figures,
        published=_beside(report, "published"),
        few_shot=_beside(report, "mvtec-fewshot"),
        ablations=tuple(
            follow(read_record(path, Results, hint="run `nox -s ablate`"), f"../{name}/results.json")
            for name in ABLATIONS
            if name != report.name and (path := report.parent / name / "results.json").is_file()
        ),
        bench=follow(read_record(path, Bench, hint="run `nox -s bench`"), f"../{path.name}")
        if (path := report.parent / "bench.json").is_file()
        else None,
        constants=follow(constants, "constants.toml"),
    )


def _beside(report: Path, name: str) -> Results | None:
    """The results of another study whose report lies beside this one."""
    path = report.parent / name / "results.json"
    if name == report.name or not path.is_file():
        return None
    return follow(
        read_record(path, Results, hint=f"run `nox -s evaluate -- --study {name}`"), f"../{name}/results.json"
    )
