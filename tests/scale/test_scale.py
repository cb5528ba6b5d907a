"""The whole benchmark, 300 cells, through the real workflow: what it costs beside the training, which is made up."""

import csv
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
from repro.runs import PROJECT_ROOT, RunFolder, read_record, write_text
from repro.workflow import reproduce as workflow
from repro.workflow import snakemake
from repro.workflow.choices import Choices

NAME, CELLS = "scale-test", 300
#: What a cell of the simulation takes to train.
SECONDS = 0.05
#: Of a step that a user waits for.
MOST_SECONDS = 10


@dataclass(frozen=True)
class Cost:
    wall: float
    #: User and system time, of what it started as well.
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
        lines += [f"{n:34}{c.wall:9.2f}{c.cpu:9.2f}{c.peak_mb:9.0f}" for n, c in self.costs.items()]
        return "\n".join(lines)


def timed(command: list[str]) -> Cost:
    begun = time.monotonic()
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr:
        said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    scale = 1 if sys.platform == "darwin" else 1024
    return Cost(time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss * scale / 1e6)


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
        patch.setattr(snakemake, "command", lambda *given, **more: [*real(*given, **more), stand_in])
        # What stands in writes a hundredth of it.
        patch.setattr(workflow, "check_room", lambda folder, found: None)
        begun = times()
        simulation = Simulation(folder, workflow.reproduce(choices))
        simulation.costs["workflow, all of it"] = since(begun)
        begun = times()
        workflow.reproduce(choices)
        simulation.costs["workflow, nothing to do"] = since(begun)
    simulation.jobs = sum(float(row["s"]) for row in benchmarks(folder))
    for name in ("results", "verdicts", "guard --keep-going", "figures", "render"):
        simulation.costs[name] = timed([sys.executable, "-m", "repro", *name.split(), "--study", NAME])
    for name in ("repro.cli", "repro.stages.score", "repro.stages.retrieve"):
        simulation.costs[f"start of a process, {name}"] = timed([sys.executable, "-c", f"import {name}"])
    yield simulation
    clear(folder)


def times() -> tuple[float, float]:
    used = os.times()
    return time.monotonic(), used.user + used.system + used.children_user + used.children_system


def since(begun: tuple[float, float]) -> Cost:
    wall, cpu = times()
    return Cost(wall - begun[0], cpu - begun[1])


def benchmarks(folder: RunFolder) -> Iterator[dict[str, str]]:
    for path in (folder.run / "benchmarks").rglob("seed*.tsv"):
        with path.open(encoding="utf-8") as stream:
            yield from csv.DictReader(stream, delimiter="\t")


def clear(folder: RunFolder) -> None:
    for place in (folder.run, folder.report):
        shutil.rmtree(place, ignore_errors=True)


def test_every_cell_runs_and_the_guards_notice_that_its_numbers_are_made_up(simulation: Simulation) -> None:
    assert len(list((simulation.folder.run / "cells").rglob("hits.json"))) == CELLS
    guards = read_record(simulation.folder.report / "guards.json", Guards, hint="")
    assert simulation.status == bool(guards.failed)


@pytest.mark.parametrize("step", ["results", "verdicts", "guard --keep-going", "render"])
def test_a_step_of_the_whole_study_takes_less_than_ten_seconds(simulation: Simulation, step: str) -> None:
    assert simulation.costs[step].cpu < MOST_SECONDS
    assert simulation.costs[step].peak_mb < 1500


def test_the_workflow_adds_less_than_four_seconds_of_a_core_to_a_cell(
    simulation: Simulation, capsys: pytest.CaptureFixture[str]
) -> None:
    # Starts of the stand-ins' processes, all that Snakemake does, and the report.
    added = simulation.costs["workflow, all of it"].cpu / CELLS
    with capsys.disabled():
        print(f"\n{simulation.table()}")
        print(f"{simulation.jobs:.0f} s in {4 * CELLS} processes; the workflow adds {added:.2f} s of a core to a cell")
    assert added < 4


def test_the_paper_sums_up_instead_of_listing(simulation: Simulation) -> None:
    report = simulation.folder.report
    lines = (report / "paper.md").read_text(encoding="utf-8").splitlines()
    # 15 x 4 rows of scores; no table has a row a cell.
    assert max(table_lengths(lines)) < CELLS / 4
    assert (report / "paper.html").stat().st_size < 12_000_000
    assert (report / "paper.pdf").stat().st_size < 6_000_000
    whole = subprocess.run(
        [sys.executable, "-m", "repro", "table", "--study", NAME, "cells"],
        capture_output=True, text=True, check=True, cwd=PROJECT_ROOT,
    )  # fmt: skip
    assert len(whole.stdout.splitlines()) == CELLS + 1


def table_lengths(lines: list[str]) -> Iterator[int]:
    length = 0
    for line in lines:
        length = length + 1 if line.startswith("|") else 0
        yield length
