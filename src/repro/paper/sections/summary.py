"""Summary: the cells of a large study in, tables with a row for each variant or category instead of each cell out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from repro.paper.scope import is_summarised, shown_categories
from repro.paper.sections.scores import RAW_METRICS, over_seeds
from repro.paper.stat import Spread, Stat, mean, stat
from repro.paper.trace import count, traced
from repro.records.results import CellRecord, Results

#: The metrics that get a table by category and variant.
GRIDS = {"image_auroc": "Image AUROC", "pixel_auroc": "Pixel AUROC", "aupro": "AU-PRO"}


@dataclass(frozen=True)
class GridRow:
    category: str
    #: By variant; None where it has no results on the category.
    entries: tuple[Stat | None, ...]


@dataclass(frozen=True)
class Grid:
    """A metric by category and variant: statistics over seeds, and at the end their mean over categories."""

    label: str
    words: str
    rows: tuple[GridRow, ...]
    means: tuple[Stat, ...]


@dataclass(frozen=True)
class RunsRow:
    """The training runs of a variant; a number of each run is given as the value, or the least and the greatest."""

    name: str
    cells: int
    epochs: tuple[int, ...]
    asked: tuple[int, ...]
    steps: tuple[int, ...]
    #: Of the memory banks; None for a model without one.
    patches: tuple[int, ...] | None
    dimension: tuple[int, ...] | None
    #: Height and width of the anomaly maps.
    maps: tuple[tuple[int, int], ...]
    #: Test images.
    tested: tuple[int, ...]
    #: Share of anomalous pixels.
    pixels: Spread


@dataclass(frozen=True)
class RawShift:
    """A variant's largest difference of raw scores from the published definition, by `RAW_METRICS`."""

    name: str
    largest: tuple[float, ...]


@dataclass(frozen=True)
class Summary:
    cells: int
    categories: int
    #: Categories that figures show.
    shown: tuple[str, ...]
    #: Variants that have results; the columns of the grids.
    names: tuple[str, ...]
    grids: tuple[Grid, ...]
    runs: tuple[RunsRow, ...]
    raw: tuple[RawShift, ...]


def summary(results: Results) -> Summary | None:
    """Summarise the cells; None for a study that is small enough to list them."""
    if not is_summarised(results):
        return None
    by_variant = {
        name: [cell for cell in results.cells.values() if cell.variant == variant]
        for variant, name in results.names.items()
    }
    by_variant = {name: cells for name, cells in by_variant.items() if cells}
    return Summary(
        cells=count(results.cells, [cell.seed for cell in results.cells.values()]),
        categories=count(results.study.categories),
        shown=shown_categories(results),
        names=tuple(by_variant),
        grids=tuple(_grid(results.study.categories, metric, by_variant) for metric in GRIDS),
        runs=tuple(_runs(name, cells) for name, cells in by_variant.items()),
        raw=tuple(
            RawShift(name, tuple(_largest_shift(cells, metric) for metric in RAW_METRICS))
            for name, cells in by_variant.items()
        ),
    )


def _grid(categories: Sequence[str], metric: str, by_variant: Mapping[str, Sequence[CellRecord]]) -> Grid:
    rows: list[GridRow] = []
    for category in categories:
        seeds = [[cell for cell in cells if cell.category == category] for cells in by_variant.values()]
        rows.append(GridRow(category, tuple(over_seeds(cells, metric) if cells else None for cells in seeds)))
    columns = zip(*(row.entries for row in rows), strict=True)
    values = [[entry.mean for entry in column if entry] for column in columns]
    means = [stat([mean(column)]) for column in values]
    return Grid(metric.replace("_", "-"), GRIDS[metric], tuple(rows), tuple(means))


def _runs(name: str, cells: Sequence[CellRecord]) -> RunsRow:
    banks = [cell.memory_bank for cell in cells if cell.memory_bank]
    return RunsRow(
        name=name,
        cells=count(cells, [cell.seed for cell in cells]),
        epochs=_ends([cell.epochs_run for cell in cells if cell.epochs_run is not None]),
        asked=_ends([cell.epochs_asked for cell in cells if cell.epochs_asked is not None]),
        steps=_ends([cell.steps for cell in cells if cell.steps is not None]),
        patches=_ends([bank["patches"] for bank in banks]) if banks else None,
        dimension=_ends([bank["dimension"] for bank in banks]) if banks else None,
        maps=tuple(sorted({cell.map_size for cell in cells})),
        tested=_ends([cell.images for cell in cells]),
        pixels=Spread.of([cell.anomalous_pixels for cell in cells]),
    )


def _ends(values: Sequence[int]) -> tuple[int, ...]:
    """The one value, or the least and the greatest."""
    ends = sorted({min(values), max(values)})
    return tuple(traced(int(end), values) for end in ends)


def _largest_shift(cells: Sequence[CellRecord], metric: str) -> float:
    """The largest difference, in either direction, with its sign."""
    shifts = [getattr(cell.raw, metric) - getattr(cell.metrics, metric) for cell in cells]
    largest: float = traced(max(shifts, key=abs), shifts)
    return largest
