"""The smoke study, run for real once a test session, under a name of its own."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from repro import study as studies
from repro.runs import PROJECT_ROOT, RunFolder

NAME = "smoke-test"
OFFLINE = Path(__file__).parent / "offline"


@dataclass(frozen=True)
class Run:
    folder: RunFolder
    study_path: Path
    log: str

    @property
    def tries(self) -> Path:
        """Where each try to reach the network is noted; no such file where there was none."""
        return tries(self.study_path)

    @property
    def opened(self) -> Path:
        """The files of the project that each process of the run opened."""
        return opened(self.study_path)


def tries(study_path: Path) -> Path:
    return study_path.with_name("network-tries.txt")


def opened(study_path: Path) -> Path:
    return study_path.with_name("opened-files.txt")


def offline(study_path: Path) -> dict[str, str]:
    """An environment in which no Python reaches the network; nothing else tells the libraries so."""
    path = os.pathsep.join(filter(None, [str(OFFLINE), os.environ.get("PYTHONPATH")]))
    notes = {"NETWORK_TRIES": str(tries(study_path)), "OPENED_FILES": str(opened(study_path))}
    return os.environ | {"PYTHONPATH": path} | notes


def reproduce(study_path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run `repro reproduce` with the network out of reach."""
    command = [sys.executable, "-m", "repro", "reproduce", "--study", str(study_path), *more]
    return subprocess.run(
        command,
        cwd=PROJECT_ROOT,
        env=offline(study_path),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
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
