"""Contact sheets: small tiles of every test image of a category and of its anomaly maps, in one file.

The page of the paper shows the tiles one by one, so the sheet has neither text nor margins.
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

from repro.paper.cells import first_cell
from repro.paper.figures.heat_maps import MAP_COLOURS, OUTLINE, OUTSIDE, Prediction, predictions_of
from repro.paper.figures.images import ImageLoader
from repro.paper.figures.sheet import Picture, file_name
from repro.records.figures import FigureRecord
from repro.records.results import Results
from repro.runs import RunFolder, writing

#: Side of a tile in pixels.
TILE = 256
#: Greatest height of a sheet; WebP allows 16,383 pixels.
MOST_PIXELS = 16_000
QUALITY = 62


@dataclass(frozen=True)
class Mosaic:
    """All tiles as one image `[H, W, 3]`."""

    pixels: NDArray[np.uint8]

    def save(self, path: Path) -> None:
        """Write WebP."""
        with writing(path) as temporary:
            Image.fromarray(self.pixels).save(temporary, quality=QUALITY, method=4)


def contact_sheet(folder: RunFolder, results: Results, category: str, load_image: ImageLoader) -> Iterator[Picture]:
    """The sheet of a category, with a tile for each image and for the map of each variant's first seed.

    A missing cell's tiles are grey; without any of the cells there is no sheet.
    """
    cells = (first_cell(results, variant, category) for variant in results.variants)
    present = next(filter(None, cells), None)
    if present is None:
        return
    images = tuple(score.image for score in present.scores)
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
    yield record, partial(_mosaic, folder, results, record, load_image)


def _mosaic(folder: RunFolder, results: Results, record: FigureRecord, load_image: ImageLoader) -> Mosaic:
    category, across = record.category or "", record.across or 1
    images = set(record.images)
    by_variant = [predictions_of(folder, results, variant, category, images) for variant in results.variants]
    width = (1 + len(by_variant)) * TILE
    pixels = np.zeros((-(-len(record.images) // across) * TILE, across * width, 3), np.uint8)
    for index, image in enumerate(record.images):
        predictions = [by_image.get(image) for by_image in by_variant]
        edge = _edge(max(filter(None, predictions), key=lambda prediction: prediction.share))
        tiles = [np.asarray(load_image(image).resize((TILE, TILE), Image.Resampling.BILINEAR))]
        tiles += [_coloured(prediction) for prediction in predictions]
        row, column = divmod(index, across)
        for place, tile in enumerate(tiles):
            left = column * width + place * TILE
            target = pixels[row * TILE : (row + 1) * TILE, left : left + TILE]
            target[:] = np.where(edge[..., None], _rgb(OUTLINE), tile)
    return Mosaic(pixels)


def _rgb(colour: str) -> NDArray[np.uint8]:
    return np.round(np.array(matplotlib.colors.to_rgb(colour)) * 255).astype(np.uint8)


def _coloured(prediction: Prediction | None) -> NDArray[np.uint8]:
    """A tile with the map in colours where it covers the image."""
    tile = np.empty((TILE, TILE, 3), np.uint8)
    tile[:] = _rgb(OUTSIDE)
    if prediction is None:
        return tile
    start, side = round(prediction.start * TILE), round(prediction.share * TILE)
    values = Image.fromarray(prediction.map).resize((side, side), Image.Resampling.BILINEAR)
    colours = matplotlib.colormaps[MAP_COLOURS](np.asarray(values))[..., :3]
    tile[start : start + side, start : start + side] = np.round(colours * 255).astype(np.uint8)
    return tile


def _edge(prediction: Prediction) -> NDArray[np.bool_]:
    """The outline of the ground truth, one pixel wide."""
    start, side = round(prediction.start * TILE), round(prediction.share * TILE)
    mask = np.zeros((TILE, TILE), bool)
    # Averaged before thresholding, so that thin defects are not lost between the pixels of the tile.
    small = Image.fromarray(prediction.mask.astype(np.float32)).resize((side, side), Image.Resampling.BOX)
    mask[start : start + side, start : start + side] = np.asarray(small) > 0.1
    return mask & ~binary_erosion(mask)
