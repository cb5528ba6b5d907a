"""Timings: what the stages of a run took, as `repro.commands.timing` notes it."""

from collections.abc import Set
from pathlib import Path

from pydantic import ValidationError

from repro.errors import ReproError
from repro.records.base import fault
from repro.records.costs import Cost
from repro.runs import read_json


def timings(run: Path, cells: Set[str]) -> dict[str, dict[str, float]]:
    """Seconds and peak memory in MB of the stages in a run folder, keyed by `stage` or `stage cell`.

    Files of cells that are not in `cells` are skipped: they are left over from an earlier choice of categories. Raises
    ReproError for a file that is not a timing.
    """
    costs = {}
    for path in sorted((run / "timings").rglob("*.json")):
        stage, *parts = path.relative_to(run / "timings").with_suffix("").parts
        cell = "/".join(parts)
        if cell not in cells and stage != "receptive-field":
            continue
        try:
            cost = Cost.model_validate(read_json(path, hint="delete it"))
        except ValidationError as error:
            raise ReproError(f"is no timing ({fault(error)})", where=path, hint="delete it") from None
        costs[f"{stage} {cell}".strip()] = cost.model_dump()
    return costs
