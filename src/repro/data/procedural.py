"""Procedural stand-ins for MVTec AD's grid, tile and leather: images, masks, and folders in MVTec AD layout."""

from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt
from PIL import Image

from repro.data import defects, textures
from repro.data.layout import GOOD
from repro.runs import writing

#: Defect types by category, named as in MVTec AD.
DEFECTS: dict[str, tuple[str, ...]] = {
    "grid": tuple(defects.MESH),
    "tile": tuple(defects.TILE),
    "leather": tuple(defects.LEATHER),
}
SPLITS = ("train", "test")
SMALLEST_SIZE = 64


def render(
    category: str, split: str, defect: str, index: int, seed: int, size: int = 256
) -> tuple[npt.NDArray[np.uint8], textures.Mask]:
    """Draw an image and its mask, which depend on nothing but these arguments.

    Returns uint8 [H, W] for grid (MVTec AD's grid is grey-scale) or [H, W, 3] for tile and leather, 0 to 255,
    and bool [H, W], True where the defect changes the image; all False where `defect` is "good".
    Every fourth defect image (index 3, 7, ...) shows a subtle defect.
    Raises ValueError for an unknown category, split or defect type, and for a size below 64.
    """
    image, mask, _ = render_pair(category, split, defect, index, seed, size)
    return image, mask


def render_pair(
    category: str, split: str, defect: str, index: int, seed: int, size: int = 256
) -> tuple[npt.NDArray[np.uint8], textures.Mask, npt.NDArray[np.uint8]]:
    """Draw an image and its mask as `render` does, and the same image, noise included, without the defect."""
    _check(category, split, defect, size)
    names = [crc32(name.encode()) for name in (category, split, defect)]
    surface_rng, defect_rng, sensor_rng = (
        np.random.default_rng(child) for child in np.random.SeedSequence([seed, *names, index]).spawn(3)
    )
    frame = textures.Frame(size)
    strength = defect_rng.uniform(0.22, 0.42) if index % 4 == 3 else defect_rng.uniform(0.75, 1.0)
    changed, mask = None, np.zeros((size, size), dtype=np.bool_)
    surface: textures.Surface
    if category == "grid":
        surface = mesh = textures.mesh(frame, surface_rng)
        if defect != GOOD:
            changed, mask = defects.MESH[defect](mesh, defect_rng, strength)
    else:
        surface = (textures.tile if category == "tile" else textures.leather)(frame, surface_rng)
        if defect != GOOD:
            draw = (defects.TILE if category == "tile" else defects.LEATHER)[defect]
            changed, mask = draw(surface, defect_rng, strength)
    noise = sensor_rng.normal(0, 1.6, surface.image.shape) + sensor_rng.normal(0, 1.0, (size, size, 1))
    clean = _grey_levels(surface.image + noise)
    return clean if changed is None else _grey_levels(changed + noise), mask, clean


def generate(
    root: Path,
    categories: Sequence[str],
    train: int,
    test_good: int,
    test_defect: int,
    seed: int,
    size: int = 256,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `train` and `test_good` normal images and `test_defect` images of each defect type, with their masks.


    Files are named as in MVTec AD: `<category>/train/good/000.png`, `<category>/test/<defect>/000.png` and
    `<category>/ground_truth/<defect>/000_mask.png` (8-bit grey, 0 or 255). The same arguments give the same bytes.
    `progress` is called with the numbers of written and of all images. Raises ValueError as `render` does.
    """
    for category in categories:
        _check(category, "test", GOOD, size)
    keys = [
        (category, split, defect, index)
        for category in categories
        for split, defect, count in (
            ("train", GOOD, train),
            ("test", GOOD, test_good),
            *(("test", defect, test_defect) for defect in DEFECTS[category]),
        )
        for index in range(count)
    ]
    for done, (category, split, defect, index) in enumerate(keys, start=1):
        image, mask = render(category, split, defect, index, seed, size)
        _save(image, root / category / split / defect / f"{index:03d}.png")
        if defect != GOOD:
            _save(mask.astype(np.uint8) * 255, root / category / "ground_truth" / defect / f"{index:03d}_mask.png")
        if progress:
            progress(done, len(keys))


def _check(category: str, split: str, defect: str, size: int) -> None:
    if category not in DEFECTS:
        raise ValueError(f"unknown category {category!r}; choose from {', '.join(DEFECTS)}")
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; choose from {', '.join(SPLITS)}")
    if defect != GOOD and defect not in DEFECTS[category]:
        raise ValueError(f"unknown defect {defect!r} of {category}; choose from good, {', '.join(DEFECTS[category])}")
    if size < SMALLEST_SIZE:
        raise ValueError(f"image size {size} is too small; choose {SMALLEST_SIZE} or more")


def _grey_levels(image: textures.Array) -> npt.NDArray[np.uint8]:
    levels = np.clip(np.round(image), 0, 255).astype(np.uint8)
    return levels[..., 0] if levels.shape[2] == 1 else levels


def _save(pixels: npt.NDArray[np.uint8], path: Path) -> None:
    with writing(path) as temporary:
        Image.fromarray(pixels).save(temporary)
