"""Samples of a folder in MVTec AD layout.

<root>/<category>/train/good/000.png
<root>/<category>/test/good/000.png, test/<defect>/000.png
<root>/<category>/ground_truth/<defect>/000_mask.png
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

GOOD = "good"
#: Suffixes of the images that anomalib reads, by the original layout of the data.
IMAGES = {"mvtec": (".png", ".PNG"), "visa": (".png", ".jpg", ".JPG")}
Layout = Literal["mvtec", "visa"]


@dataclass(frozen=True)
class Sample:
    """One image of a category."""

    split: Literal["train", "test"]
    #: `good` or the defect type.
    defect: str
    image: Path
    #: Expected path of the mask, whether or not it exists; None for normal images.
    mask: Path | None


def defect_of(image: str) -> str:
    """Read the defect type from the name of a test image, `category/test/defect/000.png`."""
    return image.split("/")[-2]


def samples(root: Path, category: str, layout: Layout = "mvtec") -> list[Sample]:
    """List the images of a category, sorted by path, training images first; missing folders have none.

    `layout` is the original layout of the data, which decides the suffixes of images.
    """
    folder, suffixes = root / category, IMAGES[layout]
    listed = [Sample("train", GOOD, image, None) for image in _images(folder / "train" / GOOD, suffixes)]
    for defect in sorted(entry.name for entry in _entries(folder / "test") if entry.is_dir()):
        for image in _images(folder / "test" / defect, suffixes):
            mask = None if defect == GOOD else _mask(folder / "ground_truth" / defect, image)
            listed.append(Sample("test", defect, image, mask))
    return listed


def _mask(folder: Path, image: Path) -> Path:
    """Choose the path of a mask: `000_mask.png` as in MVTec AD, or, as anomalib accepts, the name of its image."""
    for same_name in (folder / image.name, folder / f"{image.stem}.png"):
        if same_name.is_file():
            return same_name
    return folder / f"{image.stem}_mask{image.suffix}"


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _images(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return [entry for entry in _entries(folder) if entry.suffix in suffixes]
