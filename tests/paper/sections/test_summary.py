from pathlib import Path

import example_report
import pytest

from repro.paper.inputs import Inputs
from repro.paper.markdown import Written
from repro.paper.sections.summary import summary
from repro.paper.table import all_tables, table
from repro.runs import RunFolder
from repro.stages import render as paper

CATEGORIES = [f"category{number:02}" for number in range(8)]
SEEDS = range(5)
CELLS = 2 * 8 * 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return example_report.build(
        tmp_path_factory.mktemp("large"), categories=CATEGORIES, seeds=SEEDS, official=True, source="folder"
    )


@pytest.fixture(scope="module")
def inputs(folder: RunFolder) -> Inputs:
    return paper.read_inputs(folder.report)


@pytest.fixture(scope="module")
def written(inputs: Inputs) -> Written:
    return paper.to_markdown(inputs)


def test_a_small_study_has_no_summary(tmp_path: Path) -> None:
    small = paper.read_inputs(example_report.build(tmp_path).report)
    assert summary(small.results) is None


def test_a_grid_has_means_over_seeds_and_at_its_end_over_categories(inputs: Inputs) -> None:
    section = summary(inputs.results)
    assert section is not None
    grid = section.grids[0]
    cells = inputs.results.cells
    values = [cells[f"patchcore/category03/seed{seed}"].metrics.image_auroc for seed in SEEDS]
    stat = grid.rows[3].entries[1]
    assert stat is not None
    assert stat.mean == pytest.approx(sum(values) / 5)
    assert (stat.low, stat.high) == (min(values), max(values))
    aurocs = [cell.metrics.image_auroc for cell in cells.values() if cell.variant == "patchcore"]
    assert grid.means[1].mean == pytest.approx(sum(aurocs) / len(aurocs))


def test_runs_are_listed_by_model_with_their_least_and_greatest(inputs: Inputs) -> None:
    section = summary(inputs.results)
    assert section is not None
    efficientad, patchcore = section.runs
    assert (efficientad.cells, patchcore.cells) == (CELLS // 2, CELLS // 2)
    assert efficientad.patches is None
    assert patchcore.patches == (1254,)


def test_a_paper_of_many_cells_summarises_them(folder: RunFolder, written: Written) -> None:
    for name, listed in (("cells", "cells"), ("raw", "raw"), ("leak", "leaks")):
        assert len(written.tables[name].rows) == 2, "a row a model"
        assert f"`repro table --study {folder.study} {listed}` lists" in written.plain
    assert len(written.tables["scores"].rows) == 2 * len(CATEGORIES)


def test_a_table_that_only_a_large_paper_has_can_be_asked_for(folder: RunFolder) -> None:
    assert len(table(folder, "image-auroc").splitlines()) == len(CATEGORIES) + 2


def test_exported_tables_list_every_cell(folder: RunFolder, inputs: Inputs, written: Written) -> None:
    tables = all_tables(inputs)
    assert len(tables) == len(written.tables)
    assert len(table(folder, "leaks").splitlines()) == CELLS + 1
    for label in ("cells", "raw"):
        (text,) = (text for name, text in tables.items() if name.endswith(f"-{label}.csv"))
        assert len(text.splitlines()) == CELLS + 1
