"""Plots: what results.json says of scores, as lines and dots."""

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
from repro.paper.figures.sheet import HEIGHT, LOOKS, MISSING, SIZE, WIDTH, Picture, Sheet, drawable
from repro.paper.scope import shown_categories
from repro.records.costs import Bench, CostPair
from repro.records.figures import FigureRecord
from repro.records.results import CellRecord, Results
from repro.runs import Cell

#: The published metrics: title of the panel.
METRICS = {
    "image_auroc": "image AUROC",
    "image_f1": "image F1",
    "pixel_auroc": "pixel AUROC",
    "pixel_f1": "pixel F1",
}
NORMAL, ANOMALOUS = ("normal", "#0072B2", "o"), ("anomalous", "#D55E00", "x")


def metric_dots(results: Results) -> Picture:
    """The four published metrics by category, a mark a variant: mean over seeds, a line from least to greatest."""
    said = [
        f"{name}, {category}: " + _means(results, v, category)
        for v, name in results.names.items()
        for category in results.study.categories
    ]
    alt = f"Four panels of dots, one a metric, from 0 to 1, by category and model. {'; '.join(said)}."
    return FigureRecord(file="metrics.svg", kind="metrics", alt=alt), partial(_metric_dots, results)


def _means(results: Results, variant: str, category: str) -> str:
    if not _values(results, variant, category, "image_auroc"):
        return MISSING
    return ", ".join(f"{title} {fmean(_values(results, variant, category, m)):.3f}" for m, title in METRICS.items())


def _metric_dots(results: Results) -> Sheet:
    categories, names = results.study.categories, results.names
    apart = min(0.28, ((HEIGHT - 2.5) / len(categories) - 0.25) / len(names))
    step = apart * len(names) + 0.25
    height, left, gap = step * len(categories), 2.1, 0.35
    width = (WIDTH - left - 0.3) / len(METRICS) - gap
    sheet = Sheet(0.55 + height + 1.3)
    for column, (metric, title) in enumerate(METRICS.items()):
        x = left + column * (width + gap)
        axes = sheet.plot(x, 0.55, width, height, xlim=(0, 1), ylim=(len(categories) - 0.5, -0.5))
        axes.set(xticks=[0, 0.25, 0.5, 0.75, 1], xticklabels=["0", "", "0.5", "", "1"], yticks=[])
        sheet.text(x + width / 2, 0.12, title, width, 8)
        for row, category in enumerate(categories):
            if row % 2:
                axes.axhspan(row - 0.5, row + 0.5, color="0.96", zorder=0)
            if not column:
                middle = 0.55 + (row + 0.5) * step
                sheet.text(left - 0.25, middle, category, left - 0.35, 8, ha="right", va="center")
            for place, (variant, look) in enumerate(zip(names, _looks(names), strict=True)):
                values = _values(results, variant, category, metric)
                y = row + (place - (len(names) - 1) / 2) * apart / step
                if not values:
                    axes.text(0.5, y, MISSING, size=SIZE - 1, color=look["color"], ha="center", va="center")
                    continue
                axes.plot([min(values), max(values)], [y, y], color=look["color"], linewidth=1.2, clip_on=False)
                axes.plot([fmean(values)], [y], linestyle="", markersize=4.5, clip_on=False, zorder=3, **_dot(look))
    sheet.legend(sheet.height - 0.28, _legend(names, lines=False))
    return sheet


def distributions(results: Results) -> Picture:
    """Every test image's score by variant and category, with the threshold."""
    names = results.names
    said = []
    for variant, name in names.items():
        for category in shown_categories(results):
            cell = _first(results, variant, category)
            if cell is None:
                said.append(f"{name}, {category}: {MISSING}")
                continue
            missed = sum(not cell.calls_anomalous(score) for score in cell.scores if score.defect != GOOD)
            false = sum(cell.calls_anomalous(score) for score in cell.scores if score.defect == GOOD)
            said.append(f"{name}, {category}: {missed} anomalous at or below the threshold, {false} normal above")
    alt = f"Scores of normal and of anomalous test images on two lines, with the threshold. {'; '.join(said)}."
    return FigureRecord(file="distributions.svg", kind="distributions", alt=alt), partial(_distributions, results)


