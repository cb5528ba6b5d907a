import json
from pathlib import Path

import example_report
import pytest

from repro.errors import ReproError
from repro.integrity.regression import accept, compare, markdown
from repro.runs import RunFolder, read_json


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return example_report.build(tmp_path)


@pytest.fixture
def baseline(folder: RunFolder) -> Path:
    path = folder.root / "baseline.json"
    accept(folder, path)
    return path


def move(baseline: Path, delta: float) -> tuple[str, str]:
    """Raise one metric of the baseline by `delta`; its cell and name."""
    content = read_json(baseline, hint="")
    cell = min(content["cells"])
    for end in ("value", "low", "high"):
        content["cells"][cell]["pixel_f1"][end] += delta
    baseline.write_text(json.dumps(content), encoding="utf-8")
    return cell, "pixel_f1"


def test_equal_results_are_ok(folder: RunFolder, baseline: Path) -> None:
    table = compare(folder, baseline)
    assert set(table["verdict"]) == {"ok"}
    assert "**None of" in markdown(table)


# Of the example, intervals reach 0.03 below and 0.02 above each value, and one image is 0.0556.
@pytest.mark.parametrize(
    ("delta", "verdict"),
    [(0.2, "regression"), (0.04, "within noise"), (0.0, "ok"), (-0.04, "ok"), (-0.2, "better")],
)
def test_a_fall_is_a_regression_only_beyond_noise(
    folder: RunFolder, baseline: Path, delta: float, verdict: str
) -> None:
    cell, metric = move(baseline, delta)
    table = compare(folder, baseline)
    row = table[(table["cell"] == cell) & (table["metric"] == metric)].iloc[0]
    assert row["verdict"] == verdict
    assert row["delta"] == pytest.approx(-delta, abs=1e-6)
    assert set(table.drop(row.name)["verdict"]) == {"ok"}


def test_noise_is_that_of_both_intervals_and_at_least_one_image(folder: RunFolder, baseline: Path) -> None:
    table = compare(folder, baseline)
    assert set(table["noise"]) == {0.0556}
    content = read_json(baseline, hint="")
    cell = min(content["cells"])
    content["cells"][cell]["aupro"]["low"] -= 0.1
    baseline.write_text(json.dumps(content), encoding="utf-8")
    table = compare(folder, baseline)
    # 0.13 below the old value, 0.02 above the new one.
    assert table[(table["cell"] == cell) & (table["metric"] == "aupro")].iloc[0]["noise"] == pytest.approx(
        (0.13**2 + 0.02**2) ** 0.5, abs=1e-6
    )


def test_a_cell_that_is_gone_is_a_regression_and_a_new_one_is_new(folder: RunFolder, baseline: Path) -> None:
    content = read_json(baseline, hint="")
    first = min(content["cells"])
    content["cells"]["patchcore/wood/seed0"] = content["cells"].pop(first)
    baseline.write_text(json.dumps(content), encoding="utf-8")
    table = compare(folder, baseline)
    assert set(table[table["cell"] == "patchcore/wood/seed0"]["verdict"]) == {"regression"}
    assert set(table[table["cell"] == first]["verdict"]) == {"new"}


def test_markdown_puts_regressions_first(folder: RunFolder, baseline: Path) -> None:
    cell, metric = move(baseline, 0.5)
    rows = [line for line in markdown(compare(folder, baseline)).splitlines() if line.startswith("| ")]
    assert rows[1].startswith(f"| {cell} | {metric} |")
    assert rows[1].endswith("| regression |")


def test_a_baseline_of_another_study_is_refused(folder: RunFolder, baseline: Path) -> None:
    content = read_json(baseline, hint="")
    baseline.write_text(json.dumps({**content, "study": "other"}), encoding="utf-8")
    with pytest.raises(ReproError, match="is of study other, the results are of example"):
        compare(folder, baseline)


def test_results_of_another_schema_version_are_refused(folder: RunFolder, baseline: Path) -> None:
    path = folder.report / "results.json"
    content = read_json(path, hint="")
    path.write_text(json.dumps({**content, "schema_version": 2}), encoding="utf-8")
    with pytest.raises(ReproError, match=r"results\.json: has schema version 2, this repro reads 1"):
        compare(folder, baseline)
