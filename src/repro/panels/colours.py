"""Colours: the table that anomalib 1.x paints anomaly maps with, and the way back from a painted image to the map."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

#: Weight of the colour over the image in a heat map. Source: anomalib 1.x, `superimpose_anomaly_map`.
ALPHA = 0.4
LEVELS = 256

Floats = NDArray[np.float64]


def jet() -> NDArray[np.uint8]:
    """OpenCV's classic jet table, RGB, [256, 3]: a map's value in 1/255 to its colour."""
    ramp = np.arange(LEVELS, dtype=np.uint8)[:, None]
    return cv2.applyColorMap(ramp, cv2.COLORMAP_JET)[:, 0, ::-1].copy()


_TREE = cKDTree(jet().astype(np.float64))


def levels(heat: Floats, image: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The map's level at each pixel of a heat map, 0 to 255, and how far its colour is from the table's, both [H, W].

    Args:
        heat: [H, W, 3], 0 to 255: `ALPHA` of a colour of the table over the image.
        image: [H, W, 3], 0 to 255: the image below.
    """
    colour = (heat - (1 - ALPHA) * image) / ALPHA
    distance, level = _TREE.query(colour.reshape(-1, 3))
    return level.reshape(heat.shape[:2]), distance.reshape(heat.shape[:2])
