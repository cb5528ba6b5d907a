"""Regression: results.json and the committed baseline in, a table of the changes out, with a verdict by intervals."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from repro.errors import ReproError
from repro.records.base import Record, fault
from repro.records.results import Results
from repro.runs import RunFolder, read_json, read_record, write_json

#: Decimals to which metrics are compared.
DECIMALS = 6
COLUMNS = ("cell", "metric", "old", "new", "delta", "noise", "verdict")


class Metric(Record):
    """A metric of a cell with its interval and its resolution: the change that one image can make."""

    value: float
    low: float
    high: float
    resolution: float


class Baseline(Record):
    """The content of baselines/<study>.json."""

    study: str
    #: By cell key and metric.
    cells: dict[str, dict[str, Metric]]


def accept(folder: RunFolder, baseline: Path) -> None:
    """Write the metrics of results.json and their intervals to the baseline; raises ReproError if cells are missing."""
    results = _results(folder)
    if results.missing:
        raise ReproError("cells are missing", where=folder.report / "results.json", hint="run `nox -s reproduce` first")
    write_json(baseline, Baseline(study=results.study.name, cells=_cells(results)).model_dump(mode="json"))


def compare(folder: RunFolder, baseline: Path) -> pd.DataFrame:
    """Compare results.json with the baseline; returns one row for each cell and metric, with the columns `COLUMNS`.

    `noise` is the root of the sum of squares of two distances: from the old value to the lower end of its interval, and
    from the new value to the upper end of its own. It is at least the resolution. The verdicts:

    - `regression`: a fall by more than the noise, or a cell or metric that only the baseline has;
    - `within noise`: a smaller fall;
    - `better`: a rise by more than the noise;
    - `ok`: no change or a smaller rise;
    - `new`: a cell or metric that only the results have;
    - `not tested`: a cell that a partial report marks as missing.

    Raises ReproError if the baseline is of another study or is not valid.
    """
    hint = "run `nox -s regression -- --accept` to make one from the present results"
    try:
        old = Baseline.model_validate(read_json(baseline, hint=hint))
    except ValidationError as error:
        raise ReproError(f"is not a baseline ({fault(error)})", where=baseline, hint=hint) from None
    results = _results(folder)
    if old.study != results.study.name:
        raise ReproError(f"is of study {old.study}, the results are of {results.study.name}", where=baseline, hint=hint)
    new, missing = _cells(results), set(results.missing)
    rows = []
    for key in sorted(old.cells.keys() | new.keys()):
        before, after = old.cells.get(key, {}), new.get(key, {})
        for metric in {**after, **before}:
            row = [key, metric, *_row(before.get(metric), after.get(metric))]
            if key in missing:
                row[-1] = "not tested"
            rows.append(dict(zip(COLUMNS, row, strict=True)))
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """Format the table as GitHub-flavoured Markdown, regressions first, below a sentence that counts them."""
    regressed, noise = ((table["verdict"] == word).sum() for word in ("regression", "within noise"))
    head = f"**{regressed if regressed else 'None'} of {len(table)} metrics regressed.**"
    if noise:
        head += f" {noise} fell within noise."
    order = ["regression", "within noise"]
    ordered = table.sort_values(
        "verdict", key=lambda column: column.map(lambda word: order.index(word) if word in order else 2), kind="stable"
    )
    lines = ["| " + " | ".join(ordered.columns) + " |", "|" + "---|" * len(ordered.columns)]
    lines += ["| " + " | ".join(_text(value) for value in row) + " |" for row in ordered.itertuples(index=False)]
    return "\n".join(["## Metric regression", "", head, "", *lines]) + "\n"


def _results(folder: RunFolder) -> Results:
    return read_record(folder.report / "results.json", Results, hint="run `nox -s reproduce` to make it again")


def _cells(results: Results) -> dict[str, dict[str, Metric]]:
    return {
        key: {
            metric: Metric(value=value, resolution=cell.resolution, **getattr(cell.intervals, metric).model_dump())
            for metric, value in cell.metrics.model_dump().items()
        }
        for key, cell in results.cells.items()
    }


def _row(old: Metric | None, new: Metric | None) -> tuple[Any, ...]:
    """The columns from `old` to `verdict`."""
    if old is None or new is None:
        values = (metric and metric.value for metric in (old, new))
        return (*values, None, None, "new" if old is None else "regression")
    delta = round(new.value - old.value, DECIMALS)
    distance = math.hypot(max(old.value - old.low, 0), max(new.high - new.value, 0))
    noise = round(max(distance, old.resolution, new.resolution), DECIMALS)
    verdict = "within noise" if delta < 0 else "ok"
    if abs(delta) > noise:
        verdict = "regression" if delta < 0 else "better"
    return old.value, new.value, delta, noise, verdict


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4f}"
    return "" if value is None else str(value)
