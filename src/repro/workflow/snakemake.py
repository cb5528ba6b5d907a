"""Snakemake: how it is called, on this machine or with a profile for a cluster, and how its run ended."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from repro.errors import ReproError
from repro.gpus import gpus, shares
from repro.pipeline import OF_A_CELL, STAGES, is_finished, resolved
from repro.runs import LOCKED, PROJECT_ROOT, RunFolder
from repro.workflow.choices import Choices
from repro.workflow.preloaded import preloading, serving
from repro.workflow.supervise import supervise

SNAKEFILE = Path(__file__).parent / "Snakefile"
#: Where the stages run; each folder holds a config.yaml as Snakemake's profiles do.
PROFILES = SNAKEFILE.parent / "profiles"
LOCAL = "local"
#: Caches of Snakemake and of the libraries that the stages use, where the user has no place for them.
CACHES = PROJECT_ROOT / "runs" / ".cache"
#: The rules that a partial paper runs: no cell is trained or made again.
REPORT_RULES = (*(stage.rule for stage in STAGES if stage.scope != "cell" and not stage.before), "evaluate", "paper")


@dataclass(frozen=True)
class Outcome:
    """How a run of the workflow ended."""

    failed: bool = False
    #: The error lines of the stages, each once.
    errors: tuple[str, ...] = ()


def run(
    folder: RunFolder, choices: Choices, profile: Path, more: Sequence[str] = (), *, partial: bool = False
) -> Outcome:
    """Run the workflow for the paper and `more` files, or with `partial` for the paper of the finished cells."""
    line, variables = command(folder, choices, profile, more, partial=partial), environment(profile)
    if profile == PROFILES / LOCAL:
        line, variables = preloading(line, [] if partial else _unfinished(folder)), serving(variables)
    status, errors = supervise(line, folder.root, variables | {LOCKED: folder.study})
    return Outcome(status != 0, tuple(dict.fromkeys(errors)))


def _unfinished(folder: RunFolder) -> list[str]:
    """The stages of cells, if a cell is not finished."""
    study = resolved(folder)
    if study is None or all(is_finished(folder, study, cell) for cell in study.cells):
        return []
    return [stage.name for stage in OF_A_CELL if stage.applies(study)]


def find_profile(name_or_path: str) -> Path:
    """The folder of a profile, by name (`slurm`) or path; ReproError where it or its executor is missing."""
    folder = PROFILES / name_or_path if name_or_path in profiles() else Path(name_or_path).resolve()
    if not (folder / "config.yaml").is_file():
        known = ", ".join(profiles())
        raise ReproError("no such profile", where=name_or_path, hint=f"use {known} or a folder with a config.yaml")
    ours = folder.parent == PROFILES and folder.name != LOCAL
    if ours and find_spec(f"snakemake_executor_plugin_{folder.name}") is None:
        hint = f'run `{sys.executable} -m pip install -c constraints.txt -e ".[{folder.name}]"`'
        raise ReproError("its executor is not installed", where=f"profile {folder.name}", hint=hint)
    return folder


def profiles() -> list[str]:
    """Names of the profiles that come with the package."""
    return sorted(path.parent.name for path in PROFILES.glob("*/config.yaml"))


def environment(profile: Path) -> dict[str, str]:
    """Environment of Snakemake and the stages: it finds an executor that lies in the profile's own folder.

    Caches go below `runs` where the home folder cannot be written, as in containers that run as any user.
    """
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(profile))))
    caches = {} if _is_writable(Path(platformdirs.user_cache_dir())) else {"XDG_CACHE_HOME": str(CACHES)}
    return os.environ | {"PYTHONPATH": path} | caches


def _is_writable(folder: Path) -> bool:
    """Whether a folder can be written to, or made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def command(
    folder: RunFolder, choices: Choices, profile: Path, more: Sequence[str] = (), *, partial: bool = False
) -> list[str]:
    """The command line of Snakemake; see `run`."""
    local = profile == PROFILES / LOCAL
    cores = available_cores(choices) if local else choices.cores
    # The GPUs of a cluster are not known here: a cell asks for one unless the CPU is asked for.
    count = int(choices.accelerator != "cpu")
    if local:
        names = gpus(choices.accelerator, choices.devices)
        count = len(names) * min(shares(), max(1, (cores or 1) // len(names))) if names else 0
    config = {
        "study": folder.study,
        "accelerator": choices.accelerator,
        "devices": choices.devices,
        "qdrant_url": choices.qdrant_url or "",
        "gpus": count,
        "partial": int(partial),
    }
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    limits = [f"mem_mb={memory}", *([f"gpu={count}"] if count else [])] if local else []
    return [
        *(sys.executable, "-m", "snakemake", choices.until, *more),
        *("--snakefile", str(SNAKEFILE), "--directory", str(folder.root), "--workflow-profile", str(profile)),
        *(("--cores", str(cores)) if cores else ()),
        *(("--resources", *limits) if limits else ()),
        *(("--keep-going",) if choices.keep_going else ()),
        *(("--allowed-rules", *REPORT_RULES) if partial else ()),
        *("--rerun-triggers", "mtime", "input"),
        # The lock of `reproduce` ends with its process; Snakemake's would stay behind when it is killed. Stages rename
        # their files into place, so that each is complete: Snakemake need not doubt what it did not see to the end.
        *("--nolock", "--ignore-incomplete", "--keep-incomplete", "--quiet", "rules", "host", "reason"),
        *("--config", *(f"{key}={value}" for key, value in config.items())),
    ]


def available_cores(choices: Choices) -> int:
    """The cores that a run may use on this machine."""
    return choices.cores or os.cpu_count() or 1
