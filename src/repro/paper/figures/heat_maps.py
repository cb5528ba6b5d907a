"""Heat maps: selected test images with the anomaly map of each variant, on one scale."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from repro.errors import ReproError
from repro.metrics.detection import normalise
from repro.paper.figures.images import ImageLoader
from repro.paper.figures.sheet import HEIGHT, MISSING, WIDTH, Picture, Sheet, file_name
from repro.paper.scope import shown_categories
from repro.records.figures import FigureRecord
from repro.records.predictions import load
from repro.records.results import HeatMap, Results
from repro.runs import Cell, RunFolder

PLACES = {"median": "of median rank", "worst": "found least anomalous"}
MAP_COLOURS, OUTLINE, CONTOUR, OUTSIDE = "inferno", "#56E9FF", "white", "0.85"
#: Side of the window around a defect, as a multiple of the defect's and at least as a share of the image's.
ROOM, LEAST_WINDOW = 1.8, 0.35
DASHED = (0, (3, 3))


@dataclass(frozen=True)
class Window:
    """A square part of an image, as shares of the image's side."""

    left: float = 0.0
    top: float = 0.0
    side: float = 1.0

    def cut(self, values: NDArray[Any], start: float = 0.0, share: float = 1.0) -> tuple[NDArray[Any], float, float]:
        """The part of `values` [H, W, ...] in the window, and its position in it, left and top, as shares of it.

        `values` cover the square of the image from `start` on with a side of `share`.
        """
        first, places = [], []
        for begin, count in ((self.top, values.shape[0]), (self.left, values.shape[1])):
            low = max(0, round((begin - start) / share * count))
            high = min(count, max(low + 1, round((begin + self.side - start) / share * count)))
            first.append(slice(low, high))
            places.append((start + low / count * share - begin) / self.side)
        return values[first[0], first[1]], places[1], places[0]


WHOLE = Window()


