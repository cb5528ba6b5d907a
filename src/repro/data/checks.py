"""Checks of a data set before training: all problems are reported at once, each with its path.

A valid data set gives one manifest per category: its CategoryRecord and the SHA-256 of each file.
"""

import errno
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from repro.data import official
from repro.data.layout import GOOD, Layout, Sample, samples
from repro.errors import DataError, ReproError
from repro.records.results import CategoryRecord
from repro.runs import fingerprint, sha256

#: Image modes of more than 8 bits, whose grey levels are lost when anomalib converts them to RGB.
DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
#: Suffixes of the images that anomalib reads, and of those that it ignores.
READ_SUFFIXES = (".png", ".PNG")
IGNORED_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

#: A mask that marks a larger share of its image is probably inverted.
LARGE_MASK = 0.5

Progress = Callable[[int, int], None]
#: Called with the first mask that is larger than `LARGE_MASK` and the number of such masks.
Suspect = Callable[[Path, int], None]


def examine(
    root: Path,
    categories: Sequence[str],
    progress: Progress | None = None,
    layout: Layout = "mvtec",
    suspect: Suspect | None = None,
) -> dict[str, dict[str, Any]]:
    """Check the categories and return the manifest of each: `files` (name to SHA-256) and `record`, a CategoryRecord.

    Masks that are probably inverted are reported to `suspect` if the data has no problem; they are none themselves,
    because a defect may be as large. Raises ReproError if `root` or a category does not exist or cannot be read, and
    DataError with all problems of all categories.
    """
    if not root.is_dir():
        raise ReproError("no such folder", where=root, hint="give --data-root a folder in MVTec AD layout")
    try:
        return _examine(root, categories, progress, layout, suspect)
    except OSError as error:
        raise ReproError(error.strerror or str(error), where=error.filename or root, hint="make it readable") from None


def _examine(
    root: Path, categories: Sequence[str], progress: Progress | None, layout: Layout, suspect: Suspect | None
) -> dict[str, dict[str, Any]]:
    absent = [category for category in categories if not (root / category).is_dir()]
    if absent:
        present = ", ".join(sorted(entry.name for entry in root.iterdir() if entry.is_dir())) or "none"
        raise ReproError(
            f"no category {', '.join(absent)}", where=root, hint=f"choose with --categories; the folder has {present}"
        )
    by_category = {category: samples(root, category, layout) for category in categories}
    total = sum(map(len, by_category.values()))
    done = 0
    problems: list[str] = []
    large_masks: list[Path] = []
    manifests = {}
    for category, listed in by_category.items():
        content = _Content(_folder_problems(root / category, listed))
        for sample in listed:
            content.add(sample)
            done += 1
            if progress:
                progress(done, total)
        problems += content.problems
        large_masks += content.large_masks
        if not problems:
            manifests[category] = _manifest(root, listed, content)
    if problems:
        raise DataError(problems, where=root, hint="repair or remove these files; nothing was trained")
    if large_masks and suspect:
        suspect(large_masks[0], len(large_masks))
    return manifests


def is_official(categories: dict[str, CategoryRecord]) -> bool:
    """Whether every category has the split sizes and the image size of the official MVTec AD."""
    return all(_is_official(name, record) for name, record in categories.items())


def _is_official(name: str, record: CategoryRecord) -> bool:
    if name not in official.OFFICIAL:
        return False
    train, good, test, side = official.OFFICIAL[name]
    sizes = record.train, record.test[GOOD], sum(record.test.values())
    return sizes == (train, good, test) and record.image_sizes == ((side, side),)


@dataclass
class _Content:
    """What the image files of a category contain."""

    problems: list[str]
    large_masks: list[Path] = field(default_factory=list)
    sizes: set[tuple[int, int]] = field(default_factory=set)
    modes: set[str] = field(default_factory=set)

    def add(self, sample: Sample) -> None:
        """Read an image and its mask."""
        image = _read(sample.image)
        if isinstance(image, str):
            self.problems.append(image)
        elif image.mode in DEEP_MODES:
            self.problems.append(f"{sample.image}: grey levels of more than 8 bits; save it with 8 bits a channel")
        else:
            self.sizes.add(image.size)
            self.modes.add(image.mode)
        if sample.mask is None:
            return
        # An unreadable image does not say which size its mask should have.
        share = _marked_share(sample.mask, None if isinstance(image, str) else image.size)
        if isinstance(share, str):
            self.problems.append(share)
        elif share > LARGE_MASK:
            self.large_masks.append(sample.mask)


