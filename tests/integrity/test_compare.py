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
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("first", "second"):
        folder = tmp_path / name
        write_json(folder / "fit.json", {"steps": 4, "device": name, "threads": len(name), "packages": {"torch": name}})
        write_json(folder / "scores.json", SCORES)
        np.savez(folder / "predictions.npz", maps=np.array([0.0, 2.0], np.float32), images=np.array(["a", "b"]))
        with zipfile.ZipFile(folder / "checkpoint.ckpt", "w") as archive:
            archive.writestr("archive/data.pkl", name)
            archive.writestr("archive/data/0", "weights")
    return tmp_path / "first", tmp_path / "second"


def test_device_threads_and_packages_are_no_difference(folders: tuple[Path, Path]) -> None:
    assert all(difference.none for difference in differences(*folders))


def test_differences_are_listed_by_file_and_name(folders: tuple[Path, Path]) -> None:
    _, second = folders
    write_json(
        second / "scores.json", SCORES | {"metrics": {"image_auroc": 0.875, "pixel_f1": 0.5}, "fingerprint": "2"}
    )
    np.savez(second / "predictions.npz", maps=np.array([0.0, 2.5], np.float32), images=np.array(["a", "c"]))
    with zipfile.ZipFile(second / "checkpoint.ckpt", "w") as archive:
        archive.writestr("archive/data/0", "others!")
    results = {(entry.file, entry.name): entry for entry in differences(*folders) if not entry.none}
    assert results.keys() == {
        ("checkpoint.ckpt", "tensors"),
        ("predictions.npz", "maps"),
        ("predictions.npz", "images"),
        ("scores.json", "metrics.image_auroc"),
    }
    assert results["scores.json", "metrics.image_auroc"].largest == pytest.approx(0.025)
    assert (results["predictions.npz", "maps"].largest, results["predictions.npz", "maps"].relative) == (0.5, 0.25)
    assert results["predictions.npz", "images"].other == results["checkpoint.ckpt", "tensors"].other == 1


def test_a_file_in_only_one_folder_is_an_error(folders: tuple[Path, Path]) -> None:
    (folders[1] / "scores.json").unlink()
    with pytest.raises(ReproError, match=r"second/scores\.json: no such file"):
        differences(*folders)
