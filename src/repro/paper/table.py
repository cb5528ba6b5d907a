"""Tables: the rows of the paper's tables in, comma-separated values out."""

import csv
import io
from dataclasses import replace

from repro.errors import ReproError
from repro.paper.build import to_markdown
from repro.paper.inputs import Inputs, read_inputs
from repro.paper.markdown import Table
from repro.runs import RunFolder


def table(folder: RunFolder, name: str) -> str:
    """One table of a study's paper as CSV, made from the records as they are now.

    Raises ReproError where the paper has no table of that name.
    """
    inputs = read_inputs(folder.report)
    # Every cell is listed, also where the paper summarises them; some tables are only in a paper that summarises.
    written = to_markdown(replace(inputs, list_all_cells=True))
    if name not in written.tables:
        written = to_markdown(inputs)
    if name not in written.tables:
        raise ReproError("is none of the paper's tables", where=name, hint=f"choose one of {', '.join(written.tables)}")
    return to_csv(written.tables[name])


def all_tables(inputs: Inputs) -> dict[str, str]:
    """Every table of the paper as CSV by file name, in the order of the paper; tables of cells list all of them."""
    paper, complete = to_markdown(inputs), to_markdown(replace(inputs, list_all_cells=True))
    return {
        f"table-{shown.number:02}-{name}.csv": to_csv(complete.tables.get(name, shown))
        for name, shown in paper.tables.items()
    }


def to_csv(table: Table) -> str:
    """A table as CSV, with its text as it is shown, without markup."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([table.header, *table.rows])
    return stream.getvalue()
