"""The command line of Snakemake, with the resources of the stages, and the messages after a failure."""

import os
import sys
import time
from pathlib import Path

import pytest

from repro import study as studies
from repro.errors import ReproError
from repro.runs import RunFolder, write_json
from repro.workflow import reproduce as module
from repro.workflow.choices import Choices
from repro.workflow.reproduce import reproduce
from repro.workflow.snakemake import CACHES, PROFILES, command, environment, find_profile
from repro.workflow.supervise import HINT

FOLDER = RunFolder("smoke")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("error: fit a: memory ran out; free some", 2),
        ("MissingInputException in rule fit in file Snakefile, line 90:\nMissing input files for rule fit:", 2),
        ("Error in rule fit:", 1),
    ],
)
def test_the_error_of_a_stage_is_the_last_line(
    line: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code = f"import sys; print({line!r}, file=sys.stderr); print('more output', file=sys.stderr); sys.exit(1)"
    monkeypatch.setattr("repro.workflow.snakemake.command", lambda *_, **__: [sys.executable, "-c", code])
    monkeypatch.setattr(module, "RunFolder", lambda name: RunFolder(name, tmp_path))
    monkeypatch.setattr(module, "prepare", lambda folder, study: None)
    assert reproduce(Choices(study="smoke")) == status
    *_, last = capfd.readouterr().err.splitlines()
    expected = {
        "e": line,
        "M": f"error: Snakemake: MissingInputException: Missing input files for rule fit:; {HINT}",
        "E": "error: the workflow ended early, see above",
    }
    assert last == expected[line[0]]


def test_a_file_from_the_future_is_dated_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, study = RunFolder("smoke", tmp_path), studies.load("smoke")
    manifest = folder.manifest("leather")
    write_json(manifest, {})
    os.utime(manifest, (time.time() + 9000,) * 2)
    module._bring_back_from_the_future(folder, study)
    assert manifest.stat().st_mtime <= time.time()
    assert capsys.readouterr().out == f"1 file dated in the future, such as {manifest}: dated now\n"
    module._bring_back_from_the_future(folder, study)
    assert capsys.readouterr().out == ""


def after(line: list[str], flag: str) -> list[str]:
    rest = line[line.index(flag) + 1 :]
    return rest[: next((at for at, word in enumerate(rest) if word.startswith("--")), len(rest))]


def test_the_cores_and_memory_of_this_machine_are_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repro.workflow.snakemake.gpus", lambda *_: [])
    line = command(FOLDER, Choices(), PROFILES / "local")
    assert after(line, "--cores") == [str(os.cpu_count())]
    (memory,) = after(line, "--resources")
    assert int(memory.removeprefix("mem_mb=")) > 100
    assert "gpus=0" in after(line, "--config")


def test_cells_run_in_parallel_on_all_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repro.workflow.snakemake.gpus", lambda *_: ["0", "1"])
    line = command(FOLDER, Choices(), PROFILES / "local")
    assert "gpu=2" in after(line, "--resources")
    assert "gpus=2" in after(line, "--config")


@pytest.mark.parametrize(("accelerator", "gpus"), [("auto", "gpus=1"), ("cpu", "gpus=0")])
def test_on_a_cluster_a_cell_requests_a_gpu_unless_the_cpu_is_chosen(accelerator: str, gpus: str) -> None:
    line = command(FOLDER, Choices(accelerator=accelerator), PROFILES / "slurm")
    assert gpus in after(line, "--config")
    assert "--cores" not in line
    assert "--resources" not in line


@pytest.mark.parametrize(("cores", "count"), [(16, 10), (4, 4)])
def test_cells_share_a_gpu_within_its_memory_and_the_cores(
    cores: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repro.workflow.snakemake.gpus", lambda *_: ["0"])
    monkeypatch.setattr("repro.workflow.snakemake.shares", lambda: 10)
    line = command(FOLDER, Choices(cores=cores), PROFILES / "local")
    assert f"gpu={count}" in after(line, "--resources")
    assert f"gpus={count}" in after(line, "--config")


def test_a_partial_paper_trains_nothing() -> None:
    rules = after(command(FOLDER, Choices(), PROFILES / "local", partial=True), "--allowed-rules")
    assert {"results", "render"} <= set(rules)
    assert not {"fit", "predict", "score", "retrieve"} & set(rules)


def test_a_custom_profile_is_found_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("executor: local\n", encoding="utf-8")
    assert find_profile(str(tmp_path)) == tmp_path


def test_the_error_of_an_unknown_profile_lists_the_profiles() -> None:
    with pytest.raises(ReproError, match="kubernetes, local, slurm"):
        find_profile("slrm")


def test_the_error_of_a_missing_executor_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repro.workflow.snakemake.find_spec", lambda _: None)
    with pytest.raises(ReproError, match=r'pip install -c constraints\.txt -e "\.\[slurm\]"'):
        find_profile("slurm")


def test_caches_go_below_runs_where_the_home_folder_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "XDG_CACHE_HOME" not in environment(PROFILES / "local")
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert environment(PROFILES / "local")["XDG_CACHE_HOME"] == str(CACHES)
