"""Tables: the paper's tables in, comma-separated values out."""

import csv
import io
import re
from dataclasses import replace

from repro.errors import ReproError
from repro.paper.build import to_markdown
from repro.paper.inputs import Inputs, read_inputs
from repro.paper.markdown import MARK, TableText
from repro.runs import RunFolder


def table(folder: RunFolder, name: str) -> str:
    """One table of a study's paper, made from the records as they are now; ReproError where none has that name."""
    inputs = read_inputs(folder.report)
    # A large paper sums up what is listed here.
    written = to_markdown(replace(inputs, whole=True))
    if name not in written.tables:
        written = to_markdown(inputs)
    if name not in written.tables:
        raise ReproError("is none of the paper's tables", where=name, hint=f"choose one of {', '.join(written.tables)}")
    return to_csv(written.tables[name])


def all_tables(inputs: Inputs) -> dict[str, str]:
    """Every table by file name, in the order of the paper; each cell listed, however many the paper sums up."""
    written, whole = to_markdown(inputs), to_markdown(replace(inputs, whole=True))
    return {
        f"table-{one.number:02}-{name}.csv": to_csv(whole.tables.get(name, one)) for name, one in written.tables.items()
    }


def to_csv(table: TableText) -> str:
    """A Markdown table as comma-separated values; text as a reader sees it, without markup."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for number, line in enumerate(table.rows.splitlines()):
        # The second line only says how columns are set.
        if number != 1:
            cells = re.split(r"(?<!\\)\|", MARK.sub(r"\2", line).strip().strip("|"))
            writer.writerow([_read(cell.strip()) for cell in cells])
    return stream.getvalue()


def _read(cell: str) -> str:
    text = re.sub(r"\[((?:\\.|[^\]\\])*)\]\([^)]*\)", r"\1", cell)
    text = re.sub(r"(?<!\\)(\*\*|`)", "", text)
    return re.sub(r"\\([^\sA-Za-z0-9])", r"\1", text).replace("\N{NO-BREAK SPACE}", " ")