@dataclass(frozen=True)
class Prediction:
    """A variant's anomaly map and score of one image."""

    #: `[H, W]`, normalised: 0.5 is the threshold.
    map: NDArray[np.float32]
    #: Ground truth, `[H, W]`.
    mask: NDArray[np.bool_]
    score: np.float32
    threshold: np.float32
    #: Start and side of the square of the image that the map covers, as shares of the image's side.
    start: float
    share: float

    @property
    def flagged(self) -> bool:
        """Whether the image is called anomalous; as in anomalib, only a score above the threshold is."""
        return bool(self.score > self.threshold)

    @property
    def outcome(self) -> str:
        """Whether the image is flagged, and how much of the defect: both can hold without the other."""
        return f"{'flagged' if self.flagged else 'not flagged'}; {self.covered:.0%} of defect"

    @property
    def short(self) -> str:
        """The outcome in as few words as fit below a small map."""
        return f"{'flagged' if self.flagged else 'missed'}, {self.covered:.0%}"

    @property
    def covered(self) -> float:
        """Share of the defect's pixels in the map that are above the pixel threshold; 0 where it has none."""
        return float((self.map > 0.5)[self.mask].mean()) if self.mask.any() else 0.0

    @property
    def caption(self) -> str:
        """Score and threshold, with enough digits to distinguish the numbers."""
        digits = next((n for n in range(3, 10) if f"{self.score:.{n}g}" != f"{self.threshold:.{n}g}"), 3)
        return f"{self.score:.{digits}g} {'>' if self.flagged else '≤'} {self.threshold:.{digits}g}"

    @property
    def window(self) -> Window:
        """A window around the defect; the whole image where the mask is empty."""
        rows, columns = (np.flatnonzero(self.mask.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return WHOLE
        scale = self.share / self.mask.shape[0]
        middle = [self.start + (ends[0] + ends[-1] + 1) / 2 * scale for ends in (rows, columns)]
        extent = max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1) * scale
        side = min(1.0, max(LEAST_WINDOW, ROOM * extent))
        top, left = (min(max(one - side / 2, 0.0), 1 - side) for one in middle)
        return Window(left, top, side)


def overview(folder: RunFolder, results: Results, load_image: ImageLoader) -> Picture:
    """One image of each category: input, map of each variant, ground truth."""
    by_category = {category: _median_of_middle_defect(results, category) for category in shown_categories(results)}
    chosen = [heat_map for heat_map in by_category.values() if heat_map]
    parts = [f"{heat_map.category}, {heat_map.defect} ({_file(heat_map)})" for heat_map in chosen]
    alt = (
        f"Input, anomaly map of {', '.join(results.names.values())}, and ground truth of one image of each category: "
        f"{'; '.join(parts)}."
    )
    record = FigureRecord(file="heat-maps.jpg", kind="heat_maps", alt=alt)
    return record, partial(_overview, folder, results, chosen, load_image)


def _median_of_middle_defect(results: Results, category: str) -> HeatMap | None:
    """The image of median rank, of the defect type in the middle of the alphabet; None without heat maps."""
    heat_maps = [heat_map for heat_map in results.heat_maps if heat_map.category == category]
    medians = sorted(
        (heat_map for heat_map in heat_maps if heat_map.place == "median"), key=lambda heat_map: heat_map.defect
    )
    return medians[len(medians) // 2] if medians else None


def _file(heat_map: HeatMap) -> str:
    return heat_map.image.rsplit("/", 1)[-1]


def heat_maps(folder: RunFolder, results: Results, category: str, load_image: ImageLoader) -> Iterator[Picture]:
    """A sheet of a category: two images of each defect type with the map of each variant."""
    chosen = [heat_map for heat_map in results.heat_maps if heat_map.category == category and heat_map.place in PLACES]
    if not chosen:
        return
    parts = [f"{heat_map.defect}, {heat_map.place}: {_file(heat_map)}" for heat_map in chosen]
    alt = (
        f"Input and anomaly map of {', '.join(results.names.values())} of two {category} images of each defect type, "
        f"with the outline of the ground truth, image score and threshold. {'; '.join(parts)}."
    )
    record = FigureRecord(
        file=file_name("heat-maps", category, suffix="jpg"), kind="heat_maps", alt=alt, category=category
    )
    yield record, partial(_pairs, folder, results, category, chosen, load_image)


def predictions_of(
    folder: RunFolder, results: Results, variant: str, category: str, images: set[str]
) -> dict[str, Prediction]:
    """The predictions of a variant's first seed, by image; empty where that cell is missing.

    Raises ReproError where the cell holds no prediction for an image.
    """
    cell = Cell(variant, category, results.seeds(variant)[0])
    if cell.key not in results.cells:
        return {}
    path = folder.cell(cell) / "predictions.npz"
    stored = load(path)
    rows = {str(image): row for row, image in enumerate(stored.images)}
    if missing := sorted(images - set(rows)):
        raise ReproError(f"holds no prediction for {missing[0]}", where=path, hint="run `nox -s evaluate` again")
    thresholds = results.cells[cell.key].thresholds
    maps = normalise(stored.maps, thresholds.pixel)
    side = results.study.image_size
    crop = results.variants[variant].settings.get("center_crop") or side
    return {
        image: Prediction(
            map=maps[rows[image]].copy(),
            mask=stored.masks[rows[image]].copy(),
            score=stored.scores[rows[image]],
            threshold=np.float32(thresholds.image),
            # Rounded to whole pixels, as torchvision crops.
            start=round((side - crop) / 2) / side,
            share=crop / side,
        )
        for image in images
    }


def _all_predictions(
    folder: RunFolder, results: Results, category: str, images: set[str]
) -> list[dict[str, Prediction]]:
    """Of each variant."""
    return [predictions_of(folder, results, variant, category, images) for variant in results.variants]


def _overview(folder: RunFolder, results: Results, chosen: list[HeatMap], load_image: ImageLoader) -> Sheet:
    label, gap, caption, top, scale = 0.5, 0.15, 0.8, 0.5, 1.9
    columns = ["input", *results.names.values(), "ground truth"]
    free = WIDTH - label - scale
    side = min(free / len(columns) - gap, (HEIGHT - top - 1) / len(chosen) - caption, 3.0)
    left = label + (free - len(columns) * (side + gap)) / 2
    places = [left + column * (side + gap) for column in range(len(columns))]
    sheet = Sheet(top + len(chosen) * (side + caption) + 0.55)
    for x, name in zip(places, columns, strict=True):
        sheet.text(x + side / 2, top - 0.1, name, side, 8, va="bottom")
    cropped = False
    for row, heat_map in enumerate(chosen):
        y = top + row * (side + caption)
        by_variant = _all_predictions(folder, results, heat_map.category, {heat_map.image})
        predictions = [by_image.get(heat_map.image) for by_image in by_variant]
        words = f"{heat_map.category}, {heat_map.defect}"
        sheet.text(left - 0.28, y + side / 2, words, side, 8, rotation=90, va="center")
        widest = _widest(predictions)
        cropped |= _row(sheet, places[:-1], y, side, heat_map.image, predictions, load_image, widest.window)
        _place(sheet, places[-1], y, side, widest, widest.mask, "gray", widest.window)
    _colour_bar(sheet, places[-1] + side + 0.35, top, min(2 * side + caption, sheet.height - top - 1))
    _legend(sheet, cropped=cropped)
    return sheet


def _pairs(folder: RunFolder, results: Results, category: str, chosen: list[HeatMap], load_image: ImageLoader) -> Sheet:
    label, gap, between, caption, top, scale = 0.4, 0.08, 0.35, 0.4, 1.15, 1.45
    columns = ["input", *results.names.values()]
    defects = list(dict.fromkeys(heat_map.defect for heat_map in chosen))
    free = WIDTH - label - scale - between
    side = min(free / (2 * len(columns)) - gap, (HEIGHT - top - 1) / len(defects) - caption, 2.6)
    block = len(columns) * (side + gap)
    left = label + (free - 2 * block) / 2
    by_variant = _all_predictions(folder, results, category, {heat_map.image for heat_map in chosen})
    sheet = Sheet(top + len(defects) * (side + caption) + 0.5)
    cropped = False
    for half, (place, words) in enumerate(PLACES.items()):
        start = left + half * (block + between)
        places = [start + column * (side + gap) for column in range(len(columns))]
        sheet.text(start + block / 2, 0.1, f"image {words}", block, 8)
        for x, name in zip(places, columns, strict=True):
            # What distinguishes variants of a model gets its own line.
            first, _, rest = name.partition(" (")
            sheet.text(x + side / 2, top - (0.38 if rest else 0.08), first, side, 7, va="bottom")
            sheet.text(x + side / 2, top - 0.08, f"({rest}" if rest else "", side, 7, va="bottom")
        for heat_map in (heat_map for heat_map in chosen if heat_map.place == place):
            y = top + defects.index(heat_map.defect) * (side + caption)
            if not half:
                sheet.text(left - 0.2, y + side / 2, heat_map.defect, side + caption, 7, rotation=90, va="center")
            predictions = [by_image.get(heat_map.image) for by_image in by_variant]
            cropped |= _row(sheet, places, y, side, heat_map.image, predictions, load_image, short=True)
    _colour_bar(sheet, left + 2 * block + between + 0.15, top, min(3 * side, sheet.height - top - 1))
    _legend(sheet, cropped=cropped)
    return sheet


def _row(
    sheet: Sheet,
    places: list[float],
    y: float,
    side: float,
    image: str,
    predictions: list[Prediction | None],
    load_image: ImageLoader,
    window: Window = WHOLE,
    *,
    short: bool = False,
) -> bool:
    """Draw an image whole and its maps in a window of it; return whether a map covers only a crop.

    With `short`, captions have no scores.
    """
    sheet.image(places[0], y, side, side, load_image(image))
    if window != WHOLE:
        corner = (places[0] + window.left * side, y + window.top * side)
        sheet.square(*corner, window.side * side, "black", linewidth=1.2)
        sheet.square(*corner, window.side * side, "white", linewidth=0.6)
    sheet.text(places[0] + side / 2, y + side + 0.06, image.rsplit("/", 1)[-1], side)
    for x, prediction in zip(places[1:], predictions, strict=True):
        if prediction is None:
            sheet.square(x, y, side, "0.5", facecolor=OUTSIDE, linewidth=0.5, zorder=0.5)
            sheet.text(x + side / 2, y + side / 2, MISSING, side, 8, va="center")
            continue
        _place(sheet, x, y, side, prediction, prediction.map, MAP_COLOURS, window)
        lines = [prediction.short] if short else [prediction.caption, prediction.outcome]
        for number, line in enumerate(lines):
            sheet.text(x + side / 2, y + side + 0.06 + 0.3 * number, line, side)
        if prediction.share < 1:
            corner = (places[0] + prediction.start * side, y + prediction.start * side)
            sheet.square(*corner, prediction.share * side, "black", linewidth=0.9)
            sheet.square(*corner, prediction.share * side, "white", linewidth=0.9, linestyle=DASHED)
    widest = _widest(predictions)
    _outline(sheet, places[0], y, side, widest, widest.mask, OUTLINE, WHOLE)
    for x, prediction in zip(places[1:], predictions, strict=True):
        if prediction is not None:
            _outline(sheet, x, y, side, prediction, prediction.map > 0.5, CONTOUR, window, linestyle="dotted")
            _outline(sheet, x, y, side, widest, widest.mask, OUTLINE, window)
    return any(prediction.share < 1 for prediction in predictions if prediction)


def _widest(predictions: list[Prediction | None]) -> Prediction:
    """The prediction whose map covers most of the image; images with heat maps have at least one."""
    return max(filter(None, predictions), key=lambda prediction: prediction.share)


def _legend(sheet: Sheet, *, cropped: bool) -> None:
    threshold = Line2D([], [], color="0.4", linewidth=1.2, linestyle="dotted", label="pixels above the threshold")
    handles: list[Any] = [Line2D([], [], color=OUTLINE, linewidth=1.6, label="outline of the defect"), threshold]
    if cropped:
        handles.append(Line2D([], [], color="0.2", linewidth=0.9, linestyle=DASHED, label="centre crop"))
        handles.append(Patch(facecolor=OUTSIDE, edgecolor="0.5", linewidth=0.5, label="outside the crop: no map"))
    sheet.legend(sheet.height - 0.25, handles)


def _place(
    sheet: Sheet,
    x: float,
    y: float,
    side: float,
    prediction: Prediction,
    values: NDArray[Any],
    colours: str,
    window: Window = WHOLE,
) -> None:
    """Draw values in the square of the image that the map covers, as far as the window shows it."""
    sheet.square(x, y, side, "0.5", facecolor=OUTSIDE, linewidth=0.5, zorder=0.5)
    part, left, top = window.cut(values, prediction.start, prediction.share)
    # Side of a pixel of the map on the sheet.
    pixel = prediction.share / values.shape[0] / window.side * side
    sheet.image(x + left * side, y + top * side, part.shape[1] * pixel, part.shape[0] * pixel, part, colours)


def _outline(
    sheet: Sheet,
    x: float,
    y: float,
    side: float,
    prediction: Prediction,
    region: NDArray[np.bool_],
    colour: str,
    window: Window,
    linestyle: str = "solid",
) -> None:
    """Draw the outline of a region of the map, as far as the window shows it."""
    part, left, top = window.cut(region, prediction.start, prediction.share)
    if not part.any():
        return
    pixel = prediction.share / region.shape[0] / window.side * side
    # Padded, so that the outline of a region at the border is closed.
    across, down = ((np.arange(-1, n + 1) + 0.5) * pixel for n in (part.shape[1], part.shape[0]))
    for drawn, width in (("black", 1.3), (colour, 0.7)):
        style = {"levels": [0.5], "colors": drawn, "linewidths": width, "linestyles": linestyle, "zorder": 2}
        sheet.axes.contour(x + left * side + across, y + top * side + down, np.pad(part, 1).astype(float), **style)


def _colour_bar(sheet: Sheet, x: float, y: float, height: float) -> None:
    sheet.image(x, y, 0.28, height, np.linspace(1, 0, 256)[:, None], MAP_COLOURS)
    for value, label in ((0, "0"), (0.5, "0.5: threshold"), (1, "1")):
        rotation = 90 if value == 0.5 else 0
        sheet.text(x + 0.42, y + (1 - value) * height, label, height, ha="left", va="center", rotation=rotation)
    sheet.text(x + 0.95, y + height / 2, "normalised anomaly map", height, ha="left", va="center", rotation=90)
    sheet.axes.plot([x, x + 0.36], [y + height / 2] * 2, color="white", linewidth=0.8, zorder=3)
