"""Regression: a results.json and the committed baseline in, a table of what moved out."""

import math
from pathlib import Path

import pandas as pd

from repro.errors import ReproError
from repro.records import Results
from repro.runs import RunFolder, read_json, read_record, write_json

#: How far a metric may fall below the baseline before it counts as a regression.
#: On another processor the last bits differ, and with 30 images one that changes sides moves F1 by 0.03.
TOLERANCE = 0.05


def accept(folder: RunFolder, baseline: Path) -> None:
    """Make the metrics of a report folder's results.json the baseline."""
    results = _results(folder)
    cells = {key: cell.metrics.model_dump() for key, cell in results.cells.items()}
    write_json(baseline, {"study": results.study.name, "tolerance": TOLERANCE, "cells": cells})


def compare(folder: RunFolder, baseline: Path) -> pd.DataFrame:
    """One row a cell and metric: `old`, `new`, `delta`, `tolerance`, `verdict` (`ok`, `better` or `regression`).

    A cell or metric of the baseline that the results lack is a regression; one that the baseline lacks is new.
    Raises ReproError where the baseline is of another study or not a baseline.
    """
    mend = "run `nox -s regression -- --accept` to make one from the present results"
    old = read_json(baseline, mend=mend)
    results = _results(folder)
    if not isinstance(old, dict) or set(old) != {"study", "tolerance", "cells"}:
        raise ReproError("is not a baseline", where=baseline, mend=mend)
    if old["study"] != results.study.name:
        raise ReproError(
            f"is of study {old['study']}, the results are of {results.study.name}", where=baseline, mend=mend
        )
    new = {key: cell.metrics.model_dump() for key, cell in results.cells.items()}
    rows = []
    for key in sorted(old["cells"].keys() | new.keys()):
        before, after = old["cells"].get(key, {}), new.get(key, {})
        for metric in [name for name in (after or before) if name in before or name in after]:
            rows.append(_row(key, metric, before.get(metric), after.get(metric), old["tolerance"]))
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """The table as GitHub-flavoured Markdown, regressions first, with a sentence above."""
    fallen = int((table["verdict"] == "regression").sum())
    head = (
        f"**{fallen} of {len(table)} metrics regressed.**" if fallen else f"**None of {len(table)} metrics regressed.**"
    )
    ordered = table.sort_values("verdict", key=lambda column: column != "regression", kind="stable")
    lines = ["| " + " | ".join(ordered.columns) + " |", "|" + "---|" * len(ordered.columns)]
    lines += ["| " + " | ".join(_text(value) for value in row) + " |" for row in ordered.itertuples(index=False)]
    return "\n".join(["## Metric regression", "", head, "", *lines]) + "\n"


def _results(folder: RunFolder) -> Results:
    return read_record(folder.report / "results.json", Results, mend="run `nox -s reproduce` to make it anew")


def _row(cell: str, metric: str, old: float | None, new: float | None, tolerance: float) -> dict[str, object]:
    if old is None or new is None:
        verdict = "new" if old is None else "regression"
        return {
            "cell": cell,
            "metric": metric,
            "old": old,
            "new": new,
            "delta": None,
            "tolerance": tolerance,
            "verdict": verdict,
        }
    delta = round(new - old, 6)
    verdict = "regression" if delta < -tolerance else "better" if delta > tolerance else "ok"
    return {
        "cell": cell,
        "metric": metric,
        "old": old,
        "new": new,
        "delta": delta,
        "tolerance": tolerance,
        "verdict": verdict,
    }


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4f}"
    return "" if value is None else str(value)
