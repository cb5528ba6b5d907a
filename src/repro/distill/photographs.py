"""Photographs to distil on: those that packages ship, and 1,860 of Caltech-101 (https://doi.org/10.22002/D1.20086)."""

import hashlib
import json
from functools import cache
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from repro.errors import ReproError

#: An RGB image, uint8 [H, W, 3].
Pixels = npt.NDArray[np.uint8]

#: Photographs to train on, by package; the second view of a held-out scene is excluded.
TRAINING = {
    "skimage.data": (
        *("astronaut.png", "brick.png", "camera.png", "cell.png", "clock_motion.png", "coffee.png", "coins.png"),
        *("color.png", "grass.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "page.png", "retina.jpg"),
        *("rocket.jpg", "text.png"),
    ),
    "sklearn.datasets.images": ("flower.jpg",),
}
#: Photographs that are not trained on: fur, stones, a machine in a workshop, a temple.
HELD_OUT = {
    "skimage.data": ("chelsea.png", "gravel.png", "motorcycle_left.png"),
    "sklearn.datasets.images": ("china.jpg",),
}
#: Categories of Caltech-101 that are not trained on.
HELD_OUT_CATEGORIES = (
    *("butterfly", "cougar_face", "dollar_bill", "electric_guitar", "ferry"),
    *("lotus", "minaret", "pizza", "soccer_ball", "wrench"),
)
#: The photographs of Caltech-101: the numbers of the files of each category.
LIST = Path(__file__).with_name("caltech101.json")
#: SHA-256 over names and contents of these files, see `digest`.
SHA256 = "dbcb579b4633ee1b732610e7f16589db2cd933a6961269cdbe28481e318391cb"
HINT = (
    "name the folder 101_ObjectCategories of Caltech-101, which https://doi.org/10.22002/D1.20086 has, with "
    "`nox -s repro -- distill --photographs FOLDER`"
)


@cache
def packaged(held_out: bool = False) -> tuple[Pixels, ...]:
    """Load the photographs in packages at their original size, those to train on or those held out."""
    by_package = HELD_OUT if held_out else TRAINING
    loaded = []
    for package, names in by_package.items():
        for name in names:
            with (files(package) / name).open("rb") as stream, Image.open(stream) as image:
                loaded.append(np.asarray(image.convert("RGB")))
    return tuple(loaded)


def caltech(folder: Path, held_out: bool = False) -> tuple[Pixels, ...]:
    """Load the photographs of Caltech-101 at their original size: to train on, or of the held-out categories.

    The first of each category come first, so that a part of them from the start has all categories.
    """
    return tuple(np.asarray(Image.open(folder / name).convert("RGB")) for name in caltech_names(held_out))


def caltech_names(held_out: bool = False) -> tuple[str, ...]:
    """Names of the photographs of Caltech-101, relative to its folder, in the order of `caltech`."""
    listed: dict[str, list[int]] = json.loads(LIST.read_text(encoding="utf-8"))
    rows = [
        [f"{category}/image_{number:04}.jpg" for number in numbers]
        for category, numbers in listed.items()
        if (category in HELD_OUT_CATEGORIES) == held_out
    ]
    return tuple(name for column in zip_longest(*rows) for name in column if name)


def check(folder: Path) -> None:
    """Raise ReproError unless the folder holds the photographs of Caltech-101, byte for byte."""
    names = (*caltech_names(), *caltech_names(held_out=True))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        what = f"{len(missing)} of {len(names)} photographs are missing, {missing[0]} for one"
        raise ReproError(what, where=folder, hint=HINT)
    if digest(folder) != SHA256:
        raise ReproError("the photographs are not those of Caltech-101: their SHA-256 differs", where=folder, hint=HINT)


def digest(folder: Path) -> str:
    """Compute the SHA-256 over the lines "SHA-256 of a photograph, name" in the order of the names."""
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in sorted((*caltech_names(), *caltech_names(held_out=True)))
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
