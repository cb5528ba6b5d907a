import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repro.data import checks
from repro.errors import DataError, ReproError
from repro.records.results import CategoryRecord


def save(path: Path, side: int = 16, value: int = 200) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side), value, np.uint8)).save(path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for category in ("grid", "tile"):
        folder = tmp_path / category
        for name in ("train/good/000", "train/good/001", "test/good/000", "test/bent/000", "test/bent/001"):
            save(folder / f"{name}.png")
        for name in ("000", "001"):
            save(folder / "ground_truth" / "bent" / f"{name}_mask.png")
    return tmp_path


def invert(path: Path) -> None:
    """Write the inverted mask of a small defect."""
    levels = np.full((16, 16), 255, np.uint8)
    levels[2:5, 2:5] = 0
    Image.fromarray(levels).save(path)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def test_a_valid_data_set_gives_a_manifest_of_counts_and_hashes(root: Path) -> None:
    manifest = checks.examine(root, ["grid"])["grid"]
    record = CategoryRecord.model_validate(manifest["record"])
    assert (record.train, record.test, record.image_sizes) == (2, {"bent": 2, "good": 1}, ((16, 16),))
    assert len(manifest["files"]) == 7
    assert "grid/ground_truth/bent/000_mask.png" in manifest["files"]


def test_the_fingerprint_depends_on_the_bytes_and_not_on_the_folder(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def fingerprint(folder: Path) -> str:
        return str(checks.examine(folder, ["grid"])["grid"]["record"]["fingerprint"])

    moved = tmp_path_factory.mktemp("elsewhere") / "data"
    before = fingerprint(root)
    root.rename(moved)
    assert fingerprint(moved) == before
    save(moved / "grid" / "train" / "good" / "000.png", value=201)
    assert fingerprint(moved) != before


def test_masks_that_mark_more_than_half_of_their_image_are_reported(root: Path) -> None:
    reports: list[tuple[Path, int]] = []
    for mask in root.glob("*/ground_truth/bent/*.png"):
        levels = np.zeros((16, 16), np.uint8)
        levels[:8] = 1  # exactly half
        Image.fromarray(levels).save(mask)
    before = checks.examine(root, ["grid", "tile"], suspect=lambda *report: reports.append(report))
    assert reports == []
    masks = [root / "grid/ground_truth/bent/001_mask.png", root / "tile/ground_truth/bent/000_mask.png"]
    for mask in masks:
        invert(mask)
    after = checks.examine(root, ["grid", "tile"], suspect=lambda *report: reports.append(report))
    assert reports == [(masks[0], 2)]
    assert after["grid"].keys() == before["grid"].keys()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: truncate(root / "grid/test/bent/001.png"), "grid/test/bent/001.png: not a readable image"),
        (lambda root: (root / "grid/train/good/000.png").write_bytes(b""), "grid/train/good/000.png: not a readable"),
        (lambda root: (root / "grid/ground_truth/bent/001_mask.png").unlink(), "bent/001_mask.png: missing"),
        (
            lambda root: save(root / "grid/ground_truth/bent/000_mask.png", side=8),
            "000_mask.png: mask of 8 x 8 for an image of 16 x 16",
        ),
        (lambda root: save(root / "grid/ground_truth/bent/000_mask.png", value=0), "000_mask.png: mask marks no pixel"),
        (lambda root: save(root / "grid/ground_truth/bent/007_mask.png"), "007_mask.png: a mask without an image"),
        (lambda root: (root / "grid/test/good/000.png").unlink(), "grid/test/good: no image"),
        (lambda root: [shutil.rmtree(path) for path in root.glob("grid/*/bent")], "grid/test/<defect>: no image"),
        (lambda root: (root / "grid/train").rename(root / "grid/training"), "grid/train/good: no image"),
    ],
)
def test_each_problem_is_reported_with_its_path(root: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(root)
    with pytest.raises(DataError) as caught:
        checks.examine(root, ["grid", "tile"])
    assert [problem for problem in caught.value.problems if message in problem]
    assert "\n" not in str(caught.value)


def test_all_problems_of_all_categories_are_reported_at_once(root: Path) -> None:
    truncate(root / "grid/test/bent/000.png")
    truncate(root / "tile/ground_truth/bent/000_mask.png")
    (root / "tile/train/good/001.png").write_bytes(b"not a picture")
    with pytest.raises(DataError, match="3 problems: ") as caught:
        checks.examine(root, ["grid", "tile"])
    assert len(caught.value.problems) == 3


def test_a_link_to_a_file_outside_the_category_is_refused(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    image = root / "grid" / "train" / "good" / "000.png"
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "000.png"
    image.rename(elsewhere)
    image.symlink_to(elsewhere)
    with pytest.raises(DataError, match=r"train/good/000\.png: a link to a file outside grid"):
        checks.examine(root, ["grid"])


def test_a_missing_category_is_reported_with_those_present(root: Path) -> None:
    with pytest.raises(ReproError, match="no category leather; choose with --categories; the folder has grid, tile"):
        checks.examine(root, ["grid", "leather"])


def test_a_missing_root_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match="nowhere: no such folder; give --data-root"):
        checks.examine(tmp_path / "nowhere", ["grid"])


def test_a_mask_named_like_its_image_is_accepted(root: Path) -> None:
    masks = root / "grid/ground_truth/bent"
    for mask in list(masks.iterdir()):
        mask.rename(masks / mask.name.replace("_mask", ""))
    assert "grid/ground_truth/bent/000.png" in checks.examine(root, ["grid"])["grid"]["files"]


def test_names_that_anomalib_would_pair_with_another_mask_are_refused(root: Path) -> None:
    for old, new in (("000", "1"), ("001", "10")):
        (root / f"grid/test/bent/{old}.png").rename(root / f"grid/test/bent/{new}.png")
        (root / f"grid/ground_truth/bent/{old}_mask.png").rename(root / f"grid/ground_truth/bent/{new}_mask.png")
    with pytest.raises(DataError, match=r"bent/1\.png: its mask has another position"):
        checks.examine(root, ["grid"])
    for name in ("1", "10"):
        (root / f"grid/ground_truth/bent/{name}_mask.png").rename(root / f"grid/ground_truth/bent/{name}.png")
    assert checks.examine(root, ["grid"])


def test_only_the_official_split_and_image_sizes_are_official() -> None:
    grid = CategoryRecord(
        train=264,
        test={"good": 21, "bent": 12, "broken": 12, "glue": 11, "metal_contamination": 11, "thread": 11},
        image_sizes=((1024, 1024),),
        modes=("L",),
        fingerprint="",
    )
    assert checks.is_official({"grid": grid})
    assert not checks.is_official({"grid": grid.model_copy(update={"train": 263})})
    assert not checks.is_official({"grid": grid.model_copy(update={"image_sizes": ((256, 256),)})})
    assert not checks.is_official({"my parts": grid})


def test_an_image_of_enormous_declared_size_is_refused_without_decoding(root: Path) -> None:
    header = io.BytesIO()
    Image.new("L", (1, 1)).save(header, "PNG")
    huge = bytearray(header.getvalue())
    huge[16:24] = (60_000).to_bytes(4, "big") * 2
    (root / "grid/train/good/000.png").write_bytes(huge)
    with pytest.raises(DataError, match=r"000\.png: not a readable image"):
        checks.examine(root, ["grid"])


def deep(root: Path) -> None:
    Image.fromarray(np.full((16, 16), 40_000, np.uint16)).save(root / "grid/train/good/000.png")


def unequal(root: Path) -> None:
    for number in (1, 10):
        save(root / f"grid/test/thread/{number}.png")
        save(root / f"grid/ground_truth/thread/{number}_mask.png")


def loop(root: Path) -> None:
    path = root / "grid/train/good/002.png"
    path.symlink_to(path)


def linked_folder(root: Path) -> None:
    (root / "grid/test/bent").rename(root / "grid/test/twisted")
    (root / "grid/test/bent").symlink_to(root / "grid/test/twisted")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (deep, "000.png: grey levels of more than 8 bits"),
        (unequal, "thread/1.png: its mask has another position when sorted by name"),
        (loop, "002.png: a link that leads to itself"),
        (linked_folder, "bent/000.png: in a linked folder"),
        (lambda root: save(root / "grid/preview.png"), "grid/preview.png: an image in the wrong folder"),
        (
            lambda root: save(root / "grid/train/bent/000.png"),
            "train/bent/000.png: train holds only good, so that it would never be read",
        ),
        (
            lambda root: save(root / "grid/old/train/good/000.png"),
            "old/train/good/000.png: an image in the wrong folder",
        ),
        (lambda root: save(root / "grid/train/good/000.jpg"), "good/000.jpg: not a .png file, so it would be ignored"),
        (lambda root: save(root / "grid/train/good/a\nb.png"), "its name holds a character that cannot be printed"),
    ],
)
def test_what_anomalib_would_misread_is_reported(root: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(root)
    with pytest.raises(DataError) as caught:
        checks.examine(root, ["grid"])
    assert [problem for problem in caught.value.problems if message in problem], caught.value.problems
    assert "\n" not in str(caught.value)
