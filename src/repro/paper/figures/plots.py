"""Plots: the scores of results.json, as lines and dots."""

import math
from collections.abc import Sequence
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from repro.data.layout import GOOD
from repro.paper.cells import cells_of, first_cell
from repro.paper.figures.sheet import HEIGHT, LINE_STYLES, MISSING, SIZE, WIDTH, Picture, Sheet, drawable
from repro.paper.scope import shown_categories
from repro.records.costs import Bench, CostPair
from repro.records.figures import FigureRecord
from repro.records.results import CellRecord, Results

#: Title of the panel of each published metric.
METRICS = {
    "image_auroc": "image AUROC",
    "image_f1": "image F1",
    "pixel_auroc": "pixel AUROC",
    "pixel_f1": "pixel F1",
}
NORMAL, ANOMALOUS = ("normal", "#0072B2", "o"), ("anomalous", "#D55E00", "x")


def metric_dots(results: Results) -> Picture:
    """The four published metrics by category: marks at the mean over seeds, lines over the interval."""
    parts = [
        f"{name}, {category}: " + _means(results, variant, category)
        for variant, name in results.names.items()
        for category in results.study.categories
    ]
    alt = f"Four panels of dots with intervals, one a metric, by category and model. {'; '.join(parts)}."
    return FigureRecord(file="metrics.svg", kind="metrics", alt=alt), partial(_metric_dots, results)


def _means(results: Results, variant: str, category: str) -> str:
    if not cells_of(results, variant, category):
        return MISSING
    return ", ".join(
        f"{title} {fmean(_values(results, variant, category, metric)):.3f}" for metric, title in METRICS.items()
    )


def _metric_dots(results: Results) -> Sheet:
    categories, names = results.study.categories, results.names
    apart = min(0.28, ((HEIGHT - 2.5) / len(categories) - 0.25) / len(names))
    step = apart * len(names) + 0.25
    height, left, gap = step * len(categories), 2.1, 0.6
    width = (WIDTH - left - 0.3) / len(METRICS) - gap
    sheet = Sheet(0.55 + height + 1.3)
    for column, (metric, title) in enumerate(METRICS.items()):
        x = left + column * (width + gap)
        # From a tenth below all that is drawn, so that differences use the width.
        lows = [
            one for variant in names for category in categories for one in _ends(results, variant, category, metric)
        ]
        least = math.floor(10 * min(lows, default=0.0)) / 10
        axes = sheet.plot(x, 0.55, width, height, xlim=(least, 1), ylim=(len(categories) - 0.5, -0.5))
        ticks = [least, (least + 1) / 2, 1]
        axes.set(xticks=ticks, xticklabels=[f"{tick:.2g}" for tick in ticks], yticks=[])
        sheet.text(x + width / 2, 0.12, title, width, 8)
        for row, category in enumerate(categories):
            if row % 2:
                axes.axhspan(row - 0.5, row + 0.5, color="0.96", zorder=0)
            if not column:
                middle = 0.55 + (row + 0.5) * step
                sheet.text(left - 0.25, middle, category, left - 0.35, 8, ha="right", va="center")
            for place, (variant, style) in enumerate(zip(names, _styles(names), strict=True)):
                values = _values(results, variant, category, metric)
                y = row + (place - (len(names) - 1) / 2) * apart / step
                if not values:
                    axes.text(0.5, y, MISSING, size=SIZE - 1, color=style["color"], ha="center", va="center")
                    continue
                ends = _ends(results, variant, category, metric)
                axes.plot(ends, [y, y], color=style["color"], linewidth=0.9, alpha=0.6, clip_on=False)
                axes.plot([min(values), max(values)], [y, y], color=style["color"], linewidth=2.2, clip_on=False)
                axes.plot([fmean(values)], [y], linestyle="", markersize=4.5, clip_on=False, zorder=3, **_dot(style))
    sheet.legend(sheet.height - 0.28, _legend(names, lines=False))
    return sheet


