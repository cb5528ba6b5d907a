import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from repro import study
from repro.costs import forecast
from repro.costs.estimate import Estimate, VariantEstimate
from repro.errors import ReproError
from repro.runs import RunFolder, write_text
from repro.workflow.choices import Choices
from repro.workflow.reproduce import reproduce

VARIANT = VariantEstimate(
    "patchcore", cells=9, to_train=9, core_seconds=7200.0, disk=3 * 10**9, process_memory=2 * 10**9, processes=4
)


def estimated(**changes: Any) -> Estimate:
    variant = replace(VARIANT, **changes)
    return Estimate((variant,), cores=4, gpu=False, images_source="counted", timings_source="runs of x")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    set_machine(monkeypatch, disk=10**12, memory=10**12)
    return RunFolder("embedded", tmp_path)


def set_machine(monkeypatch: pytest.MonkeyPatch, *, disk: int, memory: int) -> None:
    monkeypatch.setattr(forecast.shutil, "disk_usage", lambda path: SimpleNamespace(free=disk))
    monkeypatch.setattr(forecast.psutil, "virtual_memory", lambda: SimpleNamespace(available=memory))


def test_a_run_that_fits_is_accepted(folder: RunFolder) -> None:
    forecast.check_room(folder, estimated())


def test_the_error_of_a_full_disk_says_what_is_needed_and_what_is_free(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_machine(monkeypatch, disk=2 * 10**9, memory=10**12)
    with pytest.raises(ReproError, match=r"about 3\.0 GB will be written and 2\.0 GB are free; free 1\.3 GB"):
        forecast.check_room(folder, estimated())


def test_the_error_of_little_memory_says_how_many_cores_fit(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    set_machine(monkeypatch, disk=10**12, memory=5 * 10**9)
    with pytest.raises(ReproError, match=r"8\.0 GB .*4 x 2\.0 GB.* 5\.0 GB are available; .*--cores 2"):
        forecast.check_room(folder, estimated())
    set_machine(monkeypatch, disk=10**12, memory=10**9)
    with pytest.raises(ReproError, match="a machine with more memory"):
        forecast.check_room(folder, estimated())


def test_a_dry_run_says_time_disk_and_memory_and_that_they_are_estimates(folder: RunFolder) -> None:
    text = forecast.forecast(folder, study.load("embedded"), estimated())
    assert "30 min on 4 cores: an estimate from runs of x" in text
    assert "3.0 GB to be written" in text
    assert "8.0 GB at most" in text
    assert text.count("patchcore-pretrained/") == 3, "a few cells are listed"


def test_many_cells_are_counted_not_listed(folder: RunFolder) -> None:
    text = forecast.forecast(folder, study.load("mvtec-full"), estimated())
    assert "300: 4 variants of 15 categories, 5 seeds" in text
    assert "seed0" not in text


def test_without_timings_the_time_is_unknown(folder: RunFolder) -> None:
    assert "unknown" in forecast.forecast(folder, study.load("embedded"), estimated(core_seconds=None))


def test_a_finished_study_has_nothing_to_forecast(folder: RunFolder) -> None:
    text = forecast.forecast(folder, study.load("embedded"), estimated(core_seconds=0.0, to_train=0))
    assert "only the report is left to make" in text


def test_a_run_without_room_fails_before_anything_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (study.STUDIES / "smoke.toml").read_text(encoding="utf-8").replace('name = "smoke"', 'name = "no-room"')
    write_text(tmp_path / "no-room.toml", text)
    run = RunFolder("no-room")
    set_machine(monkeypatch, disk=10**12, memory=10**8)
    monkeypatch.setattr("repro.workflow.snakemake.supervise", lambda *_, **__: pytest.fail("the workflow was started"))
    try:
        with pytest.raises(ReproError, match="GB of memory are needed"):
            reproduce(Choices(study=str(tmp_path / "no-room.toml"), cores=1))
        assert not run.study_file.exists()
    finally:
        shutil.rmtree(run.run, ignore_errors=True)
