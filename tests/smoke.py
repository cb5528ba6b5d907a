"""The smoke study, run for real once a test session, under a name of its own."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from repro import study as studies
from repro.runs import PROJECT_ROOT, RunFolder

NAME = "smoke-test"


@dataclass(frozen=True)
class Run:
    folder: RunFolder
    study_path: Path
    log: str


def reproduce(study_path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "repro", "reproduce", "--study", str(study_path), *more]
    return subprocess.run(
        command, cwd=PROJECT_ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )


def run_from_nothing(folder: Path) -> Run:
    text = (studies.STUDIES / "smoke.toml").read_text(encoding="utf-8").replace('name = "smoke"', f'name = "{NAME}"')
    path = folder / "smoke-test.toml"
    path.write_text(text, encoding="utf-8")
    run = RunFolder(NAME)
    clear(run)
    done = reproduce(path)
    assert done.returncode == 0, done.stdout
    return Run(run, path, done.stdout)


def clear(run: RunFolder) -> None:
    for place in (run.run, run.report):
        shutil.rmtree(place, ignore_errors=True)
