"""Figures like the published ones, drawn from given images, maps and masks."""

from dataclasses import dataclass
from math import floor

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import BboxImage
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from repro.panels.colours import TABLE

TITLES = ("Image", "Ground Truth", "Predicted Heat Map", "Predicted Mask", "Segmentation Result")
#: Side of a drawn image in pixels: the width of the axes, 334.05, rounded up.
DRAWN = 335


@dataclass(frozen=True)
class Shown:
    """The content of a figure; the map is between 0 and 1."""

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    anomaly_map: NDArray[np.float32]

    @property
    def predicted(self) -> NDArray[np.bool_]:
        return self.anomaly_map >= 0.5

    @property
    def levels(self) -> NDArray[np.uint8]:
        """The map as 8-bit values, rounded down as by anomalib."""
        return (self.anomaly_map * 255).astype(np.uint8)


def example(side: int = 256, seed: int = 0, peak: float = 1.0) -> Shown:
    """A coloured texture, a smooth map of all levels up to `peak`, and a round defect."""
    rng = np.random.default_rng(seed)
    noise = np.stack([gaussian_filter(rng.normal(size=(side, side)), 1.5) for _ in range(3)], axis=2)
    image = np.rint((noise / np.ptp(noise) * 200 + 120).clip(0, 255)).astype(np.uint8)
    smooth = gaussian_filter(rng.normal(size=(side, side)), 12)
    anomaly_map = ((smooth - smooth.min()) / np.ptp(smooth) * peak).astype(np.float32)
    rows, columns = np.mgrid[:side, :side]
    mask = (rows - side // 3) ** 2 + (columns - side // 2) ** 2 < 400
    return Shown(image, mask, anomaly_map)


def heat(shown: Shown, table: NDArray[np.float32] = TABLE, alpha: float = 0.4) -> NDArray[np.uint8]:
    """The coloured map over the image, blended like `cv2.addWeighted`."""
    blend = alpha * table[shown.levels].astype(np.float64) + (1 - alpha) * shown.image
    return np.rint(blend).clip(0, 255).astype(np.uint8)


def draw(shown: Shown, **changed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw the five pictures as anomalib 1.x does, uint8 [500, 2500, 3]; `changed` replaces some."""
    pictures = {"image": shown.image, "mask": grey(shown.mask), "heat": heat(shown), "predicted": grey(shown.predicted)}
    return draw_pictures([*(pictures | changed).values(), shown.image])


def grey(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.repeat(mask[..., None].astype(np.uint8) * 255, 3, axis=2)


def draw_pictures(pictures: list[NDArray[np.uint8]], size: tuple[float, float] = (25, 5)) -> NDArray[np.uint8]:
    with matplotlib.rc_context({"figure.dpi": 100, "font.size": 10}):
        figure = Figure(figsize=size)
        canvas = FigureCanvasAgg(figure)
        axes = figure.subplots(1, len(pictures))
        figure.subplots_adjust(right=0.9)
        for axis, picture, title in zip(axes, pictures, TITLES, strict=False):
            axis.xaxis.set_visible(False)
            axis.yaxis.set_visible(False)
            axis.set(xlim=(-0.5, 0.5), ylim=(-0.5, 0.5), aspect="equal", title=title)
            axis.apply_aspect()
            corner = axis.get_window_extent()
            # Newer versions of matplotlib place the image of `imshow` elsewhere; the published figures have it here.
            place = Bbox.from_bounds(floor(corner.x0 + 0.5), floor(corner.y0 + 0.5), DRAWN, DRAWN)
            shown = BboxImage(place, interpolation="hanning", resample=True)
            shown.set_data(picture)
            axis.add_artist(shown)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()