def distributions(results: Results) -> Picture:
    """Every test image's score by variant and category, with the threshold."""
    names = results.names
    parts = []
    for variant, name in names.items():
        for category in shown_categories(results):
            cell = first_cell(results, variant, category)
            if cell is None:
                parts.append(f"{name}, {category}: {MISSING}")
                continue
            missed = sum(not cell.calls_anomalous(score) for score in cell.scores if score.defect != GOOD)
            false = sum(cell.calls_anomalous(score) for score in cell.scores if score.defect == GOOD)
            parts.append(f"{name}, {category}: {missed} anomalous at or below the threshold, {false} normal above")
    alt = f"Scores of normal and of anomalous test images on two lines, with the threshold. {'; '.join(parts)}."
    return FigureRecord(file="distributions.svg", kind="distributions", alt=alt), partial(_distributions, results)


def _distributions(results: Results) -> Sheet:
    rows = [(category, *pair) for category in shown_categories(results) for pair in results.names.items()]
    columns = min(len(results.names), 3) or 1
    left, top, gap, height = 0.2, 0.45, 0.35, 1.0
    width = (WIDTH - left - 0.2) / columns - gap
    step = height + 0.95
    lines = -(-len(rows) // columns)
    sheet = Sheet(top + lines * step + 0.25)
    for index, (category, variant, name) in enumerate(rows):
        x, y = left + index % columns * (width + gap), top + index // columns * step
        sheet.text(x, y - 0.36, f"{category}, {name}", width, 7.5, ha="left")
        cell = first_cell(results, variant, category)
        if cell is None:
            sheet.text(x + width / 2, y + height / 2, MISSING, width, 7.5, va="center")
            continue
        threshold = cell.thresholds.image
        values = [score.score for score in cell.scores] + [threshold]
        pad = (max(values) - min(values) or 1) * 0.04
        axes = sheet.plot(x, y, width, height, xlim=(min(values) - pad, max(values) + pad), ylim=(-0.5, 1.5), yticks=[])
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=5)
        axes.axvline(threshold, color="0.1", linewidth=1)
        for lane, (_, colour, marker) in ((1, NORMAL), (0, ANOMALOUS)):
            shown = [score.score for score in cell.scores if (score.defect == GOOD) == bool(lane)]
            style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4, "markeredgewidth": 0.8}
            face: dict[str, Any] = {"markerfacecolor": "none"} if lane else {}
            axes.plot(shown, [lane] * len(shown), linestyle="", alpha=0.8, **style, **face)
    marks = [
        Line2D([], [], linestyle="", color=colour, marker=marker, markersize=4, markerfacecolor="none", label=label)
        for label, colour, marker in (NORMAL, ANOMALOUS)
    ]
    sheet.legend(sheet.height - 0.25, [*marks, Line2D([], [], color="0.1", linewidth=1, label="threshold")])
    return sheet


def curves(results: Results) -> Picture:
    """ROC and precision-recall curves of the image scores, by category, a line for each variant."""
    names = results.names
    parts = [
        f"{name}, {category}: {_areas(first_cell(results, variant, category))}"
        for category in shown_categories(results)
        for variant, name in names.items()
    ]
    alt = f"ROC and precision-recall curves of the image scores, one pair a category. {'; '.join(parts)}."
    return FigureRecord(file="curves.svg", kind="curves", alt=alt), partial(_curves, results)


def _areas(cell: CellRecord | None) -> str:
    if cell is None:
        return MISSING
    return f"AUROC {cell.metrics.image_auroc:.3f}, average precision {cell.metrics.image_ap:.3f}"


