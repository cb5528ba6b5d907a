"""A partial report: missing cells are named, marked and judged nowhere."""

import json
from pathlib import Path

import example_report
import pytest

from repro.errors import ReproError
from repro.integrity.regression import accept, compare
from repro.paper.build import to_markdown
from repro.paper.inputs import read_inputs
from repro.paper.sections.missing import missing
from repro.records.results import Results
from repro.runs import RunFolder, sha256, write_json
from repro.stages.verdicts import accept as accept_verdicts
from repro.stages.verdicts import judge

GONE = ("efficientad/tile/seed0", "patchcore/grid/seed1", "patchcore/tile/seed0", "patchcore/tile/seed1")


def partial(root: Path, gone: tuple[str, ...] = GONE, *, official: bool = False) -> RunFolder:
    source = "folder" if official else "procedural"
    folder = example_report.build(root, seeds=(0, 1), source=source, official=official)
    path = folder.report / "results.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for key in gone:
        del content["cells"][key], content["retrieval"][key]
    write_json(path, content)
    for name in ("verdicts.json", "guards.json"):
        record = json.loads((folder.report / name).read_text(encoding="utf-8"))
        write_json(folder.report / name, record | {"results_sha256": sha256(path)})
    return folder


def load(folder: RunFolder) -> Results:
    return Results.model_validate_json((folder.report / "results.json").read_text(encoding="utf-8"))


def test_a_complete_report_lacks_nothing(tmp_path: Path) -> None:
    results = load(partial(tmp_path, ()))
    assert (results.missing, missing(results)) == ((), None)


def test_missing_cells_are_named_by_model_category_and_seed(tmp_path: Path) -> None:
    cells = missing(load(partial(tmp_path)))
    assert cells is not None
    assert (cells.count, cells.total) == (4, 8)
    assert cells.groups == ("EfficientAD on tile (seed 0)", "PatchCore on grid (seed 1), tile")


def test_the_first_page_rows_and_captions_name_what_is_missing(tmp_path: Path) -> None:
    paper = to_markdown(read_inputs(partial(tmp_path).report)).plain
    head, rest = paper.split("## What was measured")
    assert "4 of 8 trainings are missing" in head
    assert "EfficientAD on tile (seed 0); PatchCore on grid (seed 1), tile" in head
    assert "| tile | PatchCore | *missing* |" in rest
    caption = next(line for line in rest.splitlines() if "Metrics by category and model" in line)
    assert caption.endswith("**Missing:** EfficientAD on tile (seed 0); PatchCore on grid (seed 1), tile.")


def test_a_complete_paper_names_nothing_missing(tmp_path: Path) -> None:
    assert "issing:" not in to_markdown(read_inputs(partial(tmp_path, ()).report)).plain


def test_a_claim_that_needs_a_missing_cell_is_not_tested(tmp_path: Path) -> None:
    complete = judge(load(partial(tmp_path / "complete", (), official=True)))
    part = {verdict.claim: verdict for verdict in judge(load(partial(tmp_path / "part", official=True)))}
    changed = [verdict.claim for verdict in complete if verdict.verdict != part[verdict.claim].verdict]
    assert changed
    assert all(part[claim].verdict == "not tested" for claim in changed)
    tested = [verdict for verdict in part.values() if verdict.verdict != "not tested"]
    assert not any("tile" in (verdict.evidence or "") for verdict in tested)


def test_missing_cells_are_not_tested_instead_of_a_regression(tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    accept(partial(tmp_path / "complete", ()), baseline)
    table = compare(partial(tmp_path / "part"), baseline)
    assert set(table[table["cell"].isin(GONE)]["verdict"]) == {"not tested"}
    assert set(table[~table["cell"].isin(GONE)]["verdict"]) == {"ok"}


@pytest.mark.parametrize("make", [accept, accept_verdicts])
def test_a_partial_report_is_refused_as_baseline(tmp_path: Path, make) -> None:
    with pytest.raises(ReproError, match="cells are missing"):
        make(partial(tmp_path), tmp_path / "baseline.json")
    assert not (tmp_path / "baseline.json").exists()
