"""Frames: a result image in, the five pictures in it out, each back at the size at which it was drawn.

A result image is a matplotlib figure with five axes side by side. Each shows a square picture enlarged by matplotlib's
Hanning interpolation, which is a product with one sparse matrix a side, so that the pseudo-inverse of the matrix gives
the picture back: exactly for a mask of 0 and 255, within rounding for an image.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from repro.errors import ReproError

#: Width and height of a result image in pixels.
SIZE = (2500, 500)
PANELS = 5
#: A pixel of a frame is darker than this in every channel.
DARK = 64
#: A row of a frame holds at least this share of a panel's dark pixels.
SOLID = 0.95
HINT = "name a folder with the study's own result images"

Floats = NDArray[np.float64]


def pictures(figure: Image.Image, side: int, where: object) -> list[Floats]:
    """The five pictures of a result image from left to right, [side, side, 3], 0 to 255.

    Raises ReproError, which names `where`, where the image is not such a figure.
    """
    if figure.size != SIZE:
        size, wanted = ("{} x {}".format(*one) for one in (figure.size, SIZE))
        raise ReproError(f"is {size} pixels large, not {wanted}", where=where, hint=HINT)
    pixels = np.asarray(figure.convert("RGB"))
    top, bottom, columns = _frames(pixels, where)
    return [_reduced(pixels[top : bottom + 1, left : right + 1], side) for left, right in columns]


def _frames(pixels: NDArray[np.uint8], where: object) -> tuple[int, int, list[tuple[int, int]]]:
    """Rows of the top and bottom line of the frames, and the columns of the left and right line of each."""
    dark = (pixels < DARK).all(axis=2)
    # Titles stand above and hold few dark pixels; the first row with many is the top line of all five frames.
    rows = np.flatnonzero(dark.sum(axis=1) > SIZE[0] / 2)
    if len(rows) < 2:
        raise ReproError("holds no frames: not a result image of the study", where=where, hint=HINT)
    top, bottom = int(rows[0]), int(rows[-1])
    edges = np.flatnonzero(np.diff(np.concatenate(([False], dark[top], [False])).astype(int)))
    columns = [(int(start), int(end) - 1) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    widths = {right - left for left, right in columns}
    if len(columns) != PANELS or max(widths) - min(widths) > 1 or abs(bottom - top - max(widths)) > 2:
        raise ReproError(f"holds {len(columns)} frames, not five squares", where=where, hint=HINT)
    return top, bottom, columns


def _reduced(panel: NDArray[np.uint8], side: int) -> Floats:
    """The picture inside a frame, whose line is the panel's outermost pixels, at `side` pixels."""
    # matplotlib rounds down: half a level lies between what it drew and what is seen. Black and white stay as they are.
    inner = panel[1:-1, 1:-1].astype(np.float64)
    inner += 0.5 * ((inner > 0) & (inner < 255))
    # The line is a little wider than a pixel and darkens what touches it.
    for edge in (inner[0], inner[-1], inner[:, 0], inner[:, -1]):
        edge /= 1 - LINE
    rows, columns = (_inverse(length, side) for length in inner.shape[:2])
    reduced: Floats = np.einsum("ij,jkc,lk->ilc", rows, inner, columns, optimize=True)
    return np.clip(reduced, 0.0, 255.0)


#: Part of a pixel that a frame's line of 0.8 points covers on each side at 100 dots an inch.
LINE = (0.8 * 100 / 72 - 1) / 2
#: Pixels of the axes beyond the inner ones: the picture ends under the line of the frame.
MARGIN = 2


@cache
def _inverse(length: int, side: int) -> Floats:
    """The pseudo-inverse of matplotlib's enlargement from `side` pixels to an axes of which `length` are seen."""
    return np.linalg.pinv(enlargement(length, side))


def enlargement(length: int, side: int) -> Floats:
    """Hanning interpolation of `side` pixels to the `length` inner pixels of an axes, [length, side].

    Found by fitting: of all widths and offsets the one with which enlarging again gives the published pixels, to a mean
    error of 0.1 of 255.
    """
    width = 335.0
    places = (np.arange(length) + 1.5) * side / width - 0.5
    first = np.floor(places).astype(int)
    weight = 0.5 + 0.5 * np.cos(np.pi * (places - first))
    matrix = np.zeros((length, side))
    rows = np.arange(length)
    np.add.at(matrix, (rows, first.clip(0, side - 1)), weight)
    np.add.at(matrix, (rows, (first + 1).clip(0, side - 1)), 1 - weight)
    return matrix
