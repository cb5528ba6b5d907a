"""The table of stages is complete: each file that a stage opened in a real run is among its inputs, outputs or code."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import smoke

from repro.closure import PACKAGE, PLUMBING, closure
from repro.pipeline import BY_NAME, STAGES, Job, Stage, jobs
from repro.runs import PROJECT_ROOT, WRITING, RunFolder
from repro.study import load_resolved

#: Modules that start a stage and do not affect its result.
ENTRY = {"__init__", "__main__", "arguments", "cli", "commands", "serve", "workflow"}
#: Imports of these and of the plumbing: messages, paths and schemas, which do not affect a result.
BEHIND = {
    path.relative_to(PACKAGE).as_posix()
    for name in PLUMBING
    for path in closure([*(PACKAGE / name).glob("*.py"), *PACKAGE.glob(f"{name}.py")])
}
#: Files that a stage opens although the table does not list them, and why.
UNLISTED = {
    "pyproject.toml": "settings of pytest, which do not affect a result",
    "tests/smoke.py": "runs the smoke study for other tests",
    "runs/{study}/study.json": "settings of the study; those of a cell are in cell.json",
    "runs/{study}/data-root.json": "the folder of the images; their content is in the manifests",
    "runs/{study}/data/": "the images themselves, by their hashes in the manifests",
    "runs/{study}/weights/": "copied by fit from files whose SHA-256 is in fit.json",
    "runs/{study}/hashes/": "what verify compares",
    "report/{study}/hashes/": "what verify compares",
    "runs/{study}/timings/": "timings, which do not affect a result",
    "runs/.{study}.lock": "one process at a time",
}
#: Temporary folders of a single stage.
SCRATCH = ("lightning/", "resume-", "qdrant/", "__pycache__/")


@dataclass(frozen=True)
class Access:
    #: None for the process whose forks the stages are: it imports what they need.
    stage: Stage | None
    kind: str
    #: Relative to the project.
    path: str
    #: For a rename, the new name.
    target: str | None = None


def accesses(run: smoke.Run) -> Iterator[Access]:
    """The files that the processes of stages opened and renamed."""
    for line in run.opened.read_text(encoding="utf-8").splitlines():
        arguments, kind, *paths = json.loads(line)
        name = arguments[3] if arguments[1:3] == ["-m", "repro"] else "guard" if "--write-guards" in arguments else None
        if name in BY_NAME and not BY_NAME[name].before:
            yield Access(BY_NAME[name], kind, *paths)
        elif arguments[1:3] == ["-m", "repro.serve"]:
            yield Access(None, kind, *paths)


def listed(folder: RunFolder) -> dict[str, set[str]]:
    """The files that the table lists, by stage."""
    study = load_resolved(folder)
    names: dict[str, set[str]] = {stage.name: set() for stage in STAGES}
    for job in jobs(folder, study, study.cells):
        paths = [*job.awaited, *job.inputs, *job.outputs]
        names[job.stage.name] |= {path.relative_to(PROJECT_ROOT).as_posix() for path in paths}
    return names


def is_listed(access: Access, names: set[str], study: str) -> bool:
    path = access.path
    if path in names or any(part in f"/{path}" for part in SCRATCH if part != "__pycache__/"):
        return True
    if "__pycache__/" in path:
        path = path.replace("__pycache__/", "").split(".cpython")[0] + ".py"
    if path.startswith("src/repro/") and path.endswith(".py"):
        module = path.removeprefix("src/repro/")
        entry = module.removesuffix(".py").split("/")[0] in ENTRY | PLUMBING.keys()
        return path in names or module.endswith("__init__.py") or entry or module in BEHIND
    unlisted = [name.format(study=study) for name in UNLISTED]
    return path in names or any(path == name or (name.endswith("/") and path.startswith(name)) for name in unlisted)


def test_every_file_that_a_stage_reads_is_among_its_inputs(smoke_run: smoke.Run) -> None:
    names, study = listed(smoke_run.folder), smoke_run.folder.study
    read = [access for access in accesses(smoke_run) if access.kind == "read"]
    study_of_run = load_resolved(smoke_run.folder)
    ran = {stage.name for stage in STAGES if not stage.before and stage.applies(study_of_run)}
    assert {access.stage.name for access in read if access.stage} == ran
    of_any = set().union(*names.values())
    missing = {
        (access.stage.name if access.stage else "serve", access.path)
        for access in read
        if not is_listed(access, names[access.stage.name] if access.stage else of_any, study)
    }
    assert sorted(missing) == []


def test_every_file_is_written_under_a_temporary_name_and_renamed(smoke_run: smoke.Run) -> None:
    """A reader, or the next run after a kill, must see each file complete or not at all."""
    seen = list(accesses(smoke_run))
    renamed = {access.path for access in seen if access.kind == "rename"}
    written = [access for access in seen if access.kind == "write" and access.path.startswith(("runs/", "report/"))]
    assert {Path(access.path).suffix for access in written} >= {
        ".json",
        ".npz",
        ".ckpt",
        ".pdf",
        ".html",
        ".svg",
        ".jpg",
    }
    direct = {
        (access.stage.name if access.stage else "serve", access.path)
        for access in written
        if not (Path(access.path).name.startswith(WRITING) and access.path in renamed)
        and not access.path.endswith(".lock")
        and not any(part in f"/{access.path}" for part in SCRATCH)
    }
    assert sorted(direct) == []


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_the_code_of_a_stage_includes_its_module_and_no_plumbing(stage: Stage) -> None:
    names = {path.stem for path in stage.code}
    assert stage.rule in names
    assert not names & PLUMBING.keys() - {"pipeline"}


@pytest.mark.parametrize(
    ("stage", "module"),
    [
        ("fit", "models/patchcore.py"),
        ("fit", "models/kcenter.py"),
        ("predict", "models/engine.py"),
        ("score", "metrics/bootstrap.py"),
        ("render", "paper/sections/cost.py"),
        ("figures", "pipeline.py"),
        ("guard", "models/layers.py"),
    ],
)
def test_code_that_affects_a_result_is_an_input_of_its_stage(stage: str, module: str) -> None:
    assert Path("src/repro", module) in {
        path.relative_to(PROJECT_ROOT)
        for path in BY_NAME[stage].code + tuple(Job(RunFolder("x"), BY_NAME[stage]).inputs)
    }
