"""Scores: the metrics of all cells in, the rows of the tables of scores and of raw scores out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from repro.paper.cells import cells_of
from repro.paper.stat import Spread, Stat, mean, stat
from repro.records.results import CellRecord, Results

METRICS = ("image_auroc", "image_f1", "pixel_auroc", "pixel_f1", "image_ap", "pixel_ap", "aupro")
RAW_METRICS = METRICS[:4]


@dataclass(frozen=True)
class Entry:
    """A metric in the table of scores."""

    stat: Stat
    #: Ends of the 95 % interval over the test images, each the mean over seeds.
    interval: Spread


@dataclass(frozen=True)
class ScoreRow:
    """One variant on one category."""

    category: str
    name: str
    #: By `METRICS`; None where the variant has no results on the category.
    entries: tuple[Entry | None, ...]


@dataclass(frozen=True)
class Extremes:
    """The categories on which a metric is highest and lowest, ties included; values to 4 decimals."""

    high: float
    low: float
    highest: tuple[str, ...]
    lowest: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return self.high != self.low


@dataclass(frozen=True)
class RawRow:
    """One cell's metrics on raw scores."""

    name: str
    record: CellRecord
    #: By `RAW_METRICS`: the value on raw scores, and its difference from the published definition.
    pairs: tuple[tuple[float, float], ...]


def score_rows(results: Results) -> list[ScoreRow]:
    """The table of scores, by category and variant; variants without results are last in their category."""
    return [row for category in results.study.categories for row in _category_rows(results, category)]


def _category_rows(results: Results, category: str) -> Iterator[ScoreRow]:
    cells = {variant: cells_of(results, variant, category) for variant in results.variants}
    present = {variant: seeds for variant, seeds in cells.items() if seeds}
    for variant, seeds in present.items():
        stats = [over_seeds(seeds, metric) for metric in METRICS]
        entries = (Entry(value, _interval(seeds, metric)) for value, metric in zip(stats, METRICS, strict=True))
        yield ScoreRow(category, results.names[variant], tuple(entries))
    for variant, seeds in cells.items():
        if not seeds:
            yield ScoreRow(category, results.names[variant], (None,) * len(METRICS))


def extremes(results: Results, variant: str, metric: str) -> Extremes | None:
    """Where a variant's metric, mean over seeds, is highest and lowest; None for a variant without results."""
    cells = {category: cells_of(results, variant, category) for category in results.study.categories}
    values = {category: round(over_seeds(seeds, metric).mean, 4) for category, seeds in cells.items() if seeds}
    if not values:
        return None
    high, low = max(values.values()), min(values.values())
    return Extremes(
        high=high,
        low=low,
        highest=tuple(category for category, value in values.items() if value == high),
        lowest=tuple(category for category, value in values.items() if value == low),
    )


def raw_rows(results: Results) -> list[RawRow]:
    """The table of raw scores, a row for each cell."""
    return [_raw_row(results, results.cells[key]) for key in results.ordered]


def largest_shift(results: Results) -> float:
    """The largest difference, in either direction, between a metric on raw scores and the published definition."""
    return max(
        abs(getattr(cell.raw, metric) - getattr(cell.metrics, metric))
        for cell in results.cells.values()
        for metric in RAW_METRICS
    )


def over_seeds(seeds: Sequence[CellRecord], metric: str) -> Stat:
    """A metric over the cells of one variant and category."""
    return stat([getattr(cell.metrics, metric) for cell in seeds])


def _interval(seeds: Sequence[CellRecord], metric: str) -> Spread:
    intervals = [getattr(cell.intervals, metric) for cell in seeds]
    return Spread(mean([interval.low for interval in intervals]), mean([interval.high for interval in intervals]))


def _raw_row(results: Results, cell: CellRecord) -> RawRow:
    values = [(getattr(cell.raw, metric), getattr(cell.metrics, metric)) for metric in RAW_METRICS]
    return RawRow(results.names[cell.variant], cell, tuple((raw, raw - published) for raw, published in values))
