from pathlib import Path

import example_report
import pytest

from repro.paper.scope import MOST_LISTED, MOST_SHOWN, is_summarised, shown_categories
from repro.records.results import Results
from repro.runs import read_record

CATEGORIES = [f"category{number:02}" for number in range(15)]


def results(root: Path, categories: list[str], seeds: range) -> Results:
    folder = example_report.build(root, categories=categories, seeds=seeds)
    return read_record(folder.report / "results.json", Results, hint="")


@pytest.fixture
def many(tmp_path: Path) -> Results:
    return results(tmp_path, CATEGORIES, range(3))


def test_few_cells_are_listed_and_all_their_categories_shown(tmp_path: Path) -> None:
    few = results(tmp_path, CATEGORIES[:3], range(1))
    assert not is_summarised(few)
    assert shown_categories(few) == tuple(CATEGORIES[:3])


def test_many_cells_are_summarised(many: Results) -> None:
    assert len(many.cells) == 90 > MOST_LISTED
    assert is_summarised(many)


def test_of_many_categories_the_best_the_middle_and_the_worst_are_shown(many: Results) -> None:
    assert len(CATEGORIES) > MOST_SHOWN
    changed = {
        key: cell.model_copy(update={"metrics": cell.metrics.model_copy(update={"image_auroc": SCORES[cell.category]})})
        for key, cell in many.cells.items()
    }
    assert shown_categories(many.model_copy(update={"cells": changed})) == (
        "category01",
        "category04",
        "category09",
    )


#: Highest on the tenth category, lowest on the fifth, in the middle on the second.
SCORES = dict(zip(CATEGORIES, (0.9, 0.7, 0.91, 0.92, 0.1, 0.2, 0.3, 0.4, 0.5, 0.99, 0.6, 0.65, 0.93, 0.94, 0.95),
                  strict=True))  # fmt: skip
