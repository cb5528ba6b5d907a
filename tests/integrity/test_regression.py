import json
from pathlib import Path

import example_report
import pandas as pd
import pytest

from repro.errors import ReproError
from repro.integrity.regression import accept, compare, markdown
from repro.records.results import Results
from repro.runs import RunFolder, read_json, read_record, write_json


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


# In the example, intervals reach from 0.03 below to 0.02 above each value, and the resolution is 0.0556.
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


def test_a_metric_that_only_the_baseline_has_is_a_regression(folder: RunFolder, baseline: Path) -> None:
    content = read_json(baseline, hint="")
    cell = min(content["cells"])
    content["cells"][cell]["iou"] = content["cells"][cell]["pixel_f1"]
    baseline.write_text(json.dumps(content), encoding="utf-8")
    table = compare(folder, baseline)
    assert list(table[table["verdict"] == "regression"]["metric"]) == ["iou"]


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


def test_a_cell_that_is_missing_is_a_regression_and_an_added_one_is_new(folder: RunFolder, baseline: Path) -> None:
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


def remove(results: Path, key: str) -> None:
    content = read_json(results, hint="")
    del content["cells"][key], content["retrieval"][key]
    write_json(results, content)


def test_the_baseline_holds_each_metric_with_its_interval_and_resolution(folder: RunFolder, baseline: Path) -> None:
    results = read_record(folder.report / "results.json", Results, hint="")
    content = read_json(baseline, hint="")
    assert content["study"] == "example"
    assert content["cells"].keys() == results.cells.keys()
    for key, cell in results.cells.items():
        assert content["cells"][key] == {
            metric: {
                "value": value,
                "low": getattr(cell.intervals, metric).low,
                "high": getattr(cell.intervals, metric).high,
                "resolution": cell.resolution,
            }
            for metric, value in cell.metrics.model_dump().items()
        }


def test_a_partial_report_is_no_baseline(folder: RunFolder) -> None:
    path = folder.report / "results.json"
    remove(path, "patchcore/grid/seed0")
    with pytest.raises(ReproError) as caught:
        accept(folder, folder.root / "baseline.json")
    assert str(caught.value) == f"{path}: cells are missing; run `nox -s reproduce` first"
    assert not (folder.root / "baseline.json").exists()


def test_missing_cells_of_a_partial_report_are_not_tested(folder: RunFolder, baseline: Path) -> None:
    remove(folder.report / "results.json", "patchcore/grid/seed0")
    table = compare(folder, baseline)
    missing = table["cell"] == "patchcore/grid/seed0"
    assert set(table[missing]["verdict"]) == {"not tested"}
    assert set(table[~missing]["verdict"]) == {"ok"}
    row = table[missing].iloc[0]
    assert row["old"] == read_json(baseline, hint="")["cells"]["patchcore/grid/seed0"][row["metric"]]["value"]
    assert pd.isna([row["new"], row["delta"], row["noise"]]).all()


def test_rows_are_in_the_order_of_cells_and_of_metrics(folder: RunFolder, baseline: Path) -> None:
    table = compare(folder, baseline)
    assert list(table.columns) == ["cell", "metric", "old", "new", "delta", "noise", "verdict"]
    metrics = ["image_auroc", "image_f1", "pixel_auroc", "pixel_f1", "image_ap", "pixel_ap", "aupro"]
    cells = ["efficientad/grid/seed0", "efficientad/tile/seed0", "patchcore/grid/seed0", "patchcore/tile/seed0"]
    assert list(zip(table["cell"], table["metric"], strict=True)) == [
        (cell, name) for cell in cells for name in metrics
    ]


def test_a_metric_that_the_baseline_lacks_is_new(folder: RunFolder, baseline: Path) -> None:
    content = read_json(baseline, hint="")
    del content["cells"]["efficientad/grid/seed0"]["aupro"]
    write_json(baseline, content)
    table = compare(folder, baseline).query("cell == 'efficientad/grid/seed0'").set_index("metric")
    assert table.loc["aupro", "verdict"] == "new"
    assert pd.isna(table.loc["aupro", "old"])
    assert not pd.isna(table.loc["aupro", "new"])
    assert set(table.drop("aupro")["verdict"]) == {"ok"}


def row_of(folder: RunFolder, baseline: Path, **changes: float) -> pd.Series:
    """The row of a metric, after `changes` to its entry in the baseline."""
    content = read_json(baseline, hint="")
    content["cells"]["efficientad/grid/seed0"]["pixel_f1"].update(changes)
    write_json(baseline, content)
    return compare(folder, baseline).set_index(["cell", "metric"]).loc[("efficientad/grid/seed0", "pixel_f1")]


@pytest.mark.parametrize(
    ("move", "verdict"),
    [
        (0.0556, "within noise"),
        (0.055601, "regression"),
        (-0.0556, "ok"),
        (-0.055601, "better"),
        (1e-6, "within noise"),
    ],
)
def test_a_change_of_exactly_the_noise_is_noise(folder: RunFolder, baseline: Path, move: float, verdict: str) -> None:
    value = read_json(baseline, hint="")["cells"]["efficientad/grid/seed0"]["pixel_f1"]["value"] + move
    assert row_of(folder, baseline, value=value, low=value, high=value)["verdict"] == verdict


