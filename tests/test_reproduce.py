"""How Snakemake is called: where the stages run, and what a cell asks for."""

import os
from pathlib import Path

import pytest

from repro.errors import ReproError
from repro.reproduce import PROFILES, Choices, command, find_profile
from repro.runs import RunFolder

FOLDER = RunFolder("smoke")


def after(line: list[str], flag: str) -> list[str]:
    rest = line[line.index(flag) + 1 :]
    return rest[: next((at for at, word in enumerate(rest) if word.startswith("--")), len(rest))]


def test_this_machine_offers_its_cores_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repro.reproduce.gpus", lambda *_: [])
    line = command(FOLDER, Choices(), PROFILES / "local")
    assert after(line, "--cores") == [str(os.cpu_count())]
    (memory,) = after(line, "--resources")
    assert int(memory.removeprefix("mem_mb=")) > 100
    assert "gpus=0" in after(line, "--config")


def test_cells_run_side_by_side_on_as_many_gpus_as_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repro.reproduce.gpus", lambda *_: ["0", "1"])
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
    monkeypatch.setattr("repro.reproduce.find_spec", lambda _: None)
    with pytest.raises(ReproError, match=r'pip install -c constraints\.txt -e "\.\[slurm\]"'):
        find_profile("slurm")
