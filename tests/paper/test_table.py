import csv
import io
from pathlib import Path

import example_report
import pytest

from repro.errors import ReproError
from repro.paper.forms import bold, code, join, marked, right, stated
from repro.paper.markdown import Printer
from repro.paper.table import table, to_csv
from repro.paper.trace import Source, traced


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
    printer = Printer()
    printer.begin_table("a", 1)
    see = printer.functions()["text"](marked("[Table 1](#table-1)", "Table 1"), ", a|b")
    assert printer.header("A", right("B")) == "| A | B |\n|:--|--:|"
    assert printer.row(join(bold("x_y"), " ", code("z")), see) == "| **x\\_y** `z` | [Table 1](#table-1), a\\|b |"
    assert (
        printer.row(stated(traced(">= 0.5", Source("guards.json", ()))), [])
        == '| \\>= <a class="n" data-n="0">0.5</a> |'
    )
    assert to_csv(printer.tables["a"]) == 'A,B\nx_y z,"Table 1, a|b"\n>= 0.5\n'


def test_an_unknown_table_is_an_error_that_names_the_tables(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match="choose one of verdicts, search, "):
        table(example_report.build(tmp_path), "nothing")
