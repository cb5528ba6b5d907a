"""Regression: a results.json and the committed baseline in, a table of what moved out, judged by intervals."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from repro.errors import ReproError
from repro.records.base import Record, fault
from repro.records.results import Results
from repro.runs import RunFolder, read_json, read_record, write_json

#: Of results.json: digits below say nothing.
DECIMALS = 6
COLUMNS = ("cell", "metric", "old", "new", "delta", "noise", "verdict")


class Metric(Record):
    """A metric of a cell with the ends of its interval, and one image's worth."""

    value: float
    low: float
    high: float
    resolution: float


class Baseline(Record):
    """baselines/<study>.json."""

    study: str
    #: By cell key, and in it by metric.
    cells: dict[str, dict[str, Metric]]


def accept(folder: RunFolder, baseline: Path) -> None:
    """Make the metrics of a report folder's results.json the baseline, each with its interval.

    ReproError where they are partial.
    """
    results = _results(folder)
    if results.missing:
        raise ReproError("cells are missing", where=folder.report / "results.json", hint="run `nox -s reproduce` first")
    write_json(baseline, Baseline(study=results.study.name, cells=_cells(results)).model_dump(mode="json"))


def compare(folder: RunFolder, baseline: Path) -> pd.DataFrame:
    """One row a cell and metric: `old`, `new`, `delta`, `noise`, `verdict`.

    `noise` is how far a metric may fall with nothing wrong: the old value's distance to its interval's lower end and
    the new one's to its upper end, added as squares, and no less than one image. A fall beyond it is a `regression`, a
    smaller one `within noise`, a rise beyond the same bound `better`, all else `ok`. A cell or metric of the baseline
    that the results lack is a regression; one that the baseline lacks is `new`. What a partial report marks as missing
    is `not tested`.
    Raises ReproError where the baseline is of another study or not a baseline.
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
        for metric in [name for name in (after or before) if name in before or name in after]:
            found = [key, metric, *_row(before.get(metric), after.get(metric))]
            if key in missing:
                found[-1] = "not tested"
            rows.append(dict(zip(COLUMNS, found, strict=True)))
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """The table as GitHub-flavoured Markdown, regressions first, with a sentence above."""
    fallen, noise = ((table["verdict"] == word).sum() for word in ("regression", "within noise"))
    head = f"**{fallen if fallen else 'None'} of {len(table)} metrics regressed.**"
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
    if old is None or new is None:
        values = (one and one.value for one in (old, new))
        return (*values, None, None, "new" if old is None else "regression")
    delta = round(new.value - old.value, DECIMALS)
    apart = math.hypot(max(old.value - old.low, 0), max(new.high - new.value, 0))
    noise = round(max(apart, old.resolution, new.resolution), DECIMALS)
    verdict = "within noise" if delta < 0 else "ok"
    if abs(delta) > noise:
        verdict = "regression" if delta < 0 else "better"
    return old.value, new.value, delta, noise, verdict


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4f}"
    return "" if value is None else str(value)
