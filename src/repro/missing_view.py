"""Missing view: results in, what the paper says of the cells that a partial report has nothing of out."""

from typing import Any

from repro.records import Results
from repro.runs import Cell
from repro.trace import traced

#: A caption names groups of missing cells up to this many and leaves the rest to the first page.
MOST_NAMED = 4


def missing(results: Results) -> dict[str, Any] | None:
    """How many cells are missing of how many, and which: model, category and, where not all of them, seeds.

    None where the report is whole.
    """
    gone = [Cell.from_key(key) for key in results.missing]
    if not gone:
        return None
    seeds: dict[tuple[str, str], list[int]] = {}
    for cell in gone:
        seeds.setdefault((cell.variant, cell.category), []).append(cell.seed)
    groups = []
    for (variant, category), lost in seeds.items():
        some = len(lost) < len(results.seeds(variant))
        which = f", seed{'s' if len(lost) > 1 else ''} {', '.join(map(str, lost))}" if some else ""
        groups.append(f"{results.names[variant]} on {category}{which}")
    return {
        "count": traced(len(gone), results.study.categories),
        "total": traced(len(gone) + len(results.cells), results.study.categories),
        "groups": groups,
        "named": groups if len(groups) <= MOST_NAMED else [],
    }
