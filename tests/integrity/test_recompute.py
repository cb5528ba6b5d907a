import shutil
from pathlib import Path

import pytest

from repro import study as studies
from repro.integrity import recompute
from repro.integrity.compare import Difference
from repro.integrity.recompute import TOLERANCE, _say
from repro.models.engine import Device
from repro.runs import Cell, RunFolder, write_json, write_text
from repro.study import Study

CELL = Cell("patchcore", "leather", 0)
SAME = Difference("predictions.npz", "", 0.0)


def moved(by: float) -> list[Difference]:
    return [SAME, Difference("scores.json", "metrics.aupro", by)]


def test_on_the_same_machine_every_byte_of_a_number_counts() -> None:
    assert _say(CELL, [SAME], []) == 0
    assert _say(CELL, moved(1e-6), []) == 1


def test_elsewhere_metrics_may_move_within_the_tolerance() -> None:
    assert _say(CELL, moved(TOLERANCE / 2), ["threads 1, now 2"]) == 0
    assert _say(CELL, moved(TOLERANCE * 2), ["threads 1, now 2"]) == 1


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A finished cell of PatchCore, its content aside."""
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
def test_a_cell_is_made_anew_apart_and_compared(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], aupro: float, status: int
) -> None:
    def train(again: RunFolder, study: Study, cell: Cell, device: Device) -> None:
        assert again.root != folder.root
        assert again.manifest("leather").is_file()
        shutil.copytree(folder.cell(cell), again.cell(cell))

    monkeypatch.setattr(recompute, "fit", train)
    monkeypatch.setattr(recompute, "predict", lambda *_: None)
    monkeypatch.setattr(
        recompute,
        "score",
        lambda again, cell: write_json(again.cell(cell) / "scores.json", {"metrics": {"aupro": aupro}}),
    )
    smoke = studies.load("smoke")
    study = smoke.model_copy(update={"variants": {"patchcore": smoke.variants["patchcore"]}})
    assert recompute.recompute(folder, study, 7, Device(), threads=1) == status
    told = capsys.readouterr().out
    assert told.startswith("recompute patchcore/leather/seed0, drawn with seed 7")
    assert ("the same to the byte" in told) == (status == 0)
