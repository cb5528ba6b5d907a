"""Timings: the workflow's benchmark files in, seconds and peak memory of each stage out."""

import csv
from collections.abc import Set
from math import isfinite
from pathlib import Path


def timings(run: Path, cells: Set[str]) -> dict[str, dict[str, float]]:
    """Seconds and peak memory in MB of the stages in a run folder, keyed by `stage` or `stage cell`.

    Files of cells that are not in `cells` are skipped: they are left over from an earlier choice of categories.
    """
    costs = {}
    for path in sorted((run / "benchmarks").rglob("*.tsv")):
        with path.open(encoding="utf-8") as stream:
            row = next(csv.DictReader(stream, delimiter="\t"), {})
        stage, *parts = path.relative_to(run / "benchmarks").with_suffix("").parts
        cell = "/".join(parts)
        if cell not in cells and stage != "receptive-field":
            continue
        seconds, peak = _number(row.get("s")), _number(row.get("max_rss"))
        if seconds is not None:
            costs[f"{stage} {cell}".strip()] = {"seconds": seconds, "peak_mb": peak or 0.0}
    return costs


def _number(text: str | None) -> float | None:
    """A finite number; None for `-`, `NA` and the truncated fields of a workflow that was killed."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if isfinite(number) else None
