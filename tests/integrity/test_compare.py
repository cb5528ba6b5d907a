import zipfile
from pathlib import Path

import numpy as np
import pytest

from repro.errors import ReproError
from repro.integrity.compare import differences
from repro.runs import write_json

SCORES = {
    "metrics": {"image_auroc": 0.9, "pixel_f1": 0.5},
    "scores": [{"image": "a", "score": 1.0}],
    "fingerprint": "1",
}


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("one", "other"):
        folder = tmp_path / name
        write_json(folder / "fit.json", {"steps": 4, "device": name, "threads": len(name), "packages": {"torch": name}})
        write_json(folder / "scores.json", SCORES)
        np.savez(folder / "predictions.npz", maps=np.array([0.0, 2.0], np.float32), images=np.array(["a", "b"]))
        with zipfile.ZipFile(folder / "checkpoint.ckpt", "w") as archive:
            archive.writestr("archive/data.pkl", name)
            archive.writestr("archive/data/0", "weights")
    return tmp_path / "one", tmp_path / "other"


def test_where_and_with_what_a_cell_was_made_is_no_difference(two: tuple[Path, Path]) -> None:
    assert all(one.none for one in differences(*two))


def test_numbers_are_told_by_file_and_name_with_how_far_they_lie_apart(two: tuple[Path, Path]) -> None:
    _, other = two
    write_json(other / "scores.json", SCORES | {"metrics": {"image_auroc": 0.875, "pixel_f1": 0.5}, "fingerprint": "2"})
    np.savez(other / "predictions.npz", maps=np.array([0.0, 2.5], np.float32), images=np.array(["a", "c"]))
    with zipfile.ZipFile(other / "checkpoint.ckpt", "w") as archive:
        archive.writestr("archive/data/0", "others!")
    found = {(one.file, one.name): one for one in differences(*two) if not one.none}
    assert found.keys() == {
        ("checkpoint.ckpt", "tensors"),
        ("predictions.npz", "maps"),
        ("predictions.npz", "images"),
        ("scores.json", "metrics.image_auroc"),
    }
    assert found["scores.json", "metrics.image_auroc"].largest == pytest.approx(0.025)
    assert (found["predictions.npz", "maps"].largest, found["predictions.npz", "maps"].relative) == (0.5, 0.25)
    assert found["predictions.npz", "images"].other == found["checkpoint.ckpt", "tensors"].other == 1


def test_a_file_in_one_folder_alone_is_an_error(two: tuple[Path, Path]) -> None:
    (two[1] / "scores.json").unlink()
    with pytest.raises(ReproError, match=r"other/scores\.json: no such file"):
        differences(*two)
