"""Reproduce: choose the study, prepare its data, and let the workflow run what is missing or out of date."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from repro import study as studies
from repro.data.prepare import prepare
from repro.errors import ReproError
from repro.mend import clear
from repro.models import shipped
from repro.records import Figures, Guards
from repro.runs import PROJECT_ROOT, RunFolder, read_record, write_json_if_changed

SNAKEFILE = Path(__file__).parent / "workflow" / "Snakefile"
DEFAULT_ROOT = Path("datasets") / "MVTecAD"
ROOT_VARIABLE = "REPRO_DATA_ROOT"


@dataclass(frozen=True)
class Choices:
    """What the command line says."""

    study: str | None = None
    data_root: Path | None = None
    categories: tuple[str, ...] = ()
    until: str = "paper"
    accelerator: str = "auto"
    devices: str = "1"
    qdrant_url: str | None = None
    cores: int | None = None
    #: Seed that draws the cell to compute again; None: reproduce.
    check: int | None = None


def choose_study(choices: Choices, root: Path = PROJECT_ROOT) -> tuple[studies.Study, str]:
    """The study to run, and in words which and why."""
    found, source = choices.data_root, "--data-root"
    if found is None and os.environ.get(ROOT_VARIABLE):
        found, source = Path(os.environ[ROOT_VARIABLE]), f"${ROOT_VARIABLE}"
    if found is None and (root / DEFAULT_ROOT).is_dir():
        found, source = root / DEFAULT_ROOT, str(DEFAULT_ROOT)
    if choices.study is None:
        name = "embedded" if found is None else "mvtec"
        why = "MVTec AD is not on disk" if found is None else f"images from {source}: {found}"
    else:
        name, why = choices.study, "asked for with --study"
    study = studies.load(name)
    if study.data.source == "procedural":
        found = None
        if choices.data_root is not None:
            raise ReproError(
                "draws its own images", where=f"study {study.name}", mend="leave --data-root out or use --study mvtec"
            )
    elif choices.data_root is None and study.data.root is not None:
        found = Path(study.data.root)
    elif found is None:
        raise ReproError(
            "needs images on disk and none are given",
            where=f"study {study.name}",
            mend=f"name their folder with --data-root or ${ROOT_VARIABLE}, or put them into {DEFAULT_ROOT}",
        )
    study = studies.choose(study, data_root=found, categories=list(choices.categories))
    return study, f"study {study.name} ({why})"


def reproduce(choices: Choices) -> int:
    """Bring a study's report up to date; 0 where all guards hold, 1 where a stage or a guard failed."""
    study, words = choose_study(choices)
    print(words, flush=True)
    folder = RunFolder(study.name)
    folder.run.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.run / ".lock", timeout=0):
            return _run(folder, study, choices) if choices.check is None else _check(folder, choices)
    except Timeout:
        raise ReproError(
            "another run is at work here", where=folder.run, mend="wait for it to end, or stop it"
        ) from None


def _run(folder: RunFolder, study: studies.Study, choices: Choices) -> int:
    if choices.qdrant_url is not None:
        _check_qdrant(choices.qdrant_url, folder)
    shipped.check(study)
    prepare(folder, study)
    write_json_if_changed(folder.study_file, study.model_dump(mode="json"))
    write_json_if_changed(folder.run / "queries.json", study.queries)
    for cell in study.cells:
        content = {
            # Further seeds and what to call the configuration change no trained cell.
            "variant": study.variants[cell.variant].model_dump(mode="json", exclude={"seeds", "protocol"}),
            "image_size": study.image_size,
            "seed": cell.seed,
        }
        write_json_if_changed(folder.cell(cell) / "cell.json", content)
    lost = clear(folder, study)
    # Manifests that were altered are gone now.
    prepare(folder, study)
    _draw_again_what_is_lost(folder)
    command = _command(folder, choices, lost if choices.until != "train" else [])
    failed = subprocess.run(command, cwd=folder.root, check=False).returncode
    if failed:
        print(f"error: a stage failed, see above; finished stages are kept in {folder.run}", file=sys.stderr)
        return 1
    if choices.until != "paper":
        return 0
    guards = read_record(folder.report / "guards.json", Guards, mend="run `nox -s guard`")
    print(f"{folder.report / 'paper.pdf'}: {guards.passed} of {guards.passed + guards.failed} guards hold")
    return 1 if guards.failed else 0


def _check(folder: RunFolder, choices: Choices) -> int:
    from repro.fit import Device  # torch: only this one needs it
    from repro.recompute import recompute

    assert choices.check is not None
    study = studies.load_resolved(folder)
    return recompute(folder, study, choices.check, Device(choices.accelerator, choices.devices), choices.cores)


def _draw_again_what_is_lost(folder: RunFolder) -> None:
    """The workflow knows of the list of figures only: without it, all are drawn."""
    listed = folder.report / "figures" / "figures.json"
    if listed.is_file():
        figures = read_record(listed, Figures, mend="delete it").figures
        if not all((listed.parent / figure.file).is_file() for figure in figures):
            listed.unlink()


def _check_qdrant(url: str, folder: RunFolder) -> None:
    from repro.retrieve import qdrant

    with qdrant(url, folder.run):
        pass


def _command(folder: RunFolder, choices: Choices, more: list[str]) -> list[str]:
    config = {
        "study": folder.study,
        "accelerator": choices.accelerator,
        "devices": choices.devices,
        "qdrant_url": choices.qdrant_url or "",
    }
    return [
        *(sys.executable, "-m", "snakemake", choices.until, *more),
        *("--snakefile", str(SNAKEFILE), "--directory", str(folder.root)),
        *("--cores", str(choices.cores or os.cpu_count() or 1)),
        *("--rerun-triggers", "mtime", "input", "params"),
        # The lock of `reproduce` goes with its process; Snakemake's would stay behind when it is killed.
        *("--nolock", "--rerun-incomplete", "--quiet", "rules", "host", "reason"),
        *("--config", *(f"{key}={value}" for key, value in config.items())),
    ]
