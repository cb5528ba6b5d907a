"""Heat maps: chosen test images beside what each variant makes of them, on one scale."""

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
from repro.paper.figures.images import Photograph
from repro.paper.figures.sheet import HEIGHT, MISSING, WIDTH, Picture, Sheet, file_name
from repro.paper.scope import shown_categories
from repro.records.figures import FigureRecord
from repro.records.predictions import load
from repro.records.results import HeatMap, Results
from repro.runs import Cell, RunFolder

PLACES = {"median": "of median rank", "worst": "found least anomalous"}
MAP_COLOURS, OUTLINE, OUTSIDE = "inferno", "#56E9FF", "0.85"
DASHED = (0, (3, 3))


@dataclass(frozen=True)
class Seen:
    """What a variant says of one anomalous image."""

    #: [H, W], normalised: 0.5 is the threshold.
    map: NDArray[np.float32]
    #: [H, W]
    mask: NDArray[np.bool_]
    score: np.float32
    threshold: np.float32
    #: Where the square that the map shows begins and how long its side is, as shares of the image's side.
    start: float
    share: float

    @property
    def judged(self) -> str:
        """The image's score beside the threshold, with as many digits as tell them apart."""
        shown = (f"{self.score:.{digits}g} {{}} {self.threshold:.{digits}g}" for digits in range(3, 10))
        text = next(
            (one for one in shown if len(set(one.split(" {} "))) == 2), f"{self.score:.3g} {{}} {self.threshold:.3g}"
        )
        # Like anomalib, only what lies above the threshold is called anomalous.
        return f"{text.format('>')}, found" if self.score > self.threshold else f"{text.format('≤')}, missed"


def overview(folder: RunFolder, results: Results, photograph: Photograph) -> Picture:
    """One image of each category: input, map of each variant, ground truth."""
    chosen = [one for category in shown_categories(results) for one in _middle(results, category)]
    rows = {one.category: one for one in chosen}
    said = "; ".join(f"{one.category}, {one.defect} ({one.image.rsplit('/', 1)[-1]})" for one in rows.values())
    alt = (
        f"Input, anomaly map of {', '.join(results.names.values())}, and ground truth of one image of each category: "
        f"{said}."
    )
    record = FigureRecord(file="heat-maps.jpg", kind="heat_maps", alt=alt)
    return record, partial(_overview, folder, results, list(rows.values()), photograph)


