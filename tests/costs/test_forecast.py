import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from repro import study
from repro.costs import forecast
from repro.costs.estimate import Estimate, Share
from repro.errors import ReproError
from repro.runs import RunFolder, write_text
from repro.workflow.choices import Choices
from repro.workflow.reproduce import reproduce

SHARE = Share("patchcore", cells=9, to_train=9, core_seconds=7200.0, disk=3_000_000_000, memory=2 * 10**9, beside=4)


def found(**change: object) -> Estimate:
    return Estimate((Share(**{**vars(SHARE), **change}),), cores=4, gpu=False, counted="counted", timed="runs of x")  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    machine(monkeypatch, disk=10**12, memory=10**12)
    return RunFolder("embedded", tmp_path)


def machine(monkeypatch: pytest.MonkeyPatch, *, disk: int, memory: int) -> None:
    monkeypatch.setattr(forecast.shutil, "disk_usage", lambda path: SimpleNamespace(free=disk))
    monkeypatch.setattr(forecast.psutil, "virtual_memory", lambda: SimpleNamespace(available=memory))


def test_a_run_that_fits_is_let_through(folder: RunFolder) -> None:
    forecast.check_room(folder, found())


def test_a_full_disk_is_told_with_what_is_needed_and_what_is_free(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, disk=2 * 10**9, memory=10**12)
    with pytest.raises(ReproError, match=r"about 3\.0 GB will be written and 2\.0 GB are free; free 1\.3 GB"):
        forecast.check_room(folder, found())


def test_little_memory_is_told_with_the_cores_that_fit(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, disk=10**12, memory=5 * 10**9)
    with pytest.raises(ReproError, match=r"8\.0 GB .*4 x 2\.0 GB.* 5\.0 GB are available; .*--cores 2"):
        forecast.check_room(folder, found())
    machine(monkeypatch, disk=10**12, memory=10**9)
    with pytest.raises(ReproError, match="a machine with more memory"):
        forecast.check_room(folder, found())


def test_a_dry_run_says_time_disk_and_memory_and_that_it_is_an_estimate(folder: RunFolder) -> None:
    said = forecast.forecast(folder, study.load("embedded"), found())
    assert "30 min on 4 cores: an estimate from runs of x" in said
    assert "3.0 GB to be written" in said
    assert "8.0 GB at most" in said
    assert said.count("patchcore-pretrained/") == 3, "a few cells are named"


def test_many_cells_are_counted_not_named(folder: RunFolder) -> None:
    said = forecast.forecast(folder, study.load("mvtec-full"), found())
    assert "300: 4 variants of 15 categories, 5 seeds" in said
    assert "seed0" not in said


def test_times_that_nobody_took_are_not_made_up(folder: RunFolder) -> None:
    assert "not known" in forecast.forecast(folder, study.load("embedded"), found(core_seconds=None))


def test_a_finished_study_has_nothing_to_forecast(folder: RunFolder) -> None:
    said = forecast.forecast(folder, study.load("embedded"), found(core_seconds=0.0, to_train=0))
    assert "nothing but the report is left" in said


def test_a_run_without_room_is_refused_before_anything_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (study.STUDIES / "smoke.toml").read_text(encoding="utf-8").replace('name = "smoke"', 'name = "no-room"')
    write_text(tmp_path / "no-room.toml", text)
    run = RunFolder("no-room")
    machine(monkeypatch, disk=10**12, memory=10**8)
    monkeypatch.setattr("repro.workflow.snakemake.supervise", lambda *_, **__: pytest.fail("the workflow was started"))
    try:
        with pytest.raises(ReproError, match="GB of memory are needed"):
            reproduce(Choices(study=str(tmp_path / "no-room.toml"), cores=1))
        assert not run.study_file.exists()
    finally:
        shutil.rmtree(run.run, ignore_errors=True)
