from pathlib import Path

import pytest
from example_predictions import random_predictions

from repro import score
from repro.errors import ReproError
from repro.runs import to_json


def test_scoring_twice_gives_the_same_bytes() -> None:
    assert to_json(score.judge(random_predictions(3))) == to_json(score.judge(random_predictions(3)))


def test_the_resolution_is_one_image() -> None:
    assert score.judge(random_predictions(3))["resolution"] == pytest.approx(1 / 12, abs=1e-6)


def test_a_missing_or_broken_file_of_predictions_is_told_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match=r"predictions\.npz: no such file; run `nox -s evaluate`"):
        score.load(tmp_path / "predictions.npz")
    (tmp_path / "predictions.npz").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(ReproError, match="not a file of predictions"):
        score.load(tmp_path / "predictions.npz")
