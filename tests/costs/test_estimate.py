import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from repro import study
from repro.costs import forecast
from repro.costs.estimate import count_images, earlier, estimate
from repro.costs.needs import Images
from repro.errors import ReproError
from repro.runs import PROJECT_ROOT, RunFolder, read_json, write_json, write_text
from repro.workflow.choices import Choices
from repro.workflow.choose import choose_study
from repro.workflow.reproduce import reproduce

FULL, EMBEDDED = study.load("mvtec-full"), study.load("embedded")
HEAD = "s\th:m:s\tmax_rss\n"


@pytest.fixture
def elsewhere(tmp_path: Path) -> RunFolder:
    """A clone with the committed reports, in which nothing has run."""
    shutil.copytree(PROJECT_ROOT / "report" / "embedded", tmp_path / "report" / "embedded",
                    ignore=shutil.ignore_patterns("figures", "paper*"))  # fmt: skip
    shutil.copy(PROJECT_ROOT / "report" / "bench.json", tmp_path / "report")
    return RunFolder("embedded", tmp_path)


def test_the_whole_benchmark_has_300_cells_of_the_official_images() -> None:
    images, said = count_images(FULL)
    assert len(FULL.cells) == 300
    assert images["screw"] == Images(320, 160)
    assert sum(image.test for image in images.values()) == 1725
    assert "official" in said


def test_images_that_are_drawn_are_counted_as_drawn() -> None:
    assert count_images(EMBEDDED)[0]["tile"] == Images(24, 30)


def test_a_folder_without_a_category_is_refused(tmp_path: Path) -> None:
    missing = study.choose(FULL, data_root=tmp_path, categories=None)
    with pytest.raises(ReproError, match="bottle: no images"):
        count_images(missing)


def test_a_study_like_the_one_that_was_timed_takes_what_that_took(elsewhere: RunFolder) -> None:
    found = estimate(elsewhere, EMBEDDED, cores=2, accelerator="cpu")
    costs = read_json(elsewhere.report / "timings.json", hint="")
    spent = sum(
        cost["seconds"] * (2 if name.split("/")[0].split(" ")[1] == "efficientad" and name[:3] in ("fit", "pre") else 1)
        for name, cost in costs.items()
        if "/" in name
    )
    assert found.seconds == pytest.approx(spent / 2, rel=0.1)
    assert found.timed is not None
    assert "embedded" in found.timed
    assert "another machine" in found.timed


def test_time_follows_cores_epochs_and_images(elsewhere: RunFolder) -> None:
    def hours(changed: study.Study, cores: int = 2) -> float:
        found = estimate(RunFolder("other", elsewhere.root), changed, cores=cores, accelerator="cpu")
        assert found.seconds is not None
        return found.seconds

    longer = EMBEDDED.model_dump()
    longer["variants"]["efficientad"]["epochs"] = 10
    larger = EMBEDDED.model_dump()
    larger["data"]["train"] = 240
    assert hours(EMBEDDED, cores=4) == pytest.approx(hours(EMBEDDED) / 2)
    assert hours(study.check(longer, where=Path("x"))) > 3 * hours(EMBEDDED)
    assert hours(study.check(larger, where=Path("x"))) > 3 * hours(EMBEDDED)


def test_runs_of_this_machine_come_before_the_reports(elsewhere: RunFolder) -> None:
    run = RunFolder("mine", elsewhere.root)
    write_json(run.study_file, EMBEDDED.model_dump(mode="json"))
    write_json(run.manifest("grid"), {"files": {}, "record": {"train": 24, "test": {"good": 10, "bent": 20}}})
    write_json(run.run / "cells" / "efficientad" / "grid" / "seed0" / "fit.json", {"threads": 2, "device": "cpu"})
    write_text(run.run / "benchmarks" / "fit" / "efficientad" / "grid" / "seed0.tsv", HEAD + "100.0\t0:01:40\t1600\n")
    where, times = earlier(elsewhere)
    assert where == "runs of mine on this machine"
    assert [(time.stage, time.core_seconds, time.gpu) for time in times] == [("fit", 200.0, False)]


def test_what_is_done_needs_nothing(elsewhere: RunFolder) -> None:
    for cell in EMBEDDED.cells:
        for name in ("fit", "predict", "scores", "hits"):
            write_json(elsewhere.cell(cell) / f"{name}.json", {})
    found = estimate(elsewhere, EMBEDDED, cores=2, accelerator="cpu")
    assert (found.seconds, found.disk, found.memory) == (0, 0, 0)


def test_times_of_a_cpu_say_nothing_of_a_gpu(elsewhere: RunFolder) -> None:
    assert estimate(elsewhere, EMBEDDED, cores=2, accelerator="gpu").seconds is None


def test_a_dry_run_needs_no_images_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**12))
    monkeypatch.setattr(forecast.psutil, "virtual_memory", lambda: SimpleNamespace(available=10**12))
    assert reproduce(Choices(study="mvtec-full", dry_run=True, cores=1)) == 0
    assert "300 to train" in capsys.readouterr().out
    assert not RunFolder("mvtec-full").run.exists()


def test_without_a_dry_run_images_are_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("REPRO_DATA_ROOT", raising=False)
    with pytest.raises(ReproError, match="needs images on disk"):
        choose_study(Choices(study="mvtec-full"), tmp_path)