def _middle(results: Results, category: str) -> list[HeatMap]:
    """Of the defect type in the middle of the alphabet, the image of median rank."""
    found = sorted(
        (heat_map for heat_map in results.heat_maps if (heat_map.category, heat_map.place) == (category, "median")),
        key=lambda one: one.defect,
    )
    return found[len(found) // 2 :][:1]


def heat_maps(folder: RunFolder, results: Results, category: str, photograph: Photograph) -> Iterator[Picture]:
    """A sheet of a category: of each defect type two images with the map of each variant."""
    chosen = [heat_map for heat_map in results.heat_maps if heat_map.category == category and heat_map.place in PLACES]
    if not chosen:
        return
    said = "; ".join(f"{one.defect}, {one.place}: {one.image.rsplit('/', 1)[-1]}" for one in chosen)
    alt = (
        f"Input and anomaly map of {', '.join(results.names.values())} of two {category} images of each defect type, "
        f"with the outline of the ground truth, image score and threshold. {said}."
    )
    record = FigureRecord(
        file=file_name("heat-maps", category, suffix="jpg"), kind="heat_maps", alt=alt, category=category
    )
    yield record, partial(_pairs, folder, results, category, chosen, photograph)


def see(folder: RunFolder, results: Results, variant: str, category: str, wanted: set[str]) -> dict[str, Seen]:
    """What the first seed of a variant says of the wanted images: nothing where that cell is missing.

    ReproError where it was not asked.
    """
    cell = Cell(variant, category, results.seeds(variant)[0])
    if cell.key not in results.cells:
        return {}
    path = folder.cell(cell) / "predictions.npz"
    predictions = load(path)
    rows = {str(image): row for row, image in enumerate(predictions.images)}
    if missing := sorted(wanted - set(rows)):
        raise ReproError(f"holds no prediction for {missing[0]}", where=path, hint="run `nox -s evaluate` again")
    thresholds = results.cells[cell.key].thresholds
    maps = normalise(predictions.maps, thresholds.pixel)
    side = results.study.image_size
    crop = results.variants[variant].settings.get("center_crop") or side
    return {
        image: Seen(
            map=maps[rows[image]].copy(),
            mask=predictions.masks[rows[image]].copy(),
            score=predictions.scores[rows[image]],
            threshold=np.float32(thresholds.image),
            # Rounded to whole pixels, as torchvision crops.
            start=round((side - crop) / 2) / side,
            share=crop / side,
        )
        for image in wanted
    }


def _all_see(folder: RunFolder, results: Results, category: str, wanted: set[str]) -> dict[str, dict[str, Seen]]:
    return {name: see(folder, results, variant, category, wanted) for variant, name in results.names.items()}


def _overview(folder: RunFolder, results: Results, chosen: list[HeatMap], photograph: Photograph) -> Sheet:
    label, gap, caption, top, scale = 0.5, 0.15, 0.5, 0.5, 1.9
    columns = ["input", *results.names.values(), "ground truth"]
    free = WIDTH - label - scale
    side = min(free / len(columns) - gap, (HEIGHT - top - 1) / len(chosen) - caption, 3.0)
    left = label + (free - len(columns) * (side + gap)) / 2
    places = [left + column * (side + gap) for column in range(len(columns))]
    sheet = Sheet(top + len(chosen) * (side + caption) + 0.55)
    for x, name in zip(places, columns, strict=True):
        sheet.text(x + side / 2, top - 0.1, name, side, 8, va="bottom")
    cropped = False
    for row, one in enumerate(chosen):
        y = top + row * (side + caption)
        seen = [views.get(one.image) for views in _all_see(folder, results, one.category, {one.image}).values()]
        sheet.text(left - 0.28, y + side / 2, f"{one.category}, {one.defect}", side, 8, rotation=90, va="center")
        cropped |= _row(sheet, places[:-1], y, side, one.image, seen, photograph)
        _place(sheet, places[-1], y, side, _widest(seen), _widest(seen).mask, "gray")
    _colour_bar(sheet, places[-1] + side + 0.35, top, min(2 * side + caption, sheet.height - top - 1))
    _legend(sheet, cropped=cropped)
    return sheet


def _pairs(folder: RunFolder, results: Results, category: str, chosen: list[HeatMap], photograph: Photograph) -> Sheet:
    label, gap, between, caption, top, scale = 0.4, 0.08, 0.35, 0.4, 1.15, 1.45
    columns = ["input", *results.names.values()]
    defects = list(dict.fromkeys(one.defect for one in chosen))
    free = WIDTH - label - scale - between
    side = min(free / (2 * len(columns)) - gap, (HEIGHT - top - 1) / len(defects) - caption, 2.6)
    block = len(columns) * (side + gap)
    left = label + (free - 2 * block) / 2
    seen = _all_see(folder, results, category, {one.image for one in chosen})
    sheet = Sheet(top + len(defects) * (side + caption) + 0.5)
    cropped = False
    for half, (place, words) in enumerate(PLACES.items()):
        start = left + half * (block + between)
        places = [start + column * (side + gap) for column in range(len(columns))]
        sheet.text(start + block / 2, 0.1, f"image {words}", block, 8)
        for x, name in zip(places, columns, strict=True):
            # What distinguishes variants of a model is on a line of its own.
            first, _, rest = name.partition(" (")
            sheet.text(x + side / 2, top - (0.38 if rest else 0.08), first, side, 7, va="bottom")
            sheet.text(x + side / 2, top - 0.08, f"({rest}" if rest else "", side, 7, va="bottom")
        for one in (one for one in chosen if one.place == place):
            y = top + defects.index(one.defect) * (side + caption)
            if not half:
                sheet.text(left - 0.2, y + side / 2, one.defect, side + caption, 7, rotation=90, va="center")
            views = [views.get(one.image) for views in seen.values()]
            cropped |= _row(sheet, places, y, side, one.image, views, photograph, short=True)
    _colour_bar(sheet, left + 2 * block + between + 0.15, top, min(3 * side, sheet.height - top - 1))
    _legend(sheet, cropped=cropped)
    return sheet


def _row(
    sheet: Sheet,
    places: list[float],
    y: float,
    side: float,
    image: str,
    seen: list[Seen | None],
    photograph: Photograph,
    *,
    short: bool = False,
) -> bool:
    """An image and its maps, side by side; whether a map shows a crop of it. In short, scores are left out."""
    sheet.image(places[0], y, side, side, photograph(image))
    sheet.text(places[0] + side / 2, y + side + 0.06, image.rsplit("/", 1)[-1], side)
    for x, view in zip(places[1:], seen, strict=True):
        if view is None:
            sheet.square(x, y, side, "0.5", facecolor=OUTSIDE, linewidth=0.5, zorder=0.5)
            sheet.text(x + side / 2, y + side / 2, MISSING, side, 8, va="center")
            continue
        _place(sheet, x, y, side, view, view.map, MAP_COLOURS)
        sheet.text(x + side / 2, y + side + 0.06, view.judged.split(", ")[-1] if short else view.judged, side)
        if view.share < 1:
            corner = (places[0] + view.start * side, y + view.start * side)
            sheet.square(*corner, view.share * side, "black", linewidth=0.9)
            sheet.square(*corner, view.share * side, "white", linewidth=0.9, linestyle=DASHED)
    for x, view in zip(places, [_widest(seen), *seen], strict=True):
        if view is not None:
            _outline(sheet, x, y, side, _widest(seen))
    return any(view.share < 1 for view in seen if view)


def _widest(seen: list[Seen | None]) -> Seen:
    """Of the maps that are there the one that shows most; a heat map is chosen only where there is one."""
    return max((view for view in seen if view), key=lambda view: view.share)


def _legend(sheet: Sheet, *, cropped: bool) -> None:
    handles: list[Any] = [Line2D([], [], color=OUTLINE, linewidth=1.6, label="outline of the ground truth")]
    if cropped:
        handles.append(Line2D([], [], color="0.2", linewidth=0.9, linestyle=DASHED, label="centre crop"))
        handles.append(Patch(facecolor=OUTSIDE, edgecolor="0.5", linewidth=0.5, label="outside the crop: no map"))
    sheet.legend(sheet.height - 0.25, handles)


def _place(sheet: Sheet, x: float, y: float, side: float, view: Seen, values: NDArray[Any], colours: str) -> None:
    """Show values where the view's square lies in the image."""
    sheet.square(x, y, side, "0.5", facecolor=OUTSIDE, linewidth=0.5, zorder=0.5)
    shown = view.share * side
    sheet.image(x + view.start * side, y + view.start * side, shown, shown, values, colours)


def _outline(sheet: Sheet, x: float, y: float, side: float, view: Seen) -> None:
    if not view.mask.any():
        return
    # Padded, so that a defect at the border is closed there.
    steps = [view.start * side + (np.arange(-1, n + 1) + 0.5) * view.share * side / n for n in view.mask.shape]
    for colour, width in (("black", 1.3), (OUTLINE, 0.7)):
        look = {"levels": [0.5], "colors": colour, "linewidths": width, "zorder": 2}
        sheet.axes.contour(x + steps[1], y + steps[0], np.pad(view.mask, 1).astype(float), **look)


def _colour_bar(sheet: Sheet, x: float, y: float, height: float) -> None:
    sheet.image(x, y, 0.28, height, np.linspace(1, 0, 256)[:, None], MAP_COLOURS)
    for value, label in ((0, "0"), (0.5, "0.5: threshold"), (1, "1")):
        turned = {"rotation": 90} if value == 0.5 else {}
        sheet.text(x + 0.42, y + (1 - value) * height, label, height, ha="left", va="center", **turned)
    sheet.text(x + 0.95, y + height / 2, "normalised anomaly map", height, ha="left", va="center", rotation=90)
    sheet.axes.plot([x, x + 0.36], [y + height / 2] * 2, color="white", linewidth=0.8, zorder=3)
