import shutil
from pathlib import Path

import pytest

from repro import study as studies
from repro.integrity import recompute
from repro.integrity.compare import Difference
from repro.integrity.recompute import TOLERANCE, _report
from repro.models.engine import Device
from repro.runs import Cell, RunFolder, write_json, write_text
from repro.study import Study

CELL = Cell("patchcore", "leather", 0)
SAME = Difference("predictions.npz", "", 0.0)


def differing(by: float) -> list[Difference]:
    return [SAME, Difference("scores.json", "metrics.aupro", by)]


def test_on_the_same_machine_any_difference_fails() -> None:
    assert _report(CELL, [SAME], []) == 0
    assert _report(CELL, differing(1e-6), []) == 1


def test_under_other_circumstances_metrics_may_differ_within_the_tolerance() -> None:
    assert _report(CELL, differing(TOLERANCE / 2), ["threads 1, now 2"]) == 0
    assert _report(CELL, differing(TOLERANCE * 2), ["threads 1, now 2"]) == 1


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A finished cell of PatchCore with made-up files."""
    folder = RunFolder("smoke", tmp_path)
    write_json(folder.data_root, {"root": "images"})
    write_json(folder.manifest("leather"), {})
    here = folder.cell(CELL)
    for name in ("checkpoint.ckpt", "predictions.npz", "embeddings.npz"):
        write_text(here / name, name)
    write_json(here / "fit.json", {"steps": 4, "device": "cpu", "threads": 1, "packages": {}})
    write_json(here / "predict.json", {"preprocessing": []})
    write_json(here / "scores.json", {"metrics": {"aupro": 0.5}})
    return folder


@pytest.mark.parametrize(("aupro", "status"), [(0.5, 0), (0.5001, 1)])
def test_a_cell_is_computed_again_in_another_folder_and_compared(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], aupro: float, status: int
) -> None:
    def train(temporary: RunFolder, study: Study, cell: Cell, device: Device) -> None:
        assert temporary.root != folder.root
        assert temporary.manifest("leather").is_file()
        shutil.copytree(folder.cell(cell), temporary.cell(cell))

    monkeypatch.setattr(recompute, "fit", train)
    monkeypatch.setattr(recompute, "predict", lambda *_: None)
    monkeypatch.setattr(
        recompute,
        "score",
        lambda temporary, cell: write_json(temporary.cell(cell) / "scores.json", {"metrics": {"aupro": aupro}}),
    )
    smoke = studies.load("smoke")
    study = smoke.model_copy(update={"variants": {"patchcore": smoke.variants["patchcore"]}})
    assert recompute.recompute(folder, study, 7, Device(), threads=1) == status
    output = capsys.readouterr().out
    assert output.startswith("recompute patchcore/leather/seed0, drawn with seed 7")
    assert ("the same to the byte" in output) == (status == 0)
