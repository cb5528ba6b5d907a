"""The colours of a heat map: the classic jet table of OpenCV, laid over the image, and the way back to levels."""

import numpy as np
from numpy.typing import NDArray

#: Share of the colour in the heat map; the image has the rest (anomalib 1.x, `superimpose_anomaly_map`).
ALPHA = 0.4
LEVELS = 256
#: Colours looked up at once, so that their distances from the table stay in the processor's cache.
CHUNK = 1024


def jet() -> NDArray[np.float32]:
    """The table, float32 [256, 3] of red, green and blue in 0..255: three trapezoids, a quarter of the range apart."""
    level = np.arange(LEVELS)[:, None]
    table = np.rint(np.clip(382.5 - np.abs(4 * level - [765, 510, 255]), 0, 255))
    # OpenCV holds this 1.5 as a fraction of 255 in single precision, a little below, and rounds it down.
    table[159, 2] = 1
    return table.astype(np.float32)


TABLE = jet()


def overlay(levels: NDArray[np.uint8], image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Draw the heat map of levels [S, S] over an image [3, S, S] in 0..255, rounded to 8 bit as OpenCV does."""
    colours = np.moveaxis(TABLE[levels], 2, 0)
    return np.rint(np.float32(ALPHA) * colours + np.float32(1 - ALPHA) * image)


def nearest(colours: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Find the entry of the table that is nearest to each colour.

    Args:
        colours: float32 [3, S, S], in 0..255 but for errors.

    Returns:
        The entries' places uint8 [S, S], and the distances in 1/255, float32 [S, S].
    """
    middle = np.float32(LEVELS / 2)
    points, entries = colours.reshape(3, -1).T - middle, TABLE - middle
    # |point - entry|^2 without |point|^2, which is the same for all entries.
    half = (entries**2).sum(axis=1) / 2
    levels = np.empty(len(points), np.uint8)
    for start in range(0, len(points), CHUNK):
        part = slice(start, start + CHUNK)
        levels[part] = (half - points[part] @ entries.T).argmin(axis=1)
    distances = np.linalg.norm(points - entries[levels], axis=1)
    return levels.reshape(colours.shape[1:]), distances.reshape(colours.shape[1:])


def levels_of(heat: NDArray[np.float32], image: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Read levels and their distances from the table out of a heat map and the image below it, both [3, S, S]."""
    return nearest(((heat - np.float32(1 - ALPHA) * image) / np.float32(ALPHA)).astype(np.float32, copy=False))
