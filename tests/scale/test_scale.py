"""The full benchmark of 300 cells in the real workflow with simulated training: the overhead."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import data_set
import pytest

from repro import study as studies
from repro.records.guards import Guards
from repro.runs import PROJECT_ROOT, RunFolder, read_json, read_record, write_text
from repro.workflow import reproduce as workflow
from repro.workflow import snakemake
from repro.workflow.choices import Choices

NAME, CELLS = "scale-test", 300
#: Seconds of training of a simulated cell.
SECONDS = 0.05
#: Limit for a step for which users wait.
MOST_SECONDS = 10


@dataclass(frozen=True)
class Cost:
    wall: float
    #: User and system time, with child processes.
    cpu: float
    peak_mb: float = 0


@dataclass
class Simulation:
    folder: RunFolder
    status: int
    costs: dict[str, Cost] = field(default_factory=dict)
    jobs: float = 0.0

    def table(self) -> str:
        lines = [f"{'':34}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}"]
        lines += [f"{name:34}{cost.wall:9.2f}{cost.cpu:9.2f}{cost.peak_mb:9.0f}" for name, cost in self.costs.items()]
        return "\n".join(lines)


def timed(command: list[str]) -> Cost:
    start = time.monotonic()
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr:
        errors = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, errors
    scale = 1 if sys.platform == "darwin" else 1024
    return Cost(time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss * scale / 1e6)


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    folder, place = RunFolder(NAME), tmp_path_factory.mktemp("scale")
    clear(folder)
    data_set.draw(place / "data")
    text = (studies.STUDIES / "mvtec-full.toml").read_text(encoding="utf-8").replace('"mvtec-full"', f'"{NAME}"')
    write_text(place / "study.toml", text)
    choices = Choices(study=str(place / "study.toml"), data_root=place / "data")
    stand_in = f"command={sys.executable} {Path(__file__).with_name('stand_in.py')} {SECONDS}"
    real = snakemake.command
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snakemake, "command", lambda *args, **kwargs: [*real(*args, **kwargs), stand_in])
        # The simulation writes a hundredth of the estimate.
        patch.setattr(workflow, "check_room", lambda folder, estimate: None)
        start = times()
        simulation = Simulation(folder, workflow.reproduce(choices))
        simulation.costs["workflow, all of it"] = since(start)
        start = times()
        workflow.reproduce(choices)
        simulation.costs["workflow, nothing to do"] = since(start)
    simulation.jobs = sum(read_json(path, hint="")["seconds"] for path in (folder.run / "timings").rglob("seed*.json"))
    for name in ("results", "verdicts", "guard --keep-going", "figures", "render"):
        simulation.costs[name] = timed([sys.executable, "-m", "repro", *name.split(), "--study", NAME])
    for name in ("repro.cli", "repro.stages.score", "repro.stages.retrieve"):
        simulation.costs[f"start of a process, {name}"] = timed([sys.executable, "-c", f"import {name}"])
    yield simulation
    clear(folder)


def times() -> tuple[float, float]:
    used = os.times()
    return time.monotonic(), used.user + used.system + used.children_user + used.children_system


def since(start: tuple[float, float]) -> Cost:
    wall, cpu = times()
    return Cost(wall - start[0], cpu - start[1])


def clear(folder: RunFolder) -> None:
    for place in (folder.run, folder.report):
        shutil.rmtree(place, ignore_errors=True)


def test_every_cell_runs_and_the_status_follows_from_the_guards(simulation: Simulation) -> None:
    assert len(list((simulation.folder.run / "cells").rglob("hits.json"))) == CELLS
    guards = read_record(simulation.folder.report / "guards.json", Guards, hint="")
    assert simulation.status == bool(guards.failed)


@pytest.mark.parametrize("step", ["results", "verdicts", "guard --keep-going", "render"])
def test_a_step_of_the_full_study_takes_less_than_ten_seconds(simulation: Simulation, step: str) -> None:
    assert simulation.costs[step].cpu < MOST_SECONDS
    assert simulation.costs[step].peak_mb < 1500


def test_the_workflow_adds_less_than_four_core_seconds_to_a_cell(
    simulation: Simulation, capsys: pytest.CaptureFixture[str]
) -> None:
    # Starting the processes, Snakemake itself, and the report.
    added = simulation.costs["workflow, all of it"].cpu / CELLS
    with capsys.disabled():
        print(f"\n{simulation.table()}")
        print(f"{simulation.jobs:.0f} s in {4 * CELLS} processes; the workflow adds {added:.2f} core-seconds to a cell")
    assert added < 4


def test_the_paper_summarizes_instead_of_listing_cells(simulation: Simulation) -> None:
    report = simulation.folder.report
    lines = (report / "paper.md").read_text(encoding="utf-8").splitlines()
    # 15 x 4 rows of scores; no table has a row for each cell.
    assert max(table_lengths(lines)) < CELLS / 4
    assert (report / "paper.html").stat().st_size < 12_000_000
    assert (report / "paper.pdf").stat().st_size < 6_000_000
    table = subprocess.run(
        [sys.executable, "-m", "repro", "table", "--study", NAME, "cells"],
        capture_output=True, text=True, check=True, cwd=PROJECT_ROOT,
    )  # fmt: skip
    assert len(table.stdout.splitlines()) == CELLS + 1


def table_lengths(lines: list[str]) -> Iterator[int]:
    length = 0
    for line in lines:
        length = length + 1 if line.startswith("|") else 0
        yield length
