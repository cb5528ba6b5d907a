"""Markdown: variables and templates in, Markdown out, with a mark around each number that leads to its sources.

A number without a source, typed into a template or computed without a trace, stops the build.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from repro.errors import ReproError
from repro.paper.forms import (
    LISTS,
    MARK_ATTRIBUTE,
    NUMBERS,
    TEXTS,
    TYPED,
    Joined,
    Marked,
    Right,
    bold,
    flat,
    form,
    italic,
    join,
    marked,
    range_of,
    right,
    series,
    untraced,
)
from repro.paper.trace import Source, count, sources

#: Templates that hold formulas or bibliography and print no result: numbers may be typed there.
UNCHECKED = ("formulas.md.jinja", "interval.md.jinja", "bibliography.md.jinja")
MARK = re.compile(rf'<a class="n" {MARK_ATTRIBUTE}(\d+)">(.*?)</a>', re.DOTALL)


@dataclass(frozen=True)
class Written:
    """The paper as Markdown."""

    #: With a mark around each number: `<a class="n" data-n="12">0.97</a>`.
    marked: str
    #: Of each number, by its mark.
    sources: list[tuple[Source, ...]]
    #: By label in the template.
    tables: dict[str, "Table"]
    #: Number of each section, table, figure and reference, by kind and label.
    labels: dict[tuple[str, str], int]

    @property
    def plain(self) -> str:
        """Without marks, for code-hosting sites."""
        return MARK.sub(r"\2", self.marked)


@dataclass
class Table:
    """The content of a table as plain text."""

    number: int
    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    #: Where the numbers in the caption and the rows come from.
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Origin:
    """Where a table or figure comes from, as the appendix lists it."""

    kind: str
    label: str
    #: Places in JSON files.
    places: list[str]
    #: Makes it alone.
    command: str


def write(variables: dict[str, Any], templates: Path, origins: Callable[[Written], list[Origin]]) -> Written:
    """Fill paper.md.jinja: GitHub-flavoured Markdown with numbered sections, tables, figures and references.

    `origins` lists where the tables and figures of an earlier pass come from.
    Raises ReproError for a number that is typed by hand or has no source, and for a label that does not exist.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    printer = Printer()
    environment.filters |= printer.filters()
    environment.finalize = printer.show
    for path in sorted(templates.glob("*.jinja")):
        lint(environment, path)
    # The first pass gives each label its number, so that the second can refer to later ones and list the origins; the
    # third also lists that list.
    written = _pass(environment, printer, variables, Labels(), [])
    for _ in range(2):
        written = _pass(environment, printer, variables, Labels(known=written.labels or None), origins(written))
    return written


def lint(environment: jinja2.Environment, path: Path) -> None:
    """Raise ReproError where a number is typed into the text or the expressions of a template."""
    if path.name in UNCHECKED:
        return
    for line, kind, text in environment.lex(path.read_text(encoding="utf-8")):
        number = TYPED.search(text) if kind in ("data", "string") else None
        if kind == "float":
            number = re.search(".+", text)
        if number:
            line += text[: number.start()].count("\n")
            raise ReproError(
                f"the number {number[0]} is typed by hand",
                where=f"templates/{path.name}, line {line}",
                hint="print it from the records",
            )


def _pass(
    environment: jinja2.Environment,
    printer: "Printer",
    variables: dict[str, Any],
    labels: "Labels",
    origins: list[Origin],
) -> Written:
    printer.clear()
    template = environment.get_template("paper.md.jinja")
    text = template.render(variables, provenance=origins, **labels.functions(printer), **printer.functions())
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    return Written(text, printer.sources, printer.tables, labels.given)


