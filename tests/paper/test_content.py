"""The sections on leak, search, references and verdicts follow from the records alone."""

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


def test_the_leak_is_averaged_over_runs_and_by_model(results: Results) -> None:
    section = leak(results)
    assert len(section.rows) == 6
    assert section.image is not None and section.pixel is not None
    assert (section.image.mean, section.image.count) == (5.0, 6)
    assert [(row.name, row.image.count) for row in section.by_variant] == [("EfficientAD", 3), ("PatchCore", 3)]


def test_a_run_without_a_split_is_counted_and_left_out(results: Results) -> None:
    key = "patchcore/grid/seed0"
    cells = {**results.cells, key: results.cells[key].model_copy(update={"sound": None})}
    section = leak(results.model_copy(update={"cells": cells}))
    assert (len(section.rows), section.undefined) == (5, 1)


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
    assert search(results.model_copy(update={"retrieval": {}})) == SearchSection(
        rows=(), fair_rows=(), published=None, above_chance=()
    )


def test_the_ledger_holds_every_verdict_once(results: Results) -> None:
    verdicts = judge(results)
    section = ledger(verdicts, results)
    scores = [verdict for row in section.scores for verdict in row.cells if verdict]
    assert len(scores) == 24
    shown = [*scores, *section.others, *section.fields]
    assert sorted(verdict.claim for verdict in shown) == sorted(verdict.claim for verdict in verdicts)
    assert sum(count for _, count in section.counts) == section.total == len(verdicts)
    assert section.own_fails == 0


def test_a_model_with_one_seed_is_named(results: Results) -> None:
    assert ledger([], results).one_seed == ("EfficientAD", "PatchCore")


def test_references_are_compared_with_ours_or_the_reason_is_named(results: Results) -> None:
    table = reference_table(results)
    assert table.compared == ()
    assert table.refused
    assert not table.same_data
    assert all(len(row.scores) == 4 for row in table.rows)