def _paths(listed: Sequence[Sample]) -> list[Path]:
    return [path for sample in listed for path in (sample.image, sample.mask) if path is not None]


def _folder_problems(folder: Path, listed: Sequence[Sample]) -> list[str]:
    counts = Counter((sample.split, sample.defect == GOOD) for sample in listed)
    required: dict[tuple[Literal["train", "test"], bool], Path] = {
        ("train", True): folder / "train" / GOOD,
        ("test", True): folder / "test" / GOOD,
        ("test", False): folder / "test" / "<defect>",
    }
    problems = [f"{path}: no image" for key, path in required.items() if not counts[key]]
    paths = _paths(listed)
    problems += [problem for path in paths for problem in _path_problems(folder, path)]
    return [*problems, *_misplaced(folder, set(paths)), *_mispaired(listed)]


def _path_problems(folder: Path, path: Path) -> Iterator[str]:
    """Find names and links that anomalib cannot use; it silently skips files that links place outside the category."""
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in str(path.relative_to(folder))):
        yield f"{path}: its name holds a character that cannot be printed or is not UTF-8"
    if any(parent.is_symlink() for parent in list(path.parents)[: len(path.relative_to(folder).parts) - 1]):
        yield f"{path}: in a linked folder"
        return
    if _leads_to_itself(path):
        yield f"{path}: a link that leads to itself"
    elif not path.resolve().is_relative_to(folder.resolve()):
        yield f"{path}: a link to a file outside {folder.name}"


def _leads_to_itself(path: Path) -> bool:
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _misplaced(folder: Path, expected: set[Path]) -> Iterator[str]:
    """Find images in unexpected folders: anomalib takes the last two folders of any .png file for split and defect."""
    for path in sorted(folder.glob("**/*")):
        if path.suffix in READ_SUFFIXES and path not in expected:
            inside = path.relative_to(folder).parts
            if len(inside) == 3 and inside[0] == "ground_truth":
                yield f"{path}: a mask without an image"
            elif len(inside) == 3 and inside[0] == "train":
                yield f"{path}: train holds only {GOOD}, so that it would never be read"
            else:
                yield f"{path}: an image in the wrong folder"
        elif path.suffix.lower() in IGNORED_SUFFIXES and path not in expected and not path.name.startswith("."):
            yield f"{path}: not a .png file, so it would be ignored"


def _mispaired(listed: Sequence[Sample]) -> Iterator[str]:
    """Find the first image that anomalib would give another mask: it pairs images and masks sorted by name."""
    masks = {str(sample.image): str(sample.mask) for sample in listed if sample.mask is not None}
    shared = [mask for mask, images in Counter(masks.values()).items() if images > 1]
    yield from (f"{mask}: the mask of more than one image" for mask in shared)
    for image, mask in zip(sorted(masks), sorted(masks.values()), strict=True):
        if masks[image] != mask:
            hint = "give all names as many digits, or masks the names of their images"
            yield f"{image}: its mask has another position when sorted by name; {hint}"
            return


def _read(path: Path) -> Image.Image | str:
    """Decode an image, or return the problem with it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # `load` accepts a truncated file that has all its pixels; `verify` does not.
            with Image.open(path) as image:
                image.verify()
            with Image.open(path) as image:
                image.load()
                return image
    except FileNotFoundError:
        return f"{path}: missing"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return f"{path}: not a readable image ({error})"


def _marked_share(path: Path, size: tuple[int, int] | None) -> float | str:
    """Compute the share of pixels that a mask marks, or return the problem with it."""
    mask = _read(path)
    if isinstance(mask, str):
        return mask
    if size is not None and mask.size != size:
        return f"{path}: mask of {mask.size[0]} x {mask.size[1]} for an image of {size[0]} x {size[1]}"
    levels = np.asarray(mask.convert("L"))
    return np.count_nonzero(levels) / levels.size or f"{path}: mask marks no pixel"


def _manifest(root: Path, listed: Sequence[Sample], content: _Content) -> dict[str, Any]:
    files = {path.relative_to(root).as_posix(): sha256(path) for path in sorted(_paths(listed))}
    record = CategoryRecord(
        train=sum(sample.split == "train" for sample in listed),
        test=dict(sorted(Counter(sample.defect for sample in listed if sample.split == "test").items())),
        image_sizes=tuple(sorted(content.sizes)),
        modes=tuple(sorted(content.modes)),
        fingerprint=fingerprint(files),
    )
    return {"files": files, "record": record.model_dump(mode="json")}
