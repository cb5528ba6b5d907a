"""The stand-in images: reproducible, in MVTec AD layout, with masks of exactly what a defect changed."""

from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from repro.data.procedural import DEFECTS, generate, render, render_pair

SIZE = 128
PAIRS = [(category, defect) for category, defects in DEFECTS.items() for defect in defects]


def _difference(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Greatest absolute difference over the channels, [H, W]."""
    difference = np.abs(first.astype(np.int64) - second.astype(np.int64))
    return difference if difference.ndim == 2 else difference.max(axis=2)


def _files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        generate(tmp_path / folder, ["grid", "leather"], train=1, test_good=1, test_defect=1, seed=3, size=64)
    assert _files(tmp_path / "first") == _files(tmp_path / "second")


@pytest.mark.parametrize("category", DEFECTS)
def test_every_part_of_the_key_changes_the_image(category: str) -> None:
    image, _ = render(category, "test", "good", 0, seed=0, size=SIZE)
    others = [
        ("test", "good", 0, 1),
        ("test", "good", 1, 0),
        ("train", "good", 0, 0),
        ("test", DEFECTS[category][0], 0, 0),
    ]
    for split, defect, index, seed in others:
        other, _ = render(category, split, defect, index, seed, size=SIZE)
        assert _difference(image, other).mean() > 2, (split, defect, index, seed)


def test_an_image_does_not_depend_on_how_many_others_are_drawn(tmp_path: Path) -> None:
    generate(tmp_path / "few", ["tile"], train=1, test_good=1, test_defect=1, seed=0, size=64)
    generate(tmp_path / "more", ["leather", "tile"], train=3, test_good=2, test_defect=2, seed=0, size=64)
    few, more = _files(tmp_path / "few"), _files(tmp_path / "more")
    assert few == {name: more[name] for name in few}
    assert len(more) > len(few)


@pytest.mark.parametrize(("category", "mode"), [("grid", "L"), ("tile", "RGB"), ("leather", "RGB")])
def test_files_have_the_names_and_modes_of_mvtec_ad(tmp_path: Path, category: str, mode: str) -> None:
    steps: list[tuple[int, int]] = []
    generate(tmp_path, [category], 2, 1, 1, seed=0, size=64, progress=lambda *step: steps.append(step))
    images = {f"{category}/train/good/000.png", f"{category}/train/good/001.png", f"{category}/test/good/000.png"}
    images |= {f"{category}/test/{defect}/000.png" for defect in DEFECTS[category]}
    masks = {f"{category}/ground_truth/{defect}/000_mask.png" for defect in DEFECTS[category]}
    assert set(_files(tmp_path)) == images | masks
    assert steps == [(done, len(images)) for done in range(1, len(images) + 1)]
    for name in images:
        with Image.open(tmp_path / name) as image:
            assert (image.mode, image.size) == (mode, (64, 64))
    for name in masks:
        with Image.open(tmp_path / name) as mask:
            assert (mask.mode, mask.size) == ("L", (64, 64))
            assert set(np.unique(np.asarray(mask))) == {0, 255}


@pytest.mark.parametrize(("category", "defect"), PAIRS)
def test_the_mask_covers_exactly_what_the_defect_changed(category: str, defect: str) -> None:
    # Index 3 is a subtle defect.
    for index in (0, 3):
        image, mask, normal = render_pair(category, "test", defect, index, seed=1, size=192)
        difference = _difference(image, normal)
        assert mask.sum() * (256 / 192) ** 2 >= 30
        assert mask.mean() <= 0.25
        # Sensor noise has a standard deviation near 2 grey levels.
        assert difference[mask].mean() > 4
        assert difference[~mask].max() <= 8


@pytest.mark.parametrize(("category", "defect"), PAIRS)
@pytest.mark.parametrize("size", [64, 96])
def test_small_images_keep_their_defect(category: str, defect: str, size: int) -> None:
    for index in (0, 3):
        image, mask = render(category, "test", defect, index, seed=2, size=size)
        assert image.shape[:2] == mask.shape == (size, size)
        assert 2 <= mask.sum() <= 0.25 * mask.size


@pytest.mark.parametrize("category", DEFECTS)
def test_normal_images_have_no_mask_and_vary(category: str) -> None:
    drawn = [render(category, "train", "good", index, seed=0, size=SIZE) for index in range(4)]
    assert not any(mask.any() for _, mask in drawn)
    for (first, _), (second, _) in combinations(drawn, 2):
        assert _difference(first, second).mean() > 6


def test_the_size_changes_the_sampling_not_the_scene() -> None:
    small, small_mask = render("tile", "test", "oil", 0, seed=0, size=64)
    large, large_mask = render("tile", "test", "oil", 0, seed=0, size=256)
    means = large.reshape(64, 4, 64, 4, 3).mean((1, 3))
    assert np.abs(small - means).mean() < 20
    assert np.isclose(small_mask.mean(), large_mask.mean(), rtol=0.2)


@pytest.mark.parametrize(
    ("category", "split", "defect", "size", "message"),
    [
        ("bottle", "test", "good", 64, "unknown category 'bottle'; choose from grid, tile, leather"),
        ("grid", "test", "crack", 64, "unknown defect 'crack' of grid; choose from good, bent, broken"),
        ("grid", "validation", "good", 64, "unknown split 'validation'; choose from train, test"),
        ("grid", "test", "good", 32, "image size 32 is too small; choose 64 or more"),
    ],
)
def test_unknown_arguments_are_refused_with_the_allowed_ones(
    category: str, split: str, defect: str, size: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        render(category, split, defect, 0, seed=0, size=size)


def test_nothing_is_written_if_a_category_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown category"):
        generate(tmp_path, ["grid", "bottle"], train=1, test_good=0, test_defect=0, seed=0, size=64)
    assert not _files(tmp_path)
