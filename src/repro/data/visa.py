"""Arrange a folder in VisA layout as MVTec AD.

<root>/<category>/Data/Images/Normal/0000.JPG
<root>/<category>/Data/Images/Anomaly/000.JPG
<root>/<category>/Data/Masks/Anomaly/000.png     0 where the image is normal
<root>/split_csv/1cls.csv                        object,split,label,image,mask

Source: Zou et al., arXiv 2207.14315, and github.com/amazon-science/spot-diff, whose split decides the folders here.
"""

import csv
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.data.layout import GOOD, IMAGES
from repro.errors import DataError, ReproError
from repro.runs import link_or_copy

SPLIT = Path("split_csv") / "1cls.csv"
COLUMNS = ("object", "split", "label", "image", "mask")
#: The only defect type: VisA's split does not distinguish any.
BAD = "bad"


@dataclass(frozen=True)
class Row:
    """One line of the split: an image and its folder below the category."""

    category: str
    image: Path
    #: Only of an anomalous test image.
    mask: Path | None
    #: For example `test/bad`.
    folder: str


class _RowError(Exception):
    """A line of the split that cannot be used, and why."""


def arrange(
    root: Path, target: Path, categories: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> dict[Path, Path]:
    """Arrange categories below `target` as MVTec AD; returns the source of each file there.

    Files are linked, or copied where the file system has no hard links. Raises ReproError without a usable split,
    DataError with all problems of the split.
    """
    rows = read_split(root, categories)
    shutil.rmtree(target, ignore_errors=True)
    sources: dict[Path, Path] = {}
    for number, row in enumerate(rows, 1):
        image = target / row.category / row.folder / row.image.name
        link_or_copy(row.image, image)
        sources[image] = row.image
        if row.mask is not None:
            # Masks have the names of their images, because anomalib pairs both sorted by name.
            mask = target / row.category / "ground_truth" / BAD / f"{row.image.stem}.png"
            link_or_copy(row.mask, mask)
            sources[mask] = row.mask
        if progress:
            progress(number, len(rows))
    return sources


def read_split(root: Path, categories: Sequence[str]) -> list[Row]:
    """Read the lines of the split of these categories.

    Raises ReproError if there is no usable split or category, DataError with all problems of the lines.
    """
    path = root / SPLIT
    lines = _read_lines(path)
    present = {str(line["object"]) for line in lines}
    absent = [category for category in categories if category not in present]
    if absent:
        hint = f"choose from {', '.join(sorted(present))}"
        raise ReproError(f"no category {', '.join(absent)}", where=path, hint=hint)
    problems: list[str] = []
    rows: dict[str, Row] = {}
    for number, line in enumerate(lines, 2):
        if line["object"] not in categories:
            continue
        try:
            row = _row(root, line)
            target = f"{row.category}/{row.folder}/{row.image.stem}"
            if target in rows:
                raise _RowError(f"{line['image']} has the same name as {rows[target].image}")
            rows[target] = row
        except _RowError as error:
            problems.append(f"line {number}: {error}")
    if problems:
        raise DataError(problems, where=path, hint="fix these lines or files; nothing was trained")
    return list(rows.values())


def _read_lines(path: Path) -> list[dict[str, str | None]]:
    hint = f"write a table with the columns {', '.join(COLUMNS)}"
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines: list[dict[str, str | None]] = list(csv.DictReader(stream))
    except FileNotFoundError:
        raise ReproError("no such file, so the folder is not in VisA layout", where=path, hint=hint) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReproError(f"not a table ({error})", where=path, hint=hint) from None
    if not lines or not set(COLUMNS) <= lines[0].keys():
        raise ReproError("lacks columns of VisA's split, or is empty", where=path, hint=hint)
    return lines


def _row(root: Path, line: dict[str, str | None]) -> Row:
    split, label = line["split"], line["label"]
    if (split, label) not in {("train", "normal"), ("test", "normal"), ("test", "anomaly")}:
        raise _RowError(f"split {split!r} with label {label!r}, allowed are train normal, test normal and test anomaly")
    image = _file_below(root, line["image"])
    if image.suffix not in IMAGES["visa"]:
        raise _RowError(f"{image}: has none of the suffixes {', '.join(IMAGES['visa'])}")
    mask = None
    if label == "anomaly":
        try:
            mask = _file_below(root, line["mask"])
        except _RowError as error:
            raise _RowError(f"mask of {image.name}: {error}") from None
        if mask.suffix != ".png":
            raise _RowError(f"{mask}: does not have the suffix .png")
    return Row(str(line["object"]), image, mask, f"{split}/{GOOD if label == 'normal' else BAD}")


def _file_below(root: Path, name: str | None) -> Path:
    path = root / (name or "")
    if not name or not path.resolve().is_relative_to(root.resolve()):
        raise _RowError(f"{name or 'no name'}: not a file below {root}")
    if not path.is_file():
        raise _RowError(f"{path}: missing")
    return path
