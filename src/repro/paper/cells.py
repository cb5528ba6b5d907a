"""Cells: results in, the cells of one variant and category out."""

from repro.records.results import CellRecord, Results
from repro.runs import Cell


def cells_of(results: Results, variant: str, category: str) -> list[CellRecord]:
    """The cells of a variant and category that have results, in the order of the seeds."""
    keys = (Cell(variant, category, seed).key for seed in results.seeds(variant))
    return [results.cells[key] for key in keys if key in results.cells]


def first_key(results: Results, variant: str, category: str) -> str:
    """Key of the cell with the variant's first seed, whether or not it has results."""
    return Cell(variant, category, results.seeds(variant)[0]).key


def first_cell(results: Results, variant: str, category: str) -> CellRecord | None:
    """The cell with the variant's first seed; None where it has no results."""
    return results.cells.get(first_key(results, variant, category))
