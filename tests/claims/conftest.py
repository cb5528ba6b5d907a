from collections.abc import Callable
from pathlib import Path

import example_report
import pytest

from repro.records.results import Results
from repro.records.verdicts import Verdict

SETTINGS = {"teacher": "official", "penalty": "imagenette", "epochs": 5, "blur": 0.0}
CATEGORIES = ("grid", "tile", "leather")


def read(folder: Path) -> Results:
    return Results.model_validate_json((folder / "results.json").read_text(encoding="utf-8"))


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Of stand-ins."""
    return read(example_report.build(tmp_path, categories=CATEGORIES).report)


@pytest.fixture
def official(tmp_path: Path) -> Results:
    """Of the official data in the published configuration, with three seeds of each model."""
    results = read(
        example_report.build(tmp_path, categories=CATEGORIES, seeds=(0, 1, 2), official=True, source="folder").report
    )
    efficientad = results.variants["efficientad"]
    as_published = efficientad.model_copy(update={"settings": efficientad.settings | SETTINGS})
    return results.model_copy(update={"variants": results.variants | {"efficientad": as_published}})


@pytest.fixture
def with_metrics() -> Callable[..., Results]:
    """Set metrics of every seed of a cell: `with_metrics(results, {"efficientad/grid": {"image_auroc": 0.9}})`."""

    def change(results: Results, values: dict[str, dict[str, float]], half_width: float = 0.01) -> Results:
        cells = dict(results.cells)
        for key, cell in results.cells.items():
            for name, value in values.get(key.rsplit("/", 1)[0], {}).items():
                ends = {"low": value - half_width, "high": value + half_width}
                cell = type(cell).model_validate(
                    cell.model_dump()
                    | {"metrics": cell.metrics.model_dump() | {name: value}}
                    | {"intervals": cell.intervals.model_dump() | {name: ends}}
                    | {"resolution": 0.01}
                )
            cells[key] = cell
        return results.model_copy(update={"cells": cells})

    return change


@pytest.fixture
def by_claim() -> Callable[[Results], dict[str, Verdict]]:
    from repro.stages.verdicts import judge

    return lambda results: {verdict.claim: verdict for verdict in judge(results)}
