"""Images of any format are read as if they were PNG files."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repro import study as studies
from repro.data import formats
from repro.errors import DataError
from repro.runs import RunFolder, read_json
from repro.stages.data import prepare

RANDOM = np.random.default_rng(0)
NAMES = ("train/good/000", "train/good/001", "test/good/000", "test/cut/000", "ground_truth/cut/000_mask")


def pixels(name: str) -> np.ndarray:
    if "mask" not in name:
        return RANDOM.integers(0, 256, (24, 16, 3), dtype=np.uint8)
    mask = np.zeros((24, 16), np.uint8)
    mask[4:9, 3:7] = 255
    return mask


CONTENT = {name: pixels(name) for name in NAMES}


def write(root: Path, suffix: str, **options: object) -> Path:
    for name, content in CONTENT.items():
        path = root / "leather" / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(content).save(path, **options)  # type: ignore[arg-type]
    return root


def prepared(root: Path, tmp_path: Path) -> RunFolder:
    folder = RunFolder("mvtec", tmp_path)
    prepare(folder, studies.choose(studies.load("mvtec"), data_root=root, categories=["leather"]))
    return folder


def read(folder: RunFolder, name: str) -> np.ndarray:
    root = Path(read_json(folder.data_root, hint="")["root"])
    with Image.open(root / "leather" / f"{name}.png") as image:
        return np.asarray(image)


@pytest.mark.parametrize("suffix", [".bmp", ".BMP", ".tif", ".tiff", ".PNG", ".webp"])
def test_a_lossless_format_gives_the_same_pixels(suffix: str, tmp_path: Path) -> None:
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    folder = prepared(write(tmp_path / "data", suffix, **options), tmp_path)
    for name, content in CONTENT.items():
        stored = read(folder, name)
        assert (
            stored.reshape(content.shape[0], content.shape[1], -1)[..., 0] == content.reshape(24, 16, -1)[..., 0]
        ).all()
    record = read_json(folder.manifest("leather"), hint="")["record"]
    assert (record["train"], record["test"]) == (2, {"cut": 1, "good": 1})


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG"])
def test_a_jpeg_is_stored_as_it_is_decoded_and_its_mask_without_noise(suffix: str, tmp_path: Path) -> None:
    root = write(tmp_path / "data", suffix)
    folder = prepared(root, tmp_path)
    with Image.open(root / "leather" / f"test/cut/000{suffix}") as image:
        assert (read(folder, "test/cut/000") == np.asarray(image)).all()
    assert set(np.unique(read(folder, "ground_truth/cut/000_mask"))) == {0, 255}


def test_formats_may_be_mixed_and_a_png_keeps_its_bytes(tmp_path: Path) -> None:
    root = write(tmp_path / "data", ".png")
    path = root / "leather/test/cut/000.png"
    Image.open(path).save(path.with_suffix(".jpg"))
    path.unlink()
    folder = prepared(root, tmp_path)
    kept = "leather/train/good/000.png"
    assert (folder.converted_data / kept).read_bytes() == (root / kept).read_bytes()
    assert read(folder, "test/cut/000").shape == (24, 16, 3)


def test_a_folder_of_png_files_is_used_as_it_is(tmp_path: Path) -> None:
    root = write(tmp_path / "data", ".png")
    folder = prepared(root, tmp_path)
    assert read_json(folder.data_root, hint="") == {"root": str(root)}
    assert not folder.converted_data.exists()


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_an_image_that_exif_turns_is_stored_as_shown_and_so_is_its_mask(suffix: str, tmp_path: Path) -> None:
    root = write(tmp_path / "data", suffix)
    turned = Image.Exif()
    turned[formats.ORIENTATION] = 6
    for name in ("test/cut/000", "ground_truth/cut/000_mask"):
        path = root / "leather" / f"{name}{suffix}"
        with Image.open(path) as image:
            image.load()
            image.save(path, exif=turned)
    folder = prepared(root, tmp_path)
    assert read(folder, "test/cut/000").shape == (16, 24, 3)
    assert read(folder, "ground_truth/cut/000_mask").shape == (16, 24)
    assert read(folder, "train/good/000").shape == (24, 16, 3)


def test_litter_is_ignored_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path / "data", ".png")
    litter = (
        "test/cut/._000.png",
        "test/cut/Thumbs.db",
        "test/.ipynb_checkpoints/000.png",
        "test/@eaDir/x.jpg",
        "notes.txt",
    )
    for name in litter:
        path = root / "leather" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    folder = prepared(root, tmp_path)
    assert read_json(folder.manifest("leather"), hint="")["record"]["test"] == {"cut": 1, "good": 1}
    assert f"{root}: 5 files ignored that hold no image, first {root}" in capsys.readouterr().out


def break_stem(root: Path) -> None:
    Image.fromarray(CONTENT["test/good/000"]).save(root / "leather/test/good/000.bmp")


def break_folder(root: Path) -> None:
    (root / "leather/test/good").rename(root / "elsewhere")
    (root / "leather/test/good").symlink_to(root / "elsewhere")
    break_image(root)


def break_image(root: Path) -> None:
    (root / "leather/test/cut/000.jpg").write_bytes(b"no image")
    (root / "leather/test/cut/000.png").unlink()


def break_name(root: Path) -> None:
    (root / "leather/test/cut/000.png").rename(os.fsdecode(os.fsencode(root / "leather/test/cut") + b"/\xff.jpg"))


def break_training(root: Path) -> None:
    (root / "leather/train/bad").mkdir()
    Image.fromarray(CONTENT["test/good/000"]).save(root / "leather/train/bad/000.jpg")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (break_stem, "test/good/000.png: has the name of 000.bmp but for the suffix"),
        (break_folder, "leather/test/good: a linked folder"),
        (break_image, "test/cut/000.jpg: not a readable image"),
        (break_name, "\udcff.jpg: its name is not UTF-8"),
        (break_training, "train/bad/000.jpg: train holds only good"),
    ],
)
def test_problems_name_the_users_files(spoil: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    root = write(tmp_path / "data", ".png")
    spoil(root)
    with pytest.raises(DataError) as caught:
        prepared(root, tmp_path)
    assert any(message in problem for problem in caught.value.problems), caught.value.problems


def test_an_image_that_is_added_later_is_read(tmp_path: Path) -> None:
    root = write(tmp_path / "data", ".png")
    prepared(root, tmp_path)
    Image.fromarray(CONTENT["test/good/000"]).save(root / "leather/test/good/001.jpg")
    folder = prepared(root, tmp_path)
    assert read_json(folder.manifest("leather"), hint="")["record"]["test"] == {"cut": 1, "good": 2}


def test_a_long_list_of_problems_begins_with_a_summary_and_lies_in_a_file(tmp_path: Path) -> None:
    root = write(tmp_path / "data", ".png")
    for number in range(12):
        (root / f"leather/test/good/{number:03}.png").write_bytes(b"x")
    with pytest.raises(DataError) as caught:
        prepared(root, tmp_path)
    listed = tmp_path / "runs/mvtec/problems.txt"
    assert str(caught.value).startswith(f"{root}: 12 problems (12 x not a readable image): ")
    assert f"; and 2 more, all in {listed}" in str(caught.value)
    assert len(listed.read_text(encoding="utf-8").splitlines()) == 12


def test_images_of_any_format_are_counted_before_anything_is_read(tmp_path: Path) -> None:
    root = write(tmp_path / "data", ".jpg")
    assert sorted(formats.splits(root, "leather")) == ["test", "test", "train", "train"]
