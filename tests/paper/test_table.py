import csv
import io
from pathlib import Path

import example_report
import pytest

from repro.errors import ReproError
from repro.paper.markdown import Table
from repro.paper.table import table, to_csv


def test_a_table_has_the_scores_of_the_json(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    rows = list(csv.DictReader(io.StringIO(table(folder, "scores"))))
    assert [(row["Category"], row["Model"]) for row in rows] == [
        ("grid", "EfficientAD"),
        ("grid", "PatchCore"),
        ("tile", "EfficientAD"),
        ("tile", "PatchCore"),
    ]
    # The first cell of the example.
    assert rows[0]["Image AUROC ↑"] == "0.9000 [0.87, 0.92]"
    assert rows[0]["AU-PRO ↑"] == "0.9678 [0.94, 0.99]"


def test_text_is_without_markup() -> None:
    rows = "| A | B |\n|:--|--:|\n| **x\\_y** `z` | [Table 1](#table-1), a\\|b |\n"
    assert to_csv(Table(1, "", rows)) == 'A,B\nx_y z,"Table 1, a|b"\n'


def test_an_unknown_table_is_an_error_that_names_the_tables(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match="choose one of data, settings, scores"):
        table(example_report.build(tmp_path), "nothing")
