"""Summary: the cells of a large study in, tables with a row a variant or a category, not one a cell, out."""

from collections.abc import Sequence
from typing import Any

from repro.paper.scope import shown_categories, sums_up
from repro.paper.sections.leak import leak_summary
from repro.paper.stat import Spread, Stat, mean, stat
from repro.paper.trace import count, traced
from repro.records.results import CellRecord, Results

#: The metrics that get a table by category and variant.
GRIDS = {"image_auroc": "Image AUROC", "pixel_auroc": "Pixel AUROC", "aupro": "AU-PRO"}
RAW_METRICS = ("image_auroc", "image_f1", "pixel_auroc", "pixel_f1")


def summary(results: Results) -> dict[str, Any] | None:
    """What stands for the lists of cells; None for a study that is small enough to list them."""
    if not sums_up(results):
        return None
    by_variant = {
        name: [cell for cell in results.cells.values() if cell.variant == variant]
        for variant, name in results.names.items()
    }
    by_variant = {name: cells for name, cells in by_variant.items() if cells}
    return {
        "cells": count(results.cells, [cell.seed for cell in results.cells.values()]),
        "categories": count(results.study.categories),
        "shown": shown_categories(results),
        "names": list(by_variant),
        "grids": [_grid(results, metric, words, by_variant) for metric, words in GRIDS.items()],
        "runs": [_runs(name, cells) for name, cells in by_variant.items()],
        "raw": [
            {"name": name, "largest": [_largest_shift(cells, metric) for metric in RAW_METRICS]}
            for name, cells in by_variant.items()
        ],
        "leak": [
            {"name": name, "image": leak_summary(cells, "image_leak"), "pixel": leak_summary(cells, "pixel_leak")}
            for name, cells in by_variant.items()
        ],
    }


def _grid(results: Results, metric: str, words: str, by_variant: dict[str, list[CellRecord]]) -> dict[str, Any]:
    """A metric by category, a column a variant: statistics over seeds, and the mean over categories at the end."""
    rows: list[dict[str, Any]] = []
    columns: list[list[float]] = [[] for _ in by_variant]
    for category in results.study.categories:
        values = [
            [getattr(cell.metrics, metric) for cell in cells if cell.category == category]
            for cells in by_variant.values()
        ]
        stats = [stat(value) if value else None for value in values]
        for column, one in zip(columns, stats, strict=True):
            column += [one.mean] if one else []
        rows.append({"category": category, "entries": _best(stats)})
    means = [Stat(mean(column), traced(0.0, column), 1) for column in columns]
    return {"label": metric.replace("_", "-"), "words": words, "rows": rows, "means": _best(means)}


def _best(stats: Sequence[Stat | None]) -> list[dict[str, Any]]:
    """Each with whether no other reaches more, to 4 decimals."""
    highest = max((round(one.mean, 4) for one in stats if one), default=0)
    return [{"stat": one, "best": one and len(stats) > 1 and round(one.mean, 4) == highest} for one in stats]


def _runs(name: str, cells: Sequence[CellRecord]) -> dict[str, Any]:
    banks = [cell.memory_bank for cell in cells if cell.memory_bank]
    return {
        "name": name,
        "cells": count(cells, [cell.seed for cell in cells]),
        "epochs": _several([cell.epochs_run for cell in cells if cell.epochs_run is not None]),
        "asked": _several([cell.epochs_asked for cell in cells if cell.epochs_asked is not None]),
        "steps": _several([cell.steps for cell in cells if cell.steps is not None]),
        "patches": _several([bank["patches"] for bank in banks]) if banks else None,
        "dimension": _several([bank["dimension"] for bank in banks]) if banks else None,
        "maps": sorted({cell.map_size for cell in cells}),
        "tested": _several([cell.images for cell in cells]),
        "pixels": Spread.of([cell.anomalous_pixels for cell in cells]),
    }


def _several(values: Sequence[int]) -> list[int]:
    """The number, or the least and the greatest."""
    ends = sorted({min(values), max(values)})
    return [traced(int(end), values) for end in ends]


def _largest_shift(cells: Sequence[CellRecord], metric: str) -> float:
    """Of a metric on raw scores from the published one, in either direction."""
    shifts = [getattr(cell.raw, metric) - getattr(cell.metrics, metric) for cell in cells]
    return traced(max(shifts, key=abs), shifts)
