"""Browse: every test image of a category and what each variant makes of it, small, on one sheet.

The page of the paper shows its tiles one by one, so the sheet itself has neither words nor margins.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion

from repro.paper.figures.heat_maps import MAP_COLOURS, OUTLINE, OUTSIDE, Seen, see
from repro.paper.figures.images import Photograph
from repro.paper.figures.sheet import Picture, file_name
from repro.records.figures import FigureRecord
from repro.records.results import Results
from repro.runs import RunFolder, writing

TILE = 176
#: Sides of a WebP picture are at most 16,383 pixels.
MOST_PIXELS = 16_000
QUALITY = 62


@dataclass(frozen=True)
class Mosaic:
    """Tiles [H, W, 3] put together."""

    pixels: NDArray[np.uint8]

    def save(self, path: Path) -> None:
        """Write WebP."""
        with writing(path) as beside:
            Image.fromarray(self.pixels).save(beside, quality=QUALITY, method=4)


def contact_sheet(folder: RunFolder, results: Results, category: str, photograph: Photograph) -> Iterator[Picture]:
    """The sheet of a category; for each image a tile of the input, and one for the map of each variant, grey where its
    first seed is missing. None where all of these are.
    """
    here = (results.cells.get(f"{variant}/{category}/seed{results.seeds(variant)[0]}") for variant in results.variants)
    first = next((cell for cell in here if cell is not None), None)
    if first is None:
        return
    images = tuple(score.image for score in first.scores)
    across = -(-len(images) * TILE // MOST_PIXELS) or 1
    names = ", ".join(results.names.values())
    record = FigureRecord(
        file=file_name("browse", category, suffix="webp"),
        kind="contact_sheet",
        alt=f"All {category} test images with the anomaly map of {names} and the outline of the ground truth.",
        category=category,
        images=images,
        across=across,
        tile=TILE,
    )
    yield record, partial(_mosaic, folder, results, record, photograph)


def _mosaic(folder: RunFolder, results: Results, record: FigureRecord, photograph: Photograph) -> Mosaic:
    category, across = record.category or "", record.across or 1
    seen = [see(folder, results, variant, category, set(record.images)) for variant in results.variants]
    wide = (1 + len(seen)) * TILE
    pixels = np.zeros((-(-len(record.images) // across) * TILE, across * wide, 3), np.uint8)
    for index, image in enumerate(record.images):
        views = [views.get(image) for views in seen]
        edge = _edge(max((view for view in views if view), key=lambda view: view.share))
        tiles = [np.asarray(photograph(image).resize((TILE, TILE), Image.Resampling.BILINEAR))]
        tiles += [_coloured(view) for view in views]
        row, column = divmod(index, across)
        for place, tile in enumerate(tiles):
            left = column * wide + place * TILE
            here = pixels[row * TILE : (row + 1) * TILE, left : left + TILE]
            here[:] = np.where(edge[..., None], _rgb(OUTLINE), tile)
    return Mosaic(pixels)


def _rgb(colour: str) -> NDArray[np.uint8]:
    return np.round(np.array(matplotlib.colors.to_rgb(colour)) * 255).astype(np.uint8)


def _coloured(view: Seen | None) -> NDArray[np.uint8]:
    """A map in colours, in its place in the image."""
    tile = np.empty((TILE, TILE, 3), np.uint8)
    tile[:] = _rgb(OUTSIDE)
    if view is None:
        return tile
    start, side = round(view.start * TILE), round(view.share * TILE)
    values = Image.fromarray(view.map).resize((side, side), Image.Resampling.BILINEAR)
    colours = matplotlib.colormaps[MAP_COLOURS](np.asarray(values))[..., :3]
    tile[start : start + side, start : start + side] = np.round(colours * 255).astype(np.uint8)
    return tile


def _edge(view: Seen) -> NDArray[np.bool_]:
    """The outline of the ground truth, one pixel wide."""
    start, side = round(view.start * TILE), round(view.share * TILE)
    mask = np.zeros((TILE, TILE), bool)
    # Averaged before it is cut, so that a thin defect does not fall between the tile's pixels.
    small = Image.fromarray(view.mask.astype(np.float32)).resize((side, side), Image.Resampling.BOX)
    mask[start : start + side, start : start + side] = np.asarray(small) > 0.1
    return mask & ~binary_erosion(mask)
