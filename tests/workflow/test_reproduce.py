"""How Snakemake is called: where the stages run, and what a cell asks for; and what is told of its end."""

import os
import sys
from pathlib import Path

import pytest

from repro import study as studies
from repro.errors import ReproError
from repro.runs import RunFolder, write_json, write_text
from repro.workflow import reproduce as module
from repro.workflow.choices import Choices
from repro.workflow.reproduce import reproduce
from repro.workflow.snakemake import PROFILES, command, find_profile

FOLDER = RunFolder("smoke")


def test_a_timing_older_than_its_stage_is_deleted(tmp_path: Path) -> None:
    folder, study = RunFolder("smoke", tmp_path), studies.load("smoke")
    for cell, age in zip(study.cells, (-60, 60), strict=True):
        timing = folder.run / "benchmarks" / "score" / f"{cell.key}.tsv"
        write_json(folder.cell(cell) / "scores.json", {})
        write_text(timing, "s\n1\n")
        made = (folder.cell(cell) / "scores.json").stat().st_mtime
        os.utime(timing, (made + age, made + age))
    module._delete_old_timings(folder, study)
    left = [(folder.run / "benchmarks" / "score" / f"{cell.key}.tsv").is_file() for cell in study.cells]
    assert left == [False, True]


@pytest.mark.parametrize(
    ("words", "status"), [("error: fit a: memory ran out; free some", 2), ("Error in rule fit:", 1)]
)
def test_what_a_stage_said_stands_last(
    words: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code = f"import sys; print({words!r}, file=sys.stderr); print('much more', file=sys.stderr); sys.exit(1)"
    monkeypatch.setattr("repro.workflow.snakemake.command", lambda *_, **__: [sys.executable, "-c", code])
    monkeypatch.setattr(module, "RunFolder", lambda name: RunFolder(name, tmp_path))
    monkeypatch.setattr(module, "prepare", lambda folder, study: None)
    assert reproduce(Choices(study="smoke")) == status
    *_, last = capfd.readouterr().err.splitlines()
    assert last == (words if status == 2 else "error: the workflow ended early, see above")


def after(line: list[str], flag: str) -> list[str]:
    rest = line[line.index(flag) + 1 :]
    return rest[: next((at for at, word in enumerate(rest) if word.startswith("--")), len(rest))]


def test_this_machine_offers_its_cores_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repro.workflow.snakemake.gpus", lambda *_: [])
    line = command(FOLDER, Choices(), PROFILES / "local")
    assert after(line, "--cores") == [str(os.cpu_count())]
    (memory,) = after(line, "--resources")
    assert int(memory.removeprefix("mem_mb=")) > 100
    assert "gpus=0" in after(line, "--config")


def test_cells_run_side_by_side_on_as_many_gpus_as_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repro.workflow.snakemake.gpus", lambda *_: ["0", "1"])
    line = command(FOLDER, Choices(), PROFILES / "local")
    assert "gpu=2" in after(line, "--resources")
    assert "gpus=2" in after(line, "--config")


@pytest.mark.parametrize(("accelerator", "asked"), [("auto", "gpus=1"), ("cpu", "gpus=0")])
def test_of_a_cluster_a_cell_asks_for_a_gpu_unless_told_not_to(accelerator: str, asked: str) -> None:
    line = command(FOLDER, Choices(accelerator=accelerator), PROFILES / "slurm")
    assert asked in after(line, "--config")
    assert "--cores" not in line
    assert "--resources" not in line


def test_a_partial_paper_trains_nothing() -> None:
    rules = after(command(FOLDER, Choices(), PROFILES / "local", partial=True), "--allowed-rules")
    assert {"results", "render"} <= set(rules)
    assert not {"fit", "predict", "score", "retrieve"} & set(rules)


def test_a_profile_of_ones_own_is_found_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("executor: local\n", encoding="utf-8")
    assert find_profile(str(tmp_path)) == tmp_path


def test_a_profile_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(ReproError, match="kubernetes, local, slurm"):
        find_profile("slrm")


def test_a_profile_without_its_executor_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repro.workflow.snakemake.find_spec", lambda _: None)
    with pytest.raises(ReproError, match=r'pip install -c constraints\.txt -e "\.\[slurm\]"'):
        find_profile("slurm")