def _curves(results: Results) -> Sheet:
    categories = shown_categories(results)
    columns = min(len(categories), 4)
    left, top, gap = 1.1, 0.5, 0.55
    side = min((WIDTH - left - 0.2) / columns - gap, 4.6)
    step = 2 * side + 2.3
    lines = -(-len(categories) // columns)
    sheet = Sheet(top + lines * step + 0.35)
    for index, category in enumerate(categories):
        x, y = left + index % columns * (side + gap), top + index // columns * step
        sheet.text(x + side / 2, y - 0.4, category, side, 8)
        for row, words in enumerate((("false positive rate", "true positive rate"), ("recall", "precision"))):
            limits = {"xlim": (-0.01, 1.01), "ylim": (-0.01, 1.01), "xticks": [0, 0.5, 1], "yticks": [0, 0.5, 1]}
            axes = sheet.plot(x, y + row * (side + 0.95), side, side, **limits)
            for which in (axes.set_xticklabels, axes.set_yticklabels):
                which(["0", "0.5", "1"])
            axes.set_xlabel(words[0], size=SIZE, labelpad=1)
            if index % columns:
                axes.set_yticklabels([])
            else:
                axes.set_ylabel(words[1], size=SIZE, labelpad=1)
            if not row:
                axes.plot([0, 1], [0, 1], color="0.75", linewidth=0.6)
            for place, (variant, style) in enumerate(zip(results.names, _styles(results.names), strict=True)):
                cell = first_cell(results, variant, category)
                if cell is None:
                    style = {"size": SIZE - 1, "color": style["color"], "ha": "center"}
                    axes.text(0.5, 0.1 + 0.12 * place, f"{results.names[variant]}: {MISSING}", **style)
                    continue
                truth, scores = _truth(cell)
                if len(set(truth.tolist())) < 2:
                    continue
                line = {"color": style["color"], "linestyle": style["dashes"], "linewidth": 1.3, "clip_on": False}
                if row:
                    precision, recall, _ = precision_recall_curve(truth, scores)
                    axes.plot(recall, precision, drawstyle="steps-post", **line)
                else:
                    axes.plot(*roc_curve(truth, scores)[:2], **line)
    sheet.legend(sheet.height - 0.25, _legend(results.names, lines=True))
    return sheet


def growth(bench: Bench) -> Picture:
    """Time to select a coreset by number of patches: anomalib's, ours, and that of the plain matrix product."""
    pairs = sorted((pair for pair in bench.pairs if pair.points), key=lambda pair: pair.points or 0)
    times = "; ".join(
        f"{pair.points} patches: anomalib {pair.anomalib_seconds:.3g} s, here {pair.seconds:.3g} s" for pair in pairs
    )
    alt = f"Two rising lines on logarithmic scales, anomalib's steeper and far above ours. {times}."
    return FigureRecord(file="cost.svg", kind="cost", alt=alt), partial(_growth, pairs)


def _growth(pairs: Sequence[CostPair]) -> Sheet:
    sheet = Sheet(7.2)
    axes = sheet.plot(1.6, 0.3, WIDTH - 2.2, 5.1, xscale="log", yscale="log")
    points = [pair.points or 0 for pair in pairs]
    lines = (
        ("anomalib", [pair.anomalib_seconds for pair in pairs]),
        ("here", [pair.seconds for pair in pairs]),
        ("plain matrix product", [pair.floor_seconds for pair in pairs]),
    )
    handles = []
    for (name, seconds), (colour, marker, dashes) in zip(lines, LINE_STYLES, strict=False):
        style = {"color": colour, "marker": marker, "markersize": 4.5, "linestyle": dashes, "linewidth": 1.3}
        handles += axes.plot(points, seconds, label=name, **style)
    axes.set_xticks(points, [f"{number:,}" for number in points])
    low, high = (math.floor(math.log10(edge)) for edge in axes.get_ylim())
    axes.set_yticks([10.0**power for power in range(low + 1, high + 1)])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_xlabel("patches to select a tenth of", size=SIZE, labelpad=2)
    axes.set_ylabel("seconds", size=SIZE, labelpad=2)
    sheet.legend(6.9, handles)
    return sheet


def leak_dots(results: Results) -> Picture:
    """F1 of each training by where its thresholds come from: the test images, their other half, normal images."""
    cells = [cell for key in results.ordered if (cell := results.cells[key]).sound]
    parts = [f"{results.names[one.variant]}, {one.category}, seed {one.seed}: {_sources(one)}" for one in cells]
    alt = f"Two panels of joined dots, image F1 and pixel F1, a line a training. {'; '.join(parts)}."
    return FigureRecord(file="thresholds.svg", kind="thresholds", alt=alt), partial(_leak_dots, results, cells)


#: Where thresholds come from, and the mark of each.
SOURCES = (
    ("the same test images", {"marker": "o", "color": "#D55E00"}),
    ("other test images", {"marker": "s", "color": "#0072B2"}),
    ("held-out normal images", {"marker": "^", "color": "#009E73"}),
)


def _f1s(cell: CellRecord, kind: str) -> list[float | None]:
    """F1 by `SOURCES`; None where no image was held out."""
    metric = f"{kind}_f1"
    held_out = getattr(cell.held_out.deviations, metric) if cell.held_out else None
    return [getattr(cell.raw, metric), getattr(cell.sound, metric), held_out]


def _sources(cell: CellRecord) -> str:
    return ", ".join(
        f"{kind} F1 " + " / ".join("none" if value is None else f"{value:.3f}" for value in _f1s(cell, kind))
        for kind in ("image", "pixel")
    )


def _leak_dots(results: Results, cells: Sequence[CellRecord]) -> Sheet:
    step, top, left, gap = min(0.42, (HEIGHT - 2.2) / max(len(cells), 1)), 0.55, 5.6, 0.6
    height = step * len(cells)
    width = (WIDTH - left - 0.3) / 2 - gap
    sheet = Sheet(top + height + 1.35)
    for column, kind in enumerate(("image", "pixel")):
        x = left + column * (width + gap)
        shown = [value for cell in cells for value in _f1s(cell, kind) if value is not None]
        least = math.floor(10 * min(shown, default=0.0)) / 10
        axes = sheet.plot(x, top, width, height, xlim=(least, 1), ylim=(len(cells) - 0.5, -0.5), yticks=[])
        sheet.text(x + width / 2, 0.12, f"{kind} F1", width, 8)
        for row, cell in enumerate(cells):
            if not column:
                words = f"{cell.category}, {results.names[cell.variant]}"
                words += f", seed {cell.seed}" if len(results.seeds(cell.variant)) > 1 else ""
                sheet.text(left - 0.2, top + (row + 0.5) * step, words, left - 0.3, 7, ha="right", va="center")
            values = _f1s(cell, kind)
            known = [value for value in values if value is not None]
            axes.plot([min(known), max(known)], [row, row], color="0.6", linewidth=0.9, zorder=1, clip_on=False)
            for value, (_, style) in zip(values, SOURCES, strict=True):
                if value is not None:
                    axes.plot([value], [row], linestyle="", markersize=4, clip_on=False, zorder=3, **style)
    marks = [Line2D([], [], linestyle="", markersize=4, label=label, **style) for label, style in SOURCES]
    sheet.legend(sheet.height - 0.28, marks)
    return sheet


def _truth(cell: CellRecord) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    truth = np.array([score.defect != GOOD for score in cell.scores])
    return truth, np.array([score.score for score in cell.scores])


def _values(results: Results, variant: str, category: str, metric: str) -> list[float]:
    return [getattr(cell.metrics, metric) for cell in cells_of(results, variant, category)]


def _ends(results: Results, variant: str, category: str, metric: str) -> list[float]:
    """Ends of the interval over the test images, each the mean over seeds; none without results."""
    intervals = [getattr(cell.intervals, metric) for cell in cells_of(results, variant, category)]
    if not intervals:
        return []
    return [fmean(one.low for one in intervals), fmean(one.high for one in intervals)]


def _styles(names: dict[str, str]) -> list[dict[str, Any]]:
    kinds: Sequence[str] = ("color", "marker", "dashes")
    return [dict(zip(kinds, LINE_STYLES[index % len(LINE_STYLES)], strict=True)) for index in range(len(names))]


def _dot(style: dict[str, Any]) -> dict[str, Any]:
    return {"color": style["color"], "marker": style["marker"], "markeredgecolor": "white", "markeredgewidth": 0.4}


def _legend(names: dict[str, str], *, lines: bool) -> list[Line2D]:
    handles = []
    for name, style in zip(names.values(), _styles(names), strict=True):
        line = {"linestyle": style["dashes"], "linewidth": 1.3, "color": style["color"]}
        handles.append(Line2D([], [], label=drawable(name), **(line if lines else {"linestyle": "", **_dot(style)})))
    return handles