def _distributions(results: Results) -> Sheet:
    rows = [(category, *pair) for category in shown_categories(results) for pair in results.names.items()]
    columns = min(len(results.names), 3) or 1
    left, top, gap, high = 0.2, 0.45, 0.35, 1.0
    wide = (WIDTH - left - 0.2) / columns - gap
    step = high + 0.95
    lines = -(-len(rows) // columns)
    sheet = Sheet(top + lines * step + 0.25)
    for index, (category, variant, name) in enumerate(rows):
        x, y = left + index % columns * (wide + gap), top + index // columns * step
        sheet.text(x, y - 0.36, f"{category}, {name}", wide, 7.5, ha="left")
        cell = _first(results, variant, category)
        if cell is None:
            sheet.text(x + wide / 2, y + high / 2, MISSING, wide, 7.5, va="center")
            continue
        threshold = cell.thresholds.image
        values = [score.score for score in cell.scores] + [threshold]
        pad = (max(values) - min(values) or 1) * 0.04
        axes = sheet.plot(x, y, wide, high, xlim=(min(values) - pad, max(values) + pad), ylim=(-0.5, 1.5), yticks=[])
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=5)
        axes.axvline(threshold, color="0.1", linewidth=1)
        for lane, (_, colour, marker) in ((1, NORMAL), (0, ANOMALOUS)):
            shown = [score.score for score in cell.scores if (score.defect == GOOD) == bool(lane)]
            look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4, "markeredgewidth": 0.8}
            face: dict[str, Any] = {"markerfacecolor": "none"} if lane else {}
            axes.plot(shown, [lane] * len(shown), linestyle="", alpha=0.8, **look, **face)
    marks = [
        Line2D([], [], linestyle="", color=colour, marker=marker, markersize=4, markerfacecolor="none", label=label)
        for label, colour, marker in (NORMAL, ANOMALOUS)
    ]
    sheet.legend(sheet.height - 0.25, [*marks, Line2D([], [], color="0.1", linewidth=1, label="threshold")])
    return sheet


def curves(results: Results) -> Picture:
    """ROC and precision-recall curves of the image scores, by category, a line a variant."""
    names = results.names
    said = [
        f"{name}, {category}: "
        + (f"AUROC {c.metrics.image_auroc:.3f}, average precision {c.metrics.image_ap:.3f}" if c else MISSING)
        for category in shown_categories(results)
        for variant, name in names.items()
        for c in [_first(results, variant, category)]
    ]
    alt = f"ROC and precision-recall curves of the image scores, one pair a category. {'; '.join(said)}."
    return FigureRecord(file="curves.svg", kind="curves", alt=alt), partial(_curves, results)


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
            for place, (variant, look) in enumerate(zip(results.names, _looks(results.names), strict=True)):
                cell = _first(results, variant, category)
                if cell is None:
                    look = {"size": SIZE - 1, "color": look["color"], "ha": "center"}
                    axes.text(0.5, 0.1 + 0.12 * place, f"{results.names[variant]}: {MISSING}", **look)
                    continue
                truth, scores = _truth(cell)
                if len(set(truth.tolist())) < 2:
                    continue
                line = {"color": look["color"], "linestyle": look["dashes"], "linewidth": 1.3, "clip_on": False}
                if row:
                    precision, recall, _ = precision_recall_curve(truth, scores)
                    axes.plot(recall, precision, drawstyle="steps-post", **line)
                else:
                    axes.plot(*roc_curve(truth, scores)[:2], **line)
    sheet.legend(sheet.height - 0.25, _legend(results.names, lines=True))
    return sheet


def growth(bench: Bench) -> Picture:
    """How the time to select a coreset grows with the patches, anomalib's beside ours and that of the plain product."""
    pairs = sorted((pair for pair in bench.pairs if pair.points), key=lambda one: one.points or 0)
    said = "; ".join(
        f"{one.points} patches: anomalib {one.anomalib_seconds:.3g} s, here {one.seconds:.3g} s" for one in pairs
    )
    alt = f"Two rising lines on logarithmic scales, anomalib's steeper and far above ours. {said}."
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
    for (name, seconds), (colour, marker, dashes) in zip(lines, LOOKS, strict=False):
        look = {"color": colour, "marker": marker, "markersize": 4.5, "linestyle": dashes, "linewidth": 1.3}
        handles += axes.plot(points, seconds, label=name, **look)
    axes.set_xticks(points, [f"{one:,}" for one in points])
    low, high = (math.floor(math.log10(edge)) for edge in axes.get_ylim())
    axes.set_yticks([10.0**power for power in range(low + 1, high + 1)])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_xlabel("patches to select a tenth of", size=SIZE, labelpad=2)
    axes.set_ylabel("seconds", size=SIZE, labelpad=2)
    sheet.legend(6.9, handles)
    return sheet


def _truth(cell: CellRecord) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    truth = np.array([score.defect != GOOD for score in cell.scores])
    return truth, np.array([score.score for score in cell.scores])


def _first(results: Results, variant: str, category: str) -> CellRecord | None:
    return results.cells.get(Cell(variant, category, results.seeds(variant)[0]).key)


def _values(results: Results, variant: str, category: str, metric: str) -> list[float]:
    keys = [Cell(variant, category, seed).key for seed in results.seeds(variant)]
    return [getattr(results.cells[key].metrics, metric) for key in keys if key in results.cells]


def _looks(names: dict[str, str]) -> list[dict[str, Any]]:
    kinds: Sequence[str] = ("color", "marker", "dashes")
    return [dict(zip(kinds, LOOKS[index % len(LOOKS)], strict=True)) for index in range(len(names))]


def _dot(look: dict[str, Any]) -> dict[str, Any]:
    return {"color": look["color"], "marker": look["marker"], "markeredgecolor": "white", "markeredgewidth": 0.4}


def _legend(names: dict[str, str], *, lines: bool) -> list[Line2D]:
    made = []
    for name, look in zip(names.values(), _looks(names), strict=True):
        way = {"linestyle": look["dashes"], "linewidth": 1.3, "color": look["color"]}
        made.append(Line2D([], [], label=drawable(name), **(way if lines else {"linestyle": "", **_dot(look)})))
    return made
