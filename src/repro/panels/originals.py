"""Originals: the table of the study's result images, one for each test image and model, with their hashes.

Source: https://github.com/HanwenLiao/eng-ai-agents-hw at `COMMIT`, folder assignments/assignment-2/results.
"""

import csv
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from repro.errors import ReproError
from repro.runs import sha256

COMMIT = "41433f6278fc808d85bf99efd2ed0661ec7a1699"
TABLE = Path(__file__).with_name("originals.tsv")
#: The folder of a model in the study's repository.
FOLDERS = {"efficientad": "EfficientAd", "patchcore": "Patchcore"}
#: Name endings of the original and of a lossless copy.
ENDINGS = (".png", ".webp")
HINT = "delete it and run `nox -s fetch -- published` again"


@dataclass(frozen=True)
class Original:
    """One result image as the study published it."""

    model: str
    category: str
    #: `good` or the defect type.
    defect: str
    #: Of the test image, for example `000`.
    number: str
    bytes: int
    #: SHA-256 of the PNG file.
    sha256: str
    #: SHA-256 of its RGB pixels, 8 bits each, row by row.
    pixels: str

    @property
    def name(self) -> str:
        """Of the test image, as predictions name it: `grid/test/bent/000.png`."""
        return f"{self.category}/test/{self.defect}/{self.number}.png"

    @property
    def path(self) -> str:
        """Of the file, below the folder of all result images, without its ending: `EfficientAd/grid/bent/000`."""
        return f"{FOLDERS[self.model]}/{self.category}/{self.defect}/{self.number}"

    @property
    def url(self) -> str:
        """Where the study published it."""
        folder = f"{FOLDERS[self.model]}/MVTec/{self.category}/latest/images"
        return (
            f"https://raw.githubusercontent.com/HanwenLiao/eng-ai-agents-hw/{COMMIT}/assignments/assignment-2/results/"
            f"{folder}/{self.defect}/{self.number}.png"
        )


@cache
def originals() -> tuple[Original, ...]:
    """The whole table: 319 test images of each model."""
    with TABLE.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader((line for line in stream if not line.startswith("#")), delimiter="\t")
        return tuple(Original(*row[:4], int(row[4]), *row[5:]) for row in rows)


def originals_of(model: str, category: str) -> list[Original]:
    """The result images of a model on a category, in the order of their names."""
    return [one for one in originals() if (one.model, one.category) == (model, category)]


def find(root: Path, original: Original) -> Path:
    """The file of a result image below `root`; ReproError where it is missing or there twice."""
    found = [path for ending in ENDINGS if (path := root / f"{original.path}{ending}").is_file()]
    if not found:
        raise ReproError("no such file", where=root / f"{original.path}.png", hint="run `nox -s fetch -- published`")
    if len(found) > 1:
        raise ReproError(f"is there twice, as {found[1].name} too", where=found[0], hint="delete one of them")
    return found[0]


def open_original(path: Path, original: Original) -> Image.Image:
    """Decode a result image, RGB; ReproError unless its bytes, or else its pixels, are those of the table."""
    proved = path.suffix == ".png" and path.stat().st_size == original.bytes and sha256(path) == original.sha256
    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise ReproError(f"not a readable image ({error})", where=path, hint=HINT) from None
    if not proved and hashlib.sha256(image.tobytes()).hexdigest() != original.pixels:
        raise ReproError("is not the image that the study published: its SHA-256 differs", where=path, hint=HINT)
    return image
