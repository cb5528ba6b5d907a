"""Markdown: variables and templates in, Markdown out, with a mark around each number that leads to its sources.

A number without a source, typed into a template or computed without a trace, stops the build.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from repro.errors import ReproError
from repro.paper.stat import Spread, Stat
from repro.paper.trace import Count, Number, Source, Text, count, sources

#: Templates that hold formulas or bibliography and print no result: numbers may be typed there.
UNCHECKED = ("formulas.md.jinja", "interval.md.jinja", "bibliography.md.jinja")
#: A number on its own: not one in a name such as F1, ResNet-18 or P@5.
TYPED = re.compile(r"(?<![\w@#&.\-/])\d+(?:[.,]\d+)*(?![\w\-/])")
NUMERIC = re.compile(r"[-−+±]?\d+(?:[.,]\d+)?\s*%?")
#: Distinguishes a mark from a link in a text of the data.
MARK_ATTRIBUTE = 'data-n="'
MARK = re.compile(r'<a class="n" data-n="(\d+)">(.*?)</a>', re.DOTALL)


class Marked(str):
    """Markdown that is not escaped again, with the sources of its numbers."""

    sources: tuple[Source, ...] = ()


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

    def sources_of(self, label: str) -> tuple[Source, ...]:
        """Where the numbers in a table come from."""
        text = self.tables[label].caption + self.tables[label].rows
        return tuple(dict.fromkeys(source for mark in MARK.finditer(text) for source in self.sources[int(mark[1])]))

    @property
    def plain(self) -> str:
        """Without marks, for code-hosting sites."""
        return MARK.sub(r"\2", self.marked)


@dataclass(frozen=True)
class Table:
    """A table as Markdown, with marks."""

    number: int
    caption: str
    rows: str


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
    printer.sources = []
    template = environment.get_template("paper.md.jinja")
    text = template.render(variables, provenance=origins, **labels.functions(printer))
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    return Written(text, printer.sources, dict(_tables(text, labels)), labels.given)


def _tables(text: str, labels: "Labels") -> Iterator[tuple[str, Table]]:
    for (kind, label), number in labels.given.items():
        if kind != "table":
            continue
        table = re.search(rf'<a id="table-{number}"></a>([^\n]*)\n\n((?:\|[^\n]*\n)+)', text)
        if table:
            yield label, Table(number, table[1], table[2])


def escape(text: str) -> Marked:
    """Text from data as Markdown that shows it literally, in a paragraph and in a table cell."""
    flat = re.sub(r"\s+", " ", text)
    flat = re.sub(r"[\\`*_\[\]<|~$&]", r"\\\g<0>", flat)
    flat = flat.replace(MARK_ATTRIBUTE, MARK_ATTRIBUTE.replace('"', '\\"'))
    # Only where they have a meaning: the colon and dot of an address, and what begins a list, heading or quote.
    flat = re.sub(r"(?<=[A-Za-z]):(?=//)|(?<=www)\.|^[-+#>=]", r"\\\g<0>", flat)
    return Marked(re.sub(r"^(\d{1,9})([.)])(?= |$)", r"\1\\\2", flat))


def code(text: str) -> Marked:
    """A name as a code span, or escaped where a code span cannot hold it."""
    plain = re.fullmatch(r"[^\s`|\\]+( [^\s`|\\]+)*", text) and MARK_ATTRIBUTE not in text
    return Marked(f"`{text}`") if plain else escape(text)


def path(file: str) -> Marked:
    """A file name as part of a link."""
    return Marked(quote(file))


def score(value: Stat | Spread | float) -> Marked:
    """A metric with 4 decimals: over several seeds mean and half the range, of a spread both ends."""
    match value:
        case Stat():
            return Marked(
                f"{value.mean:.4f}" + (f" ±\N{NO-BREAK SPACE}{value.half_range:.4f}" if value.count > 1 else "")
            )
        case Spread():
            return _ends(f"{value.low:.4f}", f"{value.high:.4f}")
    return Marked(f"{value:.4f}")


def percent(value: Spread | float) -> Marked:
    """A share in per cent with one decimal, or both ends of a spread."""
    if isinstance(value, Spread):
        return _ends(percent(value.low), percent(value.high))
    return Marked(f"{100 * value:.1f}\N{NO-BREAK SPACE}%")


def share(value: float) -> Marked:
    """A share with 2 decimals."""
    return Marked(f"{value:.2f}")


def plain(value: float) -> Marked:
    """A number of any size with 4 significant digits and a true minus."""
    return Marked(f"{value:.4g}".replace("-", "−"))


def signed(value: float) -> Marked:
    """A difference with 4 decimals and its sign; a true minus, and no sign for zero."""
    text = f"{value:+.4f}".replace("-", "−")
    return Marked(text[1:] if text[1:] == "0.0000" else text)


def points(value: float) -> Marked:
    """A difference in points, 1/100, with one decimal and a true minus; no sign for zero."""
    text = f"{value:.1f}".replace("-", "−")
    return Marked(text[1:] if text == "−0.0" else text)


def tenths(value: float) -> Marked:
    """A number in per cent with one decimal, as others report scores."""
    return Marked(f"{value:.1f}")


def duration(seconds: float) -> Marked:
    """A time in seconds below two minutes, else in minutes."""
    value, unit = (seconds, "second") if seconds < 120 else (seconds / 60, "minute")
    number = f"{value:.0f}"
    return Marked(f"{number}\N{NO-BREAK SPACE}{unit}{'' if number == '1' else 's'}")


def memory(megabytes: float) -> Marked:
    """Memory in GB with one decimal."""
    return Marked(f"{megabytes / 1000:.1f}\N{NO-BREAK SPACE}GB")


def lower_first(text: str) -> str:
    """A phrase as it is written within a sentence."""
    return text[:1].lower() + text[1:]


def literal(text: str) -> Marked:
    """Text whose numbers get no mark: a title, or the alternative text of a figure."""
    return escape(text)


def marked(text: str) -> Marked:
    """The output of a macro, which is Markdown already."""
    return Marked(text)


def words(name: str) -> str:
    """A name of the study file as words."""
    return name.replace("_", " ")


NUMBERS = (score, percent, share, plain, signed, points, tenths, duration, memory)


class Printer:
    """Prints values for one pass over the template, and keeps the sources of each number."""

    def __init__(self) -> None:
        #: By mark.
        self.sources: list[tuple[Source, ...]] = []

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of the template, by name."""
        return {form.__name__: form for form in (code, path, words, literal, lower_first, marked)} | {
            "series": self.series,
            "to": self.to,
            "stated": self.stated,
            "length_of": count,
            **{number.__name__: self._traced(number) for number in NUMBERS},
        }

    def show(self, value: object) -> str:
        """Print a value: numbers with a mark, strings from data escaped.

        Raises ReproError for a number without sources.
        """
        match value:
            case Marked():
                return self._mark(value, value.sources) if value.sources else value
            case Count():
                return self._mark(plain(value) if value < 0 else str(int(value)), value.sources)
            case Number():
                return self._mark(plain(value), value.sources)
            case Text() if NUMERIC.fullmatch(value):
                return self._mark(escape(value), value.sources)
            case bool() | int() | float():
                raise _untraced(value)
            case str() if not isinstance(value, Text) and NUMERIC.fullmatch(value):
                raise _untraced(value)
        return escape(str(value))

    def series(self, items: Iterable[object]) -> Marked:
        """Items as listed in a sentence: `a`, `a and b`, `a, b and c`."""
        shown = [self.show(item) for item in items]
        return Marked(" and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown))

    def to(self, ends: Sequence[object]) -> Marked:
        """The least and the greatest of some numbers, or the one value: `5`, `3 to 5`."""
        return Marked(" to ".join(self.show(end) for end in ends))

    def stated(self, text: str) -> Marked:
        """A sentence of a record with a mark on each number in it."""
        shown, origins = escape(text), sources(text)
        return Marked(TYPED.sub(lambda number: self._mark(number[0], origins), shown) if origins else shown)

    def _traced(self, form: Callable[[Any], Marked]) -> Callable[[Any], Marked]:
        def print_traced(value: Any) -> Marked:
            shown = form(value)
            shown.sources = sources(value)
            if not shown.sources:
                raise _untraced(shown)
            return shown

        return print_traced

    def _mark(self, text: str, origins: tuple[Source, ...]) -> str:
        if not origins:
            raise _untraced(text)
        self.sources.append(origins)
        return f'<a class="n" data-n="{len(self.sources) - 1}">{text}</a>'


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
            "table": lambda label: self._caption("table", label),
            "figure": lambda label: self._caption("figure", label),
            "entry": lambda label: Marked(self._anchor("ref", label)),
            "see": lambda kind, *labels: printer.series(Marked(self._refer(kind, label)) for label in labels),
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

    def _anchor(self, kind: str, label: str) -> str:
        return f'<a id="{kind}-{self._number(kind, label)}"></a>'

    def _known_number(self, kind: str, label: str) -> int:
        if self.known is None:
            return 1
        if (kind, label) not in self.known:
            raise ReproError(f"refers to {kind} {label}, which does not exist", where="templates", hint="fix the label")
        return self.known[kind, label]

    def _refer(self, kind: str, label: str) -> str:
        number = self._known_number(kind, label)
        word = f"{kind.capitalize()}\N{NO-BREAK SPACE}"
        # Headings have no anchor in Markdown, so that they are shown as headings everywhere.
        match kind:
            case "section":
                return f"{word}{number}"
            case "appendix":
                return f"{word}{_letter(number)}"
        return self._link(kind, label, word)

    def _link(self, kind: str, label: str, word: str) -> str:
        number = self._known_number(kind, label)
        return f"[{word}{number}](#{kind}-{number})"


def _letter(number: int) -> str:
    return chr(ord("A") + number - 1)


def _ends(low: str, high: str) -> Marked:
    return Marked(low if low == high else f"{low} to {high}")


def _untraced(value: object) -> ReproError:
    return ReproError(f"prints {value}, which comes from no record", where="templates", hint="print a traced value")
