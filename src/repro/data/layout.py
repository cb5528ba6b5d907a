"""MVTec AD folders in, samples out.

<root>/<category>/train/good/000.png
<root>/<category>/test/good/000.png, test/<defect>/000.png
<root>/<category>/ground_truth/<defect>/000_mask.png
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

GOOD = "good"
#: How the names of images end that anomalib reads, by the layout the data came in.
IMAGES = {"mvtec": (".png", ".PNG"), "visa": (".png", ".jpg", ".JPG")}
Layout = Literal["mvtec", "visa"]


@dataclass(frozen=True)
class Sample:
    """One image of a category."""

    split: Literal["train", "test"]
    #: `good` or the defect type.
    defect: str
    image: Path
    #: Where its mask belongs; None for normal images. The file need not exist.
    mask: Path | None


def defect_of(image: str) -> str:
    """Defect type of a test image by its name, `category/test/defect/000.png`."""
    return image.split("/")[-2]


def samples(root: Path, category: str, layout: Layout = "mvtec") -> list[Sample]:
    """All images of a category, sorted by path, training images first. Missing folders give no samples.

    `layout` is the one that the data came in: it says which images count.
    """
    folder, endings = root / category, IMAGES[layout]
    found = [Sample("train", GOOD, image, None) for image in _images(folder / "train" / GOOD, endings)]
    for defect in sorted(entry.name for entry in _entries(folder / "test") if entry.is_dir()):
        for image in _images(folder / "test" / defect, endings):
            mask = None if defect == GOOD else _mask(folder / "ground_truth" / defect, image)
            found.append(Sample("test", defect, image, mask))
    return found


def _mask(folder: Path, image: Path) -> Path:
    """MVTec AD says `000_mask.png`; a mask named like its image is taken as well, as anomalib does."""
    for same_name in (folder / image.name, folder / f"{image.stem}.png"):
        if same_name.is_file():
            return same_name
    return folder / f"{image.stem}_mask{image.suffix}"


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _images(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    return [entry for entry in _entries(folder) if entry.suffix in endings]
