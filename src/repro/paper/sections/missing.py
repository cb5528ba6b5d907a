"""Missing: results in, what the paper says of the cells that a partial report has nothing of out."""

from typing import Any

from repro.paper.trace import traced
from repro.records.results import Results
from repro.runs import Cell

#: Letters up to which a caption names what is missing; beyond, it leaves that to the first page.
LONGEST = 160


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
    by_variant: dict[str, list[str]] = {}
    for (variant, category), lost in seeds.items():
        some = len(lost) < len(results.seeds(variant))
        which = f" (seed{'s' if len(lost) > 1 else ''} {', '.join(map(str, lost))})" if some else ""
        by_variant.setdefault(variant, []).append(category + which)
    groups = [f"{results.names[variant]} on {', '.join(lost)}" for variant, lost in by_variant.items()]
    return {
        "count": traced(len(gone), results.study.categories),
        "total": traced(len(gone) + len(results.cells), results.study.categories),
        "groups": groups,
        "named": groups if len("; ".join(groups)) <= LONGEST else [],
    }