class Printer:
    """Prints values for one pass over the template, and keeps the sources of each number and the content of tables."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin a pass."""
        #: By mark.
        self.sources: list[tuple[Source, ...]] = []
        #: By label, in the order of the paper.
        self.tables: dict[str, Table] = {}
        #: The table that is being printed, and its first mark.
        self._table, self._first_mark = Table(0), 0

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of the template, by name."""
        return {
            "length_of": count,
            **{form.__name__: form for form in (*TEXTS, *LISTS)},
            **{form.__name__: _traced(form) for form in NUMBERS},
        }

    def functions(self) -> dict[str, Any]:
        """The functions of the template that print cells of tables: `th` the header, `tr` a row."""
        return {
            "th": self.header,
            "tr": self.row,
            "right": right,
            "text": join,
            "range_of": range_of,
            "bold": bold,
            "italic": italic,
        }

    def begin_table(self, label: str, number: int) -> None:
        """Begin a table, whose caption follows."""
        self._table, self._first_mark = Table(number), len(self.sources)
        self.tables[label] = self._table

    def header(self, *names: object) -> Marked:
        """The header of a table; `right(...)` aligns columns to the right."""
        columns = list(flat(names))
        self._table.header = [str(name) for name in columns]
        rule = "|".join("--:" if isinstance(name, Right) else ":--" for name in columns)
        return Marked(f"| {' | '.join(self.show(name) for name in columns)} |\n|{rule}|")

    def row(self, *cells: object) -> Marked:
        """A row of a table; a list in it stands for its items."""
        values = [form(cell) for cell in flat(cells)]
        shown = Marked(f"| {' | '.join(self.show(value) for value in values)} |")
        self._table.rows.append([value.plain.strip() for value in values])
        marks = self.sources[self._first_mark :]
        self._table.sources = tuple(dict.fromkeys(source for places in marks for source in places))
        return shown

    def show(self, value: object) -> str:
        """Print a value: numbers with a mark, strings from data escaped.

        Raises ReproError for a number without sources.
        """
        shown = form(value)
        if isinstance(shown, Joined):
            return "".join(self.show(part) for part in shown.parts)
        if not shown.sources:
            return shown
        self.sources.append(shown.sources)
        return f'<a class="n" {MARK_ATTRIBUTE}{len(self.sources) - 1}">{shown}</a>'


@dataclass
class Labels:
    """Numbers of sections, tables, figures and references, in the order of the paper."""

    #: Numbers by kind and label from an earlier pass; None in the first.
    known: dict[tuple[str, str], int] | None = None
    given: dict[tuple[str, str], int] = field(default_factory=dict)

    def functions(self, printer: Printer) -> dict[str, Any]:
        """The functions of the template: the first five give numbers, `see` and `cite` refer to them."""
        return {
            "section": lambda label: Marked(f"## {self._number('section', label)}"),
            "appendix": lambda label: Marked(f"## Appendix {_letter(self._number('appendix', label))}:"),
            "table": lambda label: self._table(label, printer),
            "figure": lambda label: self._caption("figure", label),
            "entry": lambda label: Marked(self._anchor("ref", label)),
            "see": lambda kind, *labels: series(self._refer(kind, label) for label in labels),
            "cite": lambda *labels: Marked(f"\\[{', '.join(self._link('ref', label, '') for label in labels)}\\]"),
            "has": lambda kind, label: self.known is None or (kind, label) in self.known,
        }

    def _number(self, kind: str, label: str) -> int:
        assert (kind, label) not in self.given, f"the paper has two of {kind} {label}"
        self.given[kind, label] = 1 + sum(other == kind for other, _ in self.given)
        return self.given[kind, label]

    def _caption(self, kind: str, label: str) -> Marked:
        anchor = self._anchor(kind, label)
        return Marked(f"{anchor}**{kind.capitalize()} {self.given[kind, label]}.**")

    def _table(self, label: str, printer: Printer) -> Marked:
        caption = self._caption("table", label)
        printer.begin_table(label, self.given["table", label])
        return caption

    def _anchor(self, kind: str, label: str) -> str:
        return f'<a id="{kind}-{self._number(kind, label)}"></a>'

    def _known_number(self, kind: str, label: str) -> int:
        if self.known is None:
            return 1
        if (kind, label) not in self.known:
            raise ReproError(f"refers to {kind} {label}, which does not exist", where="templates", hint="fix the label")
        return self.known[kind, label]

    def _refer(self, kind: str, label: str) -> Marked:
        number = self._known_number(kind, label)
        word = f"{kind.capitalize()}\N{NO-BREAK SPACE}"
        # Headings have no anchor in Markdown, so that they are shown as headings everywhere.
        match kind:
            case "section":
                return Marked(f"{word}{number}")
            case "appendix":
                return Marked(f"{word}{_letter(number)}")
        return self._link(kind, label, word)

    def _link(self, kind: str, label: str, word: str) -> Marked:
        number = self._known_number(kind, label)
        return marked(f"[{word}{number}](#{kind}-{number})", f"{word}{number}")


def _letter(number: int) -> str:
    return chr(ord("A") + number - 1)


def _traced(form: Callable[[Any], Marked]) -> Callable[[Any], Marked]:
    """A format that refuses a number without sources."""

    def print_traced(value: Any) -> Marked:
        shown = form(value)
        shown.sources = sources(value)
        if not shown.sources:
            raise untraced(shown)
        return shown

    return print_traced
