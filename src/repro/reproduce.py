"""Reproduce: choose the study, prepare its data, and let the workflow run what is missing or out of date."""

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock, Timeout

from repro import study as studies
from repro.data.prepare import prepare
from repro.errors import ReproError
from repro.gpus import gpus
from repro.models import shipped
from repro.records import Figures, Guards, Results
from repro.runs import PROJECT_ROOT, RunFolder, read_record, write_json_if_changed

SNAKEFILE = Path(__file__).parent / "workflow" / "Snakefile"
#: Where the stages run; each folder holds a config.yaml as Snakemake's profiles are.
PROFILES = SNAKEFILE.parent / "profiles"
LOCAL = "local"
#: The rules of the paper, which a partial one runs alone: no cell is trained or made anew.
REPORT_RULES = ("receptive_field", "results", "verdicts", "guard", "figures", "render", "evaluate", "paper")
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
    profile: str = LOCAL
    keep_going: bool = False
    partial: bool = False


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
            return _run(folder, study, choices)
    except Timeout:
        raise ReproError(
            "another run is at work here", where=folder.run, mend="wait for it to end, or stop it"
        ) from None


def _run(folder: RunFolder, study: studies.Study, choices: Choices) -> int:
    if choices.qdrant_url is not None:
        _check_qdrant(choices.qdrant_url, folder)
    profile = find_profile(choices.profile)
    if choices.partial and choices.until == "train":
        raise ReproError("trains nothing", where="--partial", mend="leave --until=train out")
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
    _draw_again_what_is_lost(folder)
    failed = 0 if choices.partial else _snakemake(folder, choices, profile)
    partial = choices.partial or (failed and choices.keep_going and choices.until != "train")
    if partial:
        told = _snakemake(folder, choices, profile, partial=True)
        failed = failed or told
        if told:
            partial = False
    if failed and not partial:
        print(f"error: a stage failed, see above; finished stages are kept in {folder.run}", file=sys.stderr)
        return 1
    if choices.until != "paper":
        return 1 if failed else 0
    guards = read_record(folder.report / "guards.json", Guards, mend="run `nox -s guard`")
    missing = read_record(folder.report / "results.json", Results, mend="run `nox -s reproduce`").missing
    print(
        f"{folder.report / 'paper.pdf'}: {guards.passed} of {guards.passed + guards.failed} guards hold"
        + (f"; {len(missing)} of {len(study.cells)} cells are missing and marked so" if missing else "")
    )
    return 1 if guards.failed or failed else 0


def find_profile(name_or_path: str) -> Path:
    """The folder of a profile, by name (`slurm`) or path; ReproError where there is none or its executor is lacking."""
    folder = PROFILES / name_or_path if name_or_path in profiles() else Path(name_or_path).resolve()
    if not (folder / "config.yaml").is_file():
        known = ", ".join(profiles())
        raise ReproError("no such profile", where=name_or_path, mend=f"use {known} or a folder with a config.yaml")
    ours = folder.parent == PROFILES and folder.name != LOCAL
    if ours and find_spec(f"snakemake_executor_plugin_{folder.name}") is None:
        mend = f'run `{sys.executable} -m pip install -c constraints.txt -e ".[{folder.name}]"`'
        raise ReproError("its executor is not installed", where=f"profile {folder.name}", mend=mend)
    return folder


def profiles() -> list[str]:
    """Names of the profiles that come with the package."""
    return sorted(path.parent.name for path in PROFILES.glob("*/config.yaml"))


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


def _snakemake(folder: RunFolder, choices: Choices, profile: Path, *, partial: bool = False) -> int:
    line = command(folder, choices, profile, partial=partial)
    return subprocess.run(line, cwd=folder.root, env=environment(profile), check=False).returncode


def environment(profile: Path) -> dict[str, str]:
    """That of Snakemake, which finds an executor that lies in the profile's own folder."""
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(profile))))
    return os.environ | {"PYTHONPATH": path}


def command(folder: RunFolder, choices: Choices, profile: Path, *, partial: bool = False) -> list[str]:
    """How Snakemake is called; `partial` to make the paper alone, of the cells that are finished."""
    local = profile == PROFILES / LOCAL
    # Of a cluster's GPUs this machine knows nothing: a cell asks for one unless it is told not to.
    found = len(gpus(choices.accelerator, choices.devices)) if local else int(choices.accelerator != "cpu")
    config = {
        "study": folder.study,
        "accelerator": choices.accelerator,
        "devices": choices.devices,
        "qdrant_url": choices.qdrant_url or "",
        "gpus": found,
        "partial": int(partial),
    }
    cores = choices.cores or (os.cpu_count() or 1 if local else None)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    limits = [f"mem_mb={memory}", *([f"gpu={found}"] if found else [])] if local else []
    return [
        *(sys.executable, "-m", "snakemake", choices.until),
        *("--snakefile", str(SNAKEFILE), "--directory", str(folder.root), "--workflow-profile", str(profile)),
        *(("--cores", str(cores)) if cores else ()),
        *(("--resources", *limits) if limits else ()),
        *(("--keep-going",) if choices.keep_going else ()),
        *(("--allowed-rules", *REPORT_RULES) if partial else ()),
        *("--rerun-triggers", "mtime", "input", "params"),
        # The lock of `reproduce` goes with its process; Snakemake's would stay behind when it is killed.
        *("--nolock", "--rerun-incomplete", "--quiet", "rules", "host", "reason"),
        *("--config", *(f"{key}={value}" for key, value in config.items())),
    ]
