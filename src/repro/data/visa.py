"""A folder in VisA layout in, the same images in MVTec AD layout out.

<root>/<category>/Data/Images/Normal/0000.JPG
<root>/<category>/Data/Images/Anomaly/000.JPG
<root>/<category>/Data/Masks/Anomaly/000.png     0 where nothing is wrong
<root>/split_csv/1cls.csv                        object,split,label,image,mask

Source: Zou et al., arXiv 2207.14315, and github.com/amazon-science/spot-diff, whose split becomes the folders here.
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
    """One line of the split: an image, and where it goes below its category."""

    category: str
    image: Path
    #: Of an anomalous test image.
    mask: Path | None
    #: For example `test/bad`.
    folder: str


def arrange(
    root: Path, target: Path, categories: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> dict[Path, Path]:
    """Lay categories out below `target` as MVTec AD; for each file there the file it was made from.

    Files are linked, or copied where the file system has no hard links. Raises ReproError without a usable split,
    DataError with every fault of it.
    """
    rows = read_split(root, categories)
    shutil.rmtree(target, ignore_errors=True)
    made: dict[Path, Path] = {}
    for number, row in enumerate(rows, 1):
        image = target / row.category / row.folder / row.image.name
        link_or_copy(row.image, image)
        made[image] = row.image
        if row.mask is not None:
            # Named like its image, so that masks and images sort alike, as anomalib pairs them.
            mask = target / row.category / "ground_truth" / BAD / f"{row.image.stem}.png"
            link_or_copy(row.mask, mask)
            made[mask] = row.mask
        if progress:
            progress(number, len(rows))
    return made


def read_split(root: Path, categories: Sequence[str]) -> list[Row]:
    """The lines of the split that concern the categories; ReproError without one, DataError with all its faults."""
    path = root / SPLIT
    wants = f"write one with the columns {', '.join(COLUMNS)}"
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.DictReader(stream))
    except FileNotFoundError:
        raise ReproError("no such file, so this is no folder in VisA layout", where=path, hint=wants) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReproError(f"not a table ({error})", where=path, hint=wants) from None
    if not lines or not set(COLUMNS) <= lines[0].keys():
        raise ReproError("has not the columns of VisA's split, or no line", where=path, hint=wants)
    absent = [category for category in categories if category not in {line["object"] for line in lines}]
    if absent:
        present = ", ".join(sorted({str(line["object"]) for line in lines}))
        raise ReproError(f"no category {', '.join(absent)}", where=path, hint=f"choose from those there: {present}")
    problems: list[str] = []
    rows: dict[str, Row] = {}
    for number, line in enumerate(lines, 2):
        if line["object"] in categories:
            row = _row(root, line)
            place = row if isinstance(row, str) else f"{row.category}/{row.folder}/{row.image.stem}"
            if isinstance(row, str):
                problems.append(f"line {number}: {row}")
            elif place in rows:
                problems.append(f"line {number}: {line['image']} has the name of {rows[place].image}")
            else:
                rows[place] = row
    if problems:
        raise DataError(problems, where=path, hint="fix these lines or files; nothing was trained")
    return list(rows.values())


def _row(root: Path, line: dict[str, str | None]) -> Row | str:
    """A line of the split, or what is wrong with it."""
    split, label = line["split"], line["label"]
    if (split, label) not in {("train", "normal"), ("test", "normal"), ("test", "anomaly")}:
        return f"split {split!r} with label {label!r}, allowed are train normal, test normal and test anomaly"
    image = _inside(root, line["image"])
    if isinstance(image, str):
        return image
    if image.suffix not in IMAGES["visa"]:
        return f"{image}: ends neither in {' nor in '.join(IMAGES['visa'])}"
    mask = _inside(root, line["mask"]) if label == "anomaly" else None
    if isinstance(mask, str):
        return f"mask of {image.name}: {mask}"
    if mask is not None and mask.suffix != ".png":
        return f"{mask}: ends not in .png"
    return Row(str(line["object"]), image, mask, f"{split}/{GOOD if label == 'normal' else BAD}")


def _inside(root: Path, name: str | None) -> Path | str:
    """The file of that name below the root, or why there is none."""
    path = root / (name or "")
    if not name or not path.resolve().is_relative_to(root.resolve()):
        return f"{name or 'no name'}: not a file below {root}"
    return path if path.is_file() else f"{path}: missing"
