import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_predictions import random_predictions

from repro.errors import ReproError
from repro.metrics import detection as metrics
from repro.records.predictions import Predictions
from repro.runs import Cell, RunFolder, to_json
from repro.stages import score


@pytest.fixture
def scores() -> dict[str, Any]:
    return score.evaluate(random_predictions(3)).model_dump(mode="json")


def test_the_resolution_is_one_image(scores: dict[str, Any]) -> None:
    assert scores["resolution"] == pytest.approx(1 / 12, abs=1e-6)


def test_a_missing_or_broken_file_of_predictions_is_reported_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match=r"predictions\.npz: no such file; run `nox -s evaluate`"):
        score.load(tmp_path / "predictions.npz")
    (tmp_path / "predictions.npz").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(ReproError, match="not a file of predictions"):
        score.load(tmp_path / "predictions.npz")


def saved(folder: Path, **changes: object) -> Path:
    path = folder / "predictions.npz"
    np.savez(path, **(vars(random_predictions(3)) | changes))
    return path


def test_the_stage_writes_its_scores_with_the_same_bytes_each_time(tmp_path: Path, scores: dict[str, Any]) -> None:
    folder, cell = RunFolder("smoke", tmp_path), Cell("patchcore", "grid", 0)
    folder.cell(cell).mkdir(parents=True)
    saved(folder.cell(cell))
    score.score(folder, cell)
    written = (folder.cell(cell) / "scores.json").read_text(encoding="utf-8")
    assert written == to_json(scores)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": np.ones(12, bool)}, "needs normal and anomalous images"),
        ({"labels": np.zeros(12, bool)}, "needs normal and anomalous images"),
        ({"scores": np.full(12, np.nan, np.float32)}, "not finite; train the cell again"),
        ({"scores": np.zeros(11, np.float32)}, "different lengths"),
        ({"masks": np.zeros((12, 8, 8), bool)}, "different lengths"),
        ({"maps": np.zeros((12, 32), np.float32)}, "maps has 2 dimensions of float32"),
        ({"images": np.array(["000.png"] * 12)}, "names an image otherwise than"),
        ({"labels": np.array([None] * 12)}, "not a file of predictions"),
        ({"colour": np.zeros(1)}, "not a file of predictions"),
    ],
)
def test_predictions_that_cannot_be_scored_are_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ReproError, match=rf"predictions\.npz: .*{message}"):
        score.load(saved(tmp_path, **changes))


def test_counts_shares_and_names_are_those_of_the_predictions(scores: dict[str, Any]) -> None:
    predictions = random_predictions(3)
    # Every third of 12 images is normal.
    assert (scores["map_size"], scores["images"], scores["anomalous"]) == ([32, 32], 12, 8)
    assert scores["anomalous_pixels"] == round(int(predictions.masks.sum()) / (12 * 32 * 32), 6)
    assert scores["scores"][1] == {
        "image": "grid/test/bent/001.png",
        "defect": "bent",
        "score": round(float(predictions.scores[1]), 6),
    }
    assert scores["thresholds"] == metrics.thresholds(predictions).model_dump()
    assert scores["metrics"] == metrics.metrics(predictions).model_dump()
    assert scores["raw"] == metrics.raw_metrics(predictions).model_dump()
    arrays = (predictions.scores, predictions.maps, predictions.masks, predictions.labels, predictions.images)
    assert scores["fingerprint"] == hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def test_intervals_are_those_of_each_metric_and_hold_its_value(scores: dict[str, Any]) -> None:
    assert scores["intervals"].keys() == scores["metrics"].keys()
    for name, interval in scores["intervals"].items():
        slack = scores["discretisation"] if name.startswith(("pixel", "aupro")) else 0.0
        assert interval["low"] - slack <= scores["metrics"][name] <= interval["high"] + slack, name


def test_the_sound_protocol_evaluates_each_image_once(scores: dict[str, Any]) -> None:
    folds = scores["sound"]["folds"]
    assert sorted(folds[0]["judged"] + folds[1]["judged"]) == sorted(image["image"] for image in scores["scores"])


def test_without_defects_in_both_halves_there_is_no_sound_protocol() -> None:
    predictions = random_predictions(3)
    masks = predictions.masks.copy()
    masks[np.flatnonzero(predictions.labels)[1:]] = False
    assert score.evaluate(Predictions(**(vars(predictions) | {"masks": masks}))).sound is None


def test_maps_without_a_defect_are_refused_with_a_hint() -> None:
    predictions = random_predictions(3)
    none = Predictions(**(vars(predictions) | {"masks": np.zeros_like(predictions.masks)}))
    with pytest.raises(ReproError) as caught:
        score.evaluate(none)
    assert str(caught.value) == (
        "grid/test/good/000.png: no defect lies inside the anomaly maps; use a larger center_crop"
    )
