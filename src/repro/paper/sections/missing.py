"""Missing: results in, what the paper says of the cells that a partial report lacks out."""

from dataclasses import dataclass

from repro.paper.trace import traced
from repro.records.results import Results
from repro.runs import Cell

#: Longest list of missing cells, in characters, that a caption repeats; a longer one is on the first page only.
LONGEST = 160


@dataclass(frozen=True)
class MissingCells:
    """How many cells are missing, of how many."""

    count: int
    total: int
    #: Variant, categories and, where not all are missing, seeds: `PatchCore on grid (seed 1), tile`.
    groups: tuple[str, ...]
    #: The same for captions; empty where too long for one.
    named: tuple[str, ...]


def missing(results: Results) -> MissingCells | None:
    """Which cells of the study have no results; None where all have."""
    cells = [Cell.from_key(key) for key in results.missing]
    if not cells:
        return None
    seeds: dict[tuple[str, str], list[int]] = {}
    for cell in cells:
        seeds.setdefault((cell.variant, cell.category), []).append(cell.seed)
    by_variant: dict[str, list[str]] = {}
    for (variant, category), gone in seeds.items():
        by_variant.setdefault(variant, []).append(category + _seeds(gone, results.seeds(variant)))
    groups = tuple(f"{results.names[variant]} on {', '.join(gone)}" for variant, gone in by_variant.items())
    return MissingCells(
        count=traced(len(cells), results.study.categories),
        total=traced(len(cells) + len(results.cells), results.study.categories),
        groups=groups,
        named=groups if len("; ".join(groups)) <= LONGEST else (),
    )


def _seeds(gone: list[int], all_seeds: tuple[int, ...]) -> str:
    if len(gone) == len(all_seeds):
        return ""
    return f" (seed{'s' if len(gone) > 1 else ''} {', '.join(map(str, gone))})"
