"""A data set is judged before anything trains: every fault is listed at once, each with its path.

A data set without faults becomes one manifest a category: what is there, and the SHA-256 of each file.
"""

import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from repro.data import official
from repro.data.layout import GOOD, Layout, Sample, samples
from repro.errors import DataError, ReproError
from repro.records.results import CategoryRecord
from repro.runs import fingerprint, sha256

#: Modes that lose their grey levels where anomalib makes them RGB: integers of more than 8 bits, and floats.
DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
#: What anomalib takes for an image, and what else a reader would.
TAKEN = (".png", ".PNG")
PASSED_OVER = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

#: A mask that marks a larger share of its image is probably inverted.
LARGE = 0.5

Progress = Callable[[int, int], None]
#: Called with the first mask that is larger than `LARGE`, and how many are.
Suspect = Callable[[Path, int], None]


def examine(
    root: Path,
    categories: Sequence[str],
    progress: Progress | None = None,
    layout: Layout = "mvtec",
    suspect: Suspect | None = None,
) -> dict[str, dict[str, Any]]:
    """Manifest of each category: `files` (name to SHA-256) and `record`, a CategoryRecord.

    `suspect` is called where masks of data without faults are probably inverted, which is no fault: a defect may be as
    large. Raises ReproError where there is no such folder, DataError with every fault of every category otherwise.
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
            f"no category {', '.join(absent)}", where=root, hint=f"choose with --categories from those there: {present}"
        )
    found = {category: samples(root, category, layout) for category in categories}
    total = sum(len(those) for those in found.values())
    done = 0
    problems: list[str] = []
    large: list[Path] = []
    manifests = {}
    for category, those in found.items():
        problems += _folder_problems(root / category, those)
        sizes: set[tuple[int, int]] = set()
        modes: set[str] = set()
        for sample in those:
            read = _read(sample.image)
            if isinstance(read, str):
                problems.append(read)
            elif read.mode in DEEP:
                problems.append(f"{sample.image}: grey levels of more than 8 bits; save it with 8 bits a channel")
            else:
                sizes.add(read.size)
                modes.add(read.mode)
            # An unreadable image says nothing about the size its mask should have.
            if sample.mask is not None:
                marked = _marked(sample.mask, None if isinstance(read, str) else read.size)
                if isinstance(marked, str):
                    problems.append(marked)
                elif marked > LARGE:
                    large.append(sample.mask)
            done += 1
            if progress:
                progress(done, total)
        if not problems:
            manifests[category] = _manifest(root, those, sizes, modes)
    if problems:
        raise DataError(problems, where=root, hint="repair or remove these files; nothing was trained")
    if large and suspect:
        suspect(large[0], len(large))
    return manifests


def is_official(categories: dict[str, CategoryRecord]) -> bool:
    """Whether every category has the split sizes and the image size of the official MVTec AD."""
    return all(
        (record.train, record.test[GOOD], sum(record.test.values()), record.image_sizes)
        == (*official.OFFICIAL[name][:3], ((official.OFFICIAL[name][3],) * 2,))
        if name in official.OFFICIAL
        else False
        for name, record in categories.items()
    )


def _folder_problems(folder: Path, those: Sequence[Sample]) -> list[str]:
    counts = Counter((sample.split, sample.defect == GOOD) for sample in those)
    wanted: dict[tuple[Literal["train", "test"], bool], Path] = {
        ("train", True): folder / "train" / GOOD,
        ("test", True): folder / "test" / GOOD,
        ("test", False): folder / "test" / "<defect>",
    }
    problems = [f"{place}: no .png image" for key, place in wanted.items() if not counts[key]]
    paths = [path for sample in those for path in (sample.image, sample.mask) if path is not None]
    problems += [problem for path in paths for problem in _leads_elsewhere(folder, path)]
    return [*problems, *_misplaced(folder, set(paths)), *_mispaired(those)]


def _leads_elsewhere(folder: Path, path: Path) -> Iterator[str]:
    """anomalib leaves out, without a word, what a link places outside the category's folder or behind a linked one."""
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in str(path.relative_to(folder))):
        yield f"{path}: its name holds a character that cannot be printed or is not UTF-8"
    if any(parent.is_symlink() for parent in list(path.parents)[: len(path.relative_to(folder).parts) - 1]):
        yield f"{path}: in a linked folder"
        return
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            yield f"{path}: a link to a file outside {folder.name}"
    except (OSError, RuntimeError):
        yield f"{path}: a link that leads to itself"


def _misplaced(folder: Path, expected: set[Path]) -> Iterator[str]:
    """anomalib takes the last two folders above any .png file for split and defect type, wherever it lies."""
    for path in sorted(folder.glob("**/*")):
        if path.suffix in TAKEN and path not in expected:
            inside = path.relative_to(folder).parts
            is_mask = len(inside) == 3 and inside[0] == "ground_truth"
            yield f"{path}: a mask without an image" if is_mask else f"{path}: no place for an image"
        elif path.suffix.lower() in PASSED_OVER and path not in expected and not path.name.startswith("."):
            yield f"{path}: not a .png file, so it would be left out"


def _mispaired(those: Sequence[Sample]) -> Iterator[str]:
    """anomalib pairs masks and images in the order of their names, each sorted as text."""
    pairs = {str(sample.image): str(sample.mask) for sample in those if sample.mask is not None}
    shared = [mask for mask, images in Counter(pairs.values()).items() if images > 1]
    yield from (f"{mask}: the mask of more than one image" for mask in shared)
    for image, mask in zip(sorted(pairs), sorted(pairs.values()), strict=True):
        if pairs[image] != mask:
            hint = "give all names as many digits, or masks the names of their images"
            yield f"{image}: its mask stands elsewhere in the order of names; {hint}"
            return


def _read(path: Path) -> Image.Image | str:
    """The image, decoded; or what is wrong with it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # `load` forgives a file that ends too early as long as all its pixels are there; `verify` does not.
            with Image.open(path) as image:
                image.verify()
            with Image.open(path) as image:
                image.load()
                return image
    except FileNotFoundError:
        return f"{path}: missing"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return f"{path}: not a readable image ({error})"


def _marked(path: Path, size: tuple[int, int] | None) -> float | str:
    """The share of its image's pixels that a mask marks; or what is wrong with it."""
    mask = _read(path)
    if isinstance(mask, str):
        return mask
    if size is not None and mask.size != size:
        return f"{path}: mask of {mask.size[0]} x {mask.size[1]} for an image of {size[0]} x {size[1]}"
    levels = np.asarray(mask.convert("L"))
    return np.count_nonzero(levels) / levels.size or f"{path}: mask marks no pixel"


def _manifest(root: Path, those: Sequence[Sample], sizes: set[tuple[int, int]], modes: set[str]) -> dict[str, Any]:
    paths = [path for sample in those for path in (sample.image, sample.mask) if path is not None]
    files = {path.relative_to(root).as_posix(): sha256(path) for path in sorted(paths)}
    record = CategoryRecord(
        train=sum(sample.split == "train" for sample in those),
        test=dict(sorted(Counter(sample.defect for sample in those if sample.split == "test").items())),
        image_sizes=tuple(sorted(sizes)),
        modes=tuple(sorted(modes)),
        fingerprint=fingerprint(files),
    )
    return {"files": files, "record": record.model_dump(mode="json")}
