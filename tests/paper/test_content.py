"""What the paper's sections on leak, search, references and verdicts say follows from the records alone."""

from pathlib import Path

import example_report
import pytest

from repro.paper.sections.leak import leak
from repro.paper.sections.ledger import ledger
from repro.paper.sections.references import reference_table
from repro.paper.sections.retrieval import SearchSection, search
from repro.records.results import Results
from repro.stages.verdicts import judge


@pytest.fixture
def results(tmp_path: Path) -> Results:
    folder = example_report.build(tmp_path, categories=("grid", "tile", "leather"))
    return Results.model_validate_json((folder.report / "results.json").read_text(encoding="utf-8"))


def test_the_leak_is_averaged_over_runs_and_counted_where_its_interval_is_above_zero(results: Results) -> None:
    found = leak(results)
    assert len(found.rows) == 6
    assert found.image is not None and found.pixel is not None
    assert (found.image.mean, found.image.positive, found.image.count) == (5.0, 6, 6)
    assert found.pixel.positive == 0


def test_a_run_without_a_split_is_told_and_left_out(results: Results) -> None:
    key = "patchcore/grid/seed0"
    cells = {**results.cells, key: results.cells[key].model_copy(update={"sound": None})}
    found = leak(results.model_copy(update={"cells": cells}))
    assert (len(found.rows), found.undefined) == (5, 1)


def test_every_feature_is_shown_in_every_kind_of_search(results: Results) -> None:
    rows = search(results).rows
    assert len(rows) == 2 * 3 * 4
    assert {(row.label_filter, row.self_match) for row in rows} == {
        (a, b) for a in (True, False) for b in (True, False)
    }


def test_the_filter_is_named_only_where_it_alone_decides(results: Results) -> None:
    assert search(results).published.filter_alone
    key, record = next(iter(results.retrieval.items()))
    first, *rest = record.published.searches
    changed = record.published.model_copy(
        update={"searches": (first.model_copy(update={"same_as_without_feature": 0.99}), *rest)}
    )
    retrieval = {**results.retrieval, key: record.model_copy(update={"published": changed})}
    assert not search(results.model_copy(update={"retrieval": retrieval})).published.filter_alone


def test_a_study_without_a_search_has_no_table_of_it(results: Results) -> None:
    assert search(results.model_copy(update={"retrieval": {}})) == SearchSection(rows=(), published=None, fair=())


def test_the_ledger_holds_every_verdict_once(results: Results) -> None:
    verdicts = judge(results)
    found = ledger(verdicts, results)
    scores = [cell for row in found["scores"] for cell in row["cells"]]
    assert len(scores) == 24 and None not in scores
    shown = [*scores, *found["others"], *found["fields"]]
    assert sorted(one.claim for one in shown) == sorted(verdict.claim for verdict in verdicts)
    assert sum(count for _, count in found["counts"]) == found["total"] == len(verdicts)
    assert found["own_fails"] == 0


def test_a_model_with_one_seed_is_named(results: Results) -> None:
    assert ledger([], results)["one_seed"] == ["EfficientAD", "PatchCore"]


def test_references_stand_beside_ours_or_say_why_not(results: Results) -> None:
    found = reference_table(results)
    assert found["compared"] == []
    assert not found["same_data"]
    assert all(len(row["scores"]) == 4 for row in found["rows"])
