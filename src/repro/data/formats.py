"""Images of other formats than PNG: a copy of the folder in which every image is a PNG file, as anomalib reads it.

The copy holds only images: hidden files and what systems leave in folders are ignored. Images whose EXIF orientation
turns them are stored as they are shown, and so are their masks.
"""

import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageOps

from repro.errors import DataError
from repro.runs import link_or_copy, writing

#: Suffixes of images, in lower case; those of masks are the same.
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
#: Formats whose values near the border of a mask are noise.
LOSSY = (".jpeg", ".jpg", ".webp")
#: What systems and programs leave in folders of images, in lower case.
LITTER = ("thumbs.db", "desktop.ini", "@eadir", "__macosx", "$recycle.bin")
ORIENTATION = 0x0112
#: Modes that PNG stores as they are.
STORED = ("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16")
MASKS = "ground_truth"


@dataclass(frozen=True)
class Copied:
    """A copy of a folder: the source of each file in it, and the files that were ignored."""

    sources: dict[Path, Path] = field(default_factory=dict)
    ignored: list[Path] = field(default_factory=list)


def is_needed(root: Path, categories: Sequence[str]) -> bool:
    """Whether anomalib would overlook, misread or choke on a file of these categories."""
    return any(
        path.suffix.lower() in SUFFIXES and (_is_litter(path, root) or path.suffix != ".png" or _is_turned(path))
        for category in categories
        for path in _files(root / category)
    )


def splits(root: Path, category: str) -> list[str]:
    """`train` or `test` for each image of a category, of any format."""
    inside = [path.relative_to(root).parts[1:] for path in _files(root / category) if _is_image(path, root)]
    return [parts[0] for parts in inside if len(parts) == 3 and parts[0] in ("train", "test")]


def copy(
    root: Path, target: Path, categories: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> Copied:
    """Copy the images of these categories below `target`, each as a PNG file of the same name.

    PNG files are linked, or copied where the file system has no hard links. Files that cannot be decoded are copied as
    they are, for the checks to name them. Raises DataError where two files of a folder differ only in their suffix, and
    for links to folders.
    """
    shutil.rmtree(target, ignore_errors=True)
    paths = [path for category in categories for path in _files(root / category)]
    copied = Copied(ignored=[path for path in paths if not _is_image(path, root)])
    images = [path for path in paths if path not in set(copied.ignored)]
    problems = [f"{path}: a linked folder" for category in categories for path in _linked(root / category)]
    problems += [f"{path}: its name is not UTF-8" for path in images if not _is_utf8(path)]
    images = [path for path in images if _is_utf8(path)]
    for number, path in enumerate(images, 1):
        place = target / path.relative_to(root).with_suffix(".png")
        if place in copied.sources:
            problems.append(f"{path}: has the name of {copied.sources[place].name} but for the suffix")
            continue
        copied.sources[place] = path
        _store(path, place, is_mask=path.relative_to(root).parts[1:2] == (MASKS,))
        if progress:
            progress(number, len(images))
    if problems:
        raise DataError(problems, where=root, hint="rename or remove these files; nothing was trained")
    return copied


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder, sorted; links to folders are not followed."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names))


def _linked(folder: Path) -> Iterator[Path]:
    for place, folders, _ in os.walk(folder):
        yield from (path for name in sorted(folders) if (path := Path(place, name)).is_symlink())


def _is_utf8(path: Path) -> bool:
    return not any(0xDC80 <= ord(character) <= 0xDCFF for character in str(path))


def _is_image(path: Path, root: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not _is_litter(path, root)


def _is_litter(path: Path, root: Path) -> bool:
    return any(part.startswith(".") or part.lower() in LITTER for part in path.relative_to(root).parts[1:])


def _is_turned(path: Path) -> bool:
    """Whether EXIF data turn the image; an image that cannot be read is not turned."""
    try:
        with Image.open(path) as image:
            return image.getexif().get(ORIENTATION, 1) != 1
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False


def _store(path: Path, place: Path, *, is_mask: bool) -> None:
    if path.suffix == ".png" and not _is_turned(path):
        link_or_copy(path, place)
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                image = ImageOps.exif_transpose(opened)
                image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        link_or_copy(path, place)
        return
    if is_mask and path.suffix.lower() in LOSSY:
        image = image.convert("L").point(lambda level: 255 * (level > 127))
    if image.mode not in STORED:
        image = image.convert("RGB")
    with writing(place) as beside:
        # Without EXIF data, which would turn it again.
        image.save(beside, format="PNG", exif=b"", icc_profile=None)
