"""From result images to the files that any other cell has."""

import json
from pathlib import Path

import numpy as np
import pytest
from example_figures import draw, example
from PIL import Image

from repro import study as studies
from repro.errors import DataError, ReproError
from repro.panels.originals import Original, pixel_hash
from repro.records.metrics import TieBounds
from repro.records.predictions import load
from repro.records.recovery import RecoveryRecord
from repro.runs import Cell, RunFolder, write_json
from repro.stages.data import prepare
from repro.stages.recover import recover
from repro.stages.score import score
from repro.study import Study

CELL = Cell("efficientad", "grid", 0)
IMAGES = ("bent/000", "bent/001", "good/000", "good/001")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Four result images of one set, and a table that lists them."""
    table = []
    for number, name in enumerate(IMAGES):
        shown = example(seed=number, peak=0.4 if "good" in name else 0.9)
        if "good" in name:
            shown = type(shown)(**(vars(shown) | {"mask": np.zeros_like(shown.mask)}))
        figure = draw(shown)
        path = tmp_path / "panels" / "EfficientAd" / "grid" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(figure).save(path)
        defect, image = name.split("/")
        table.append(Original("EfficientAd", "grid", defect, image, 1, "", pixel_hash(figure)))
    for module in ("originals", "sets"):
        monkeypatch.setattr(f"repro.panels.{module}.originals", lambda: tuple(table))
    study = studies.load("published")
    content = study.model_dump(mode="json") | {"categories": ["grid"], "queries": []}
    content["variants"] = {"efficientad": content["variants"]["efficientad"]}
    content["data"]["root"] = str(tmp_path / "panels")
    return studies.check(content, where=tmp_path)


@pytest.fixture
def folder(tmp_path: Path, study: Study) -> RunFolder:
    folder = RunFolder("published", tmp_path)
    prepare(folder, study)
    write_json(folder.study_file, study.model_dump(mode="json"))
    return folder


def test_a_set_becomes_predictions_that_are_scored_as_any(folder: RunFolder, study: Study) -> None:
    recover(folder, study, CELL)
    predictions = load(folder.cell(CELL) / "predictions.npz")
    assert predictions.images.tolist() == [f"grid/test/{name}.png" for name in IMAGES]
    assert predictions.labels.tolist() == [True, True, False, False]
    assert (predictions.scores == predictions.maps.max(axis=(1, 2))).all()
    record = RecoveryRecord.model_validate(
        json.loads((folder.cell(CELL) / "recover.json").read_text(encoding="utf-8"))["recovery"]
    )
    assert record.agreement == 1.0
    score(folder, CELL)
    scores = json.loads((folder.cell(CELL) / "scores.json").read_text(encoding="utf-8"))
    bounds = TieBounds.model_validate(scores["ties"])
    assert bounds.pixel_auroc.low <= scores["raw"]["pixel_auroc"] <= bounds.pixel_auroc.high
    assert scores["raw"]["image_auroc"] == scores["maximum"]["image_auroc"] == 1.0
    assert [defect["defect"] for defect in scores["defects"]] == ["bent"]


def test_the_test_images_are_kept_for_figures(folder: RunFolder, study: Study) -> None:
    recover(folder, study, CELL)
    with Image.open(folder.recovered_images / "grid/test/bent/000.png") as image:
        assert image.size == (256, 256)


def test_the_manifest_counts_the_official_images(folder: RunFolder) -> None:
    record = json.loads(folder.manifest("grid").read_text(encoding="utf-8"))["record"]
    assert record["train"] == 264
    assert record["test"] == {"bent": 2, "good": 2}


def test_every_bad_image_is_named_and_nothing_is_left(folder: RunFolder, study: Study, tmp_path: Path) -> None:
    place = tmp_path / "panels" / "EfficientAd" / "grid"
    (place / "bent" / "000.png").unlink()
    (place / "good" / "000.png").write_bytes(b"no image")
    with pytest.raises(DataError) as caught:
        recover(folder, study, CELL)
    assert len(caught.value.problems) == 2
    assert "\n" not in str(caught.value)
    assert not (folder.cell(CELL) / "predictions.npz").exists()


def test_a_folder_without_result_images_is_refused(tmp_path: Path) -> None:
    study = studies.load("published")
    study = study.model_copy(update={"data": study.data.model_copy(update={"root": str(tmp_path / "none")})})
    with pytest.raises(ReproError, match="no such folder; run `nox -s fetch -- published`"):
        prepare(RunFolder("published", tmp_path), study)


def test_a_category_that_was_not_published_is_refused(tmp_path: Path, study: Study) -> None:
    other = study.model_copy(update={"categories": ["bottle"]})
    with pytest.raises(ReproError, match="the study published no image of bottle"):
        prepare(RunFolder("published", tmp_path), other)
