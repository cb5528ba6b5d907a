"""Scope: results in, what a paper of many cells lists and shows, and what it summarises or leaves out."""

from statistics import fmean

from repro.records.results import Results

#: Most cells that tables list one by one, and most categories that figures show.
MOST_LISTED, MOST_SHOWN = 60, 6


def is_summarised(results: Results) -> bool:
    """Whether tables have a row for each variant instead of each cell."""
    return len(results.cells) > MOST_LISTED


def shown_categories(results: Results) -> tuple[str, ...]:
    """Categories whose images and curves are shown, in the order of the study.

    All where they are few; else those whose image AUROC, mean over all cells, is highest, in the middle and lowest.
    """
    scores: dict[str, list[float]] = {}
    for cell in results.cells.values():
        scores.setdefault(cell.category, []).append(cell.metrics.image_auroc)
    if len(scores) <= MOST_SHOWN:
        return results.study.categories
    ranked = sorted(scores, key=lambda category: (fmean(scores[category]), category))
    chosen = {ranked[0], ranked[len(ranked) // 2], ranked[-1]}
    return tuple(category for category in results.study.categories if category in chosen)
