"""Scope: results in, what a paper of many cells lists and shows, and what it sums up or leaves out."""

from statistics import fmean

from repro.records.results import Results

#: Cells that tables list one by one, and categories that figures show.
MOST_LISTED, MOST_SHOWN = 60, 6


def sums_up(results: Results) -> bool:
    """Whether tables hold a row a variant instead of one a cell."""
    return len(results.cells) > MOST_LISTED


def shown_categories(results: Results) -> tuple[str, ...]:
    """Categories whose images and curves are shown, in the order of the study.

    All where they are few; else those whose image AUROC, mean over all cells, is highest, in the middle and lowest.
    """
    found: dict[str, list[float]] = {}
    for cell in results.cells.values():
        found.setdefault(cell.category, []).append(cell.metrics.image_auroc)
    if len(found) <= MOST_SHOWN:
        return results.study.categories
    order = sorted(found, key=lambda category: (fmean(found[category]), category))
    chosen = {order[0], order[len(order) // 2], order[-1]}
    return tuple(category for category in results.study.categories if category in chosen)