def test_the_noise_is_one_image_of_the_coarser_side(folder: RunFolder, baseline: Path) -> None:
    assert row_of(folder, baseline, resolution=0.5)["noise"] == 0.5
    assert row_of(folder, baseline, resolution=0.001)["noise"] == 0.0556


def test_an_interval_beyond_its_value_adds_no_noise(folder: RunFolder, baseline: Path) -> None:
    # Clamping may leave a value outside the interval of unclamped ones.
    assert row_of(folder, baseline, low=1.0)["noise"] == 0.0556
    path = folder.report / "results.json"
    content = read_json(path, hint="")
    content["cells"]["efficientad/grid/seed0"]["intervals"]["pixel_f1"]["high"] = 0.0
    write_json(path, content)
    assert (
        row_of(folder, baseline, low=0.0)["noise"]
        == read_json(baseline, hint="")["cells"]["efficientad/grid/seed0"]["pixel_f1"]["value"]
    )


def test_the_table_is_markdown_with_regressions_first(folder: RunFolder, baseline: Path) -> None:
    content = read_json(baseline, hint="")
    for cell, change in (("efficientad/grid/seed0", 0.04), ("efficientad/tile/seed0", 0.2)):
        for end in ("value", "low", "high"):
            content["cells"][cell]["image_ap"][end] += change
    content["cells"]["patchcore/tile/seed0"] = {}
    write_json(baseline, content)
    table = compare(folder, baseline)
    lines = markdown(table).splitlines()
    assert lines[:7] == [
        "## Metric regression",
        "",
        "**1 of 28 metrics regressed.** 1 fell within noise.",
        "",
        "| cell | metric | old | new | delta | noise | verdict |",
        "|---|---|---|---|---|---|---|",
        "| efficientad/tile/seed0 | image_ap | 1.1081 | 0.9081 | -0.2000 | 0.0556 | regression |",
    ]
    assert lines[7] == "| efficientad/grid/seed0 | image_ap | 0.9852 | 0.9452 | -0.0400 | 0.0556 | within noise |"
    assert lines[8].startswith("| efficientad/grid/seed0 | image_auroc | ")
    assert lines[-1].startswith("| patchcore/tile/seed0 | aupro |  | ")
    assert lines[-1].endswith(" |  |  | new |")
    assert len(lines) == 6 + 28
    assert markdown(table).endswith(" |\n")


def test_without_regressions_the_table_says_none_and_does_not_mention_noise(folder: RunFolder, baseline: Path) -> None:
    head = markdown(compare(folder, baseline)).splitlines()[2]
    assert head == "**None of 28 metrics regressed.**"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "is not a baseline (study: Field required); "),
        (
            '{"study": "example", "cells": {"a/b/seed0": {"aupro": {}}}}',
            "is not a baseline (cells.a/b/seed0.aupro.value",
        ),
        ("[", "not JSON "),
    ],
)
def test_a_file_that_is_no_baseline_is_refused(folder: RunFolder, content: str, message: str) -> None:
    path = folder.root / "baseline.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ReproError) as caught:
        compare(folder, path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert str(caught.value).endswith("; run `nox -s regression -- --accept` to make one from the present results")


def test_a_missing_baseline_is_named_with_the_command_that_makes_it(folder: RunFolder) -> None:
    path = folder.root / "none.json"
    with pytest.raises(ReproError) as caught:
        compare(folder, path)
    hint = "run `nox -s regression -- --accept` to make one from the present results"
    assert str(caught.value) == f"{path}: no such file; {hint}"


def test_a_baseline_of_another_study_names_the_file(folder: RunFolder, baseline: Path) -> None:
    write_json(baseline, {**read_json(baseline, hint=""), "study": "other"})
    with pytest.raises(ReproError) as caught:
        compare(folder, baseline)
    hint = "run `nox -s regression -- --accept` to make one from the present results"
    assert str(caught.value) == f"{baseline}: is of study other, the results are of example; {hint}"


def test_missing_results_are_named_with_the_command_that_makes_them(folder: RunFolder, baseline: Path) -> None:
    path = folder.report / "results.json"
    path.unlink()
    for action in (accept, compare):
        with pytest.raises(ReproError) as caught:
            action(folder, baseline)
        assert str(caught.value) == f"{path}: no such file; run `nox -s reproduce` to make it again"


def test_with_an_empty_baseline_every_row_is_new_and_has_no_old_value(folder: RunFolder, baseline: Path) -> None:
    write_json(baseline, {"study": "example", "cells": {}})
    table = compare(folder, baseline)
    assert set(table["verdict"]) == {"new"}
    value = table.iloc[0]["new"]
    assert markdown(table).splitlines()[6] == f"| efficientad/grid/seed0 | image_auroc |  | {value:.4f} |  |  | new |"
