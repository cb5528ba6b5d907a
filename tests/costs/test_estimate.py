import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from repro import study
from repro.costs import forecast
from repro.costs.estimate import count_images, estimate, past_timings
from repro.costs.needs import Images
from repro.errors import ReproError
from repro.runs import PROJECT_ROOT, RunFolder, read_json, write_json
from repro.workflow.choices import Choices
from repro.workflow.choose import choose_study
from repro.workflow.reproduce import reproduce

FULL, EMBEDDED = study.load("mvtec-full"), study.load("embedded")


@pytest.fixture
def clone(tmp_path: Path) -> RunFolder:
    """A clone with two committed reports, in which nothing has run."""
    for name in ("embedded", "published"):
        shutil.copytree(PROJECT_ROOT / "report" / name, tmp_path / "report" / name,
                        ignore=shutil.ignore_patterns("figures", "paper*"))  # fmt: skip
    shutil.copy(PROJECT_ROOT / "report" / "bench.json", tmp_path / "report")
    return RunFolder("embedded", tmp_path)


def test_the_full_benchmark_has_300_cells_with_the_official_numbers_of_images() -> None:
    images, source = count_images(FULL)
    assert len(FULL.cells) == 300
    assert images["screw"] == Images(320, 160)
    assert sum(image.test for image in images.values()) == 1725
    assert "official" in source


def test_drawn_images_are_counted_from_the_settings() -> None:
    assert count_images(EMBEDDED)[0]["tile"] == Images(24, 30)


def test_a_folder_without_a_category_is_an_error(tmp_path: Path) -> None:
    missing = study.choose(FULL, data_root=tmp_path, categories=None)
    with pytest.raises(ReproError, match="bottle: no images"):
        count_images(missing)


def test_a_study_that_was_timed_is_estimated_to_take_the_same_again(clone: RunFolder) -> None:
    result = estimate(clone, EMBEDDED, cores=2, accelerator="cpu")
    costs = read_json(clone.report / "timings.json", hint="")
    spent = sum(
        cost["seconds"] * (2 if name.split("/")[0].split(" ")[1] == "efficientad" and name[:3] in ("fit", "pre") else 1)
        for name, cost in costs.items()
        if "/" in name
    )
    assert result.seconds == pytest.approx(spent / 2, rel=0.1)
    assert result.timings_source is not None
    assert "embedded" in result.timings_source
    assert "another machine" in result.timings_source


def test_published_images_are_estimated_from_the_report_of_their_study(clone: RunFolder) -> None:
    published = RunFolder("published", clone.root)
    result = estimate(published, study.load("published"), cores=1, accelerator="cpu")
    timings = read_json(published.report / "timings.json", hint="")
    spent = sum(cost["seconds"] for name, cost in timings.items() if "/" in name)
    assert result.seconds == pytest.approx(spent, rel=0.3)


def test_time_depends_on_cores_epochs_and_images(clone: RunFolder) -> None:
    def seconds(changed: study.Study, cores: int = 2) -> float:
        result = estimate(RunFolder("other", clone.root), changed, cores=cores, accelerator="cpu")
        assert result.seconds is not None
        return result.seconds

    longer = EMBEDDED.model_dump()
    longer["variants"]["efficientad"]["epochs"] = 10
    larger = EMBEDDED.model_dump()
    larger["data"]["train"] = 240
    assert seconds(EMBEDDED, cores=4) == pytest.approx(seconds(EMBEDDED) / 2)
    assert seconds(study.check(longer, where=Path("x"))) > 3 * seconds(EMBEDDED)
    assert seconds(study.check(larger, where=Path("x"))) > 3 * seconds(EMBEDDED)


def test_runs_on_this_machine_take_precedence_over_the_reports(clone: RunFolder) -> None:
    run = RunFolder("mine", clone.root)
    write_json(run.study_file, EMBEDDED.model_dump(mode="json"))
    write_json(run.manifest("grid"), {"files": {}, "record": {"train": 24, "test": {"good": 10, "bent": 20}}})
    write_json(run.run / "cells" / "efficientad" / "grid" / "seed0" / "fit.json", {"threads": 2, "device": "cpu"})
    write_json(run.run / "timings/fit/efficientad/grid/seed0.json", {"seconds": 100.0, "peak_mb": 1600.0})
    timings, source = past_timings(clone)
    assert source == "runs of mine on this machine"
    assert [(timing.workload.stage, timing.core_seconds, timing.gpu) for timing in timings] == [("fit", 200.0, False)]


def test_finished_cells_need_nothing(clone: RunFolder) -> None:
    for cell in EMBEDDED.cells:
        for name in ("fit", "predict", "scores", "hits"):
            write_json(clone.cell(cell) / f"{name}.json", {})
    result = estimate(clone, EMBEDDED, cores=2, accelerator="cpu")
    assert (result.seconds, result.disk, result.memory) == (0, 0, 0)


def test_there_is_no_time_for_a_gpu_from_timings_on_a_cpu(clone: RunFolder) -> None:
    assert estimate(clone, EMBEDDED, cores=2, accelerator="gpu").seconds is None


def test_a_dry_run_needs_no_images_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**12))
    monkeypatch.setattr(forecast.psutil, "virtual_memory", lambda: SimpleNamespace(available=10**12))
    assert reproduce(Choices(study="mvtec-full", dry_run=True, cores=1)) == 0
    assert "300 to train" in capsys.readouterr().out
    assert not RunFolder("mvtec-full").run.exists()


def test_without_a_dry_run_missing_images_are_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("REPRO_DATA_ROOT", raising=False)
    with pytest.raises(ReproError, match="needs images on disk"):
        choose_study(Choices(study="mvtec-full"), tmp_path)
