"""The hashes of the study's 638 published figures, by which a file is known to be one of them, unchanged."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from repro.errors import ReproError

REPOSITORY = "https://github.com/HanwenLiao/eng-ai-agents-hw"
COMMIT = "41433f6278fc808d85bf99efd2ed0661ec7a1699"
RESULTS = "assignments/assignment-2/results"
#: The study's folder of a model.
FOLDERS = {"efficientad": "EfficientAd", "patchcore": "Patchcore"}
MODELS = tuple(FOLDERS.values())
CATEGORIES = ("grid", "tile", "leather")


@dataclass(frozen=True)
class Original:
    """One published figure.

    Args:
        model: as the study's folders call it, one of `MODELS`.
        category, defect, number: the MVTec AD test image; the number has three digits.
        size: bytes of the PNG file.
        sha256: SHA-256 of the PNG file, in hex.
        pixels: SHA-256 of its pixels, as `pixel_hash` gives it.
    """

    model: str
    category: str
    defect: str
    number: str
    size: int
    sha256: str
    pixels: str

    @property
    def name(self) -> str:
        """The test image: `grid/test/broken/000.png`."""
        return f"{self.category}/test/{self.defect}/{self.number}.png"

    @property
    def path(self) -> str:
        """Where the file lies in the study's repository."""
        return f"{images_folder(self.model, self.category)}/{self.defect}/{self.number}.png"


def images_folder(model: str, category: str) -> str:
    """Folder of a set's figures in the study's repository."""
    return f"{RESULTS}/{model}/MVTec/{category}/latest/images"


def pixel_hash(figure: NDArray[np.uint8]) -> str:
    """SHA-256 of a decoded figure's 8-bit red, green and blue, [height, width, 3], row by row from the top.

    The bytes are those of Pillow's `Image.convert("RGB").tobytes()`. A lossless copy of any format has the same.
    """
    return hashlib.sha256(figure.tobytes()).hexdigest()


@cache
def originals() -> tuple[Original, ...]:
    """The table of all published figures, in the order model, category, defect, number."""
    lines = files(__package__).joinpath("originals.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return tuple(
        Original(model, category, defect, number, int(size), sha256, pixels)
        for place, size, sha256, pixels in rows
        for model, category, defect, number in [place.split("/")]
    )


def originals_of(model: str, category: str) -> list[Original]:
    """The figures of one of the study's folders of a model and category, in the order of their names."""
    return [one for one in originals() if (one.model, one.category) == (model, category)]


def check(path: Path, figure: NDArray[np.uint8], original: Original) -> None:
    """Raise ReproError unless the file is the original by its pixels, or by its bytes."""
    if pixel_hash(figure) == original.pixels:
        return
    if path.stat().st_size == original.size and hashlib.sha256(path.read_bytes()).hexdigest() == original.sha256:
        return
    what = f"is not the study's figure of {original.name} ({original.model}): its pixels have another SHA-256"
    raise ReproError(what, where=path, hint=f"take {original.path} from {REPOSITORY} at {COMMIT[:12]}")
