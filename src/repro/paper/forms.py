"""Forms: values in, how the paper prints them out, as Markdown and as plain text for CSV."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from repro.errors import ReproError
from repro.paper.stat import Spread, Stat
from repro.paper.trace import Count, Number, Source, Text, sources

NUMERIC = re.compile(r"[-−+±]?\d+(?:[.,]\d+)?\s*%?")
#: A number on its own: not one in a name such as F1, ResNet-18 or P@5.
TYPED = re.compile(r"(?<![\w@#&.\-/])\d+(?:[.,]\d+)*(?![\w\-/])")
#: Distinguishes a mark from a link in a text of the data.
MARK_ATTRIBUTE = 'data-n="'


class Marked(str):
    """Markdown that is not escaped again, with the sources of its numbers."""

    sources: tuple[Source, ...] = ()
    #: The same as plain text, where that differs.
    text: str | None = None

    @property
    def plain(self) -> str:
        """As plain text."""
        return (str(self) if self.text is None else self.text).replace("\N{NO-BREAK SPACE}", " ")


@dataclass(frozen=True)
class Joined:
    """Several values printed one after the other."""

    parts: tuple["Marked | Joined", ...]

    @property
    def plain(self) -> str:
        """As plain text."""
        return "".join(part.plain for part in self.parts)


class Right(str):
    """The name of a right-aligned column."""


def marked(markdown: str, text: str | None = None, origins: tuple[Source, ...] = ()) -> Marked:
    """Markdown with its plain text."""
    shown = Marked(markdown)
    shown.text, shown.sources = text, origins
    return shown


def join(*parts: object) -> Joined:
    """Values one after the other; a list among them stands for its items."""
    return Joined(tuple(form(part) for part in flat(parts)))


def series(items: Iterable[object]) -> Joined:
    """Items as listed in a sentence: `a`, `a and b`, `a, b and c`."""
    *head, last = [*items] or [""]
    return join(listed(head), " and " if head else "", last)


def listed(items: Iterable[object], separator: str = ", ") -> Joined:
    """Items, each a value or the parts of one, with a separator between them."""
    return join([part for item in items for part in (item, separator)][:-1])


def to(ends: Sequence[object]) -> Joined:
    """The least and the greatest of some numbers, or the one value: `5`, `3 to 5`."""
    return listed(ends, " to ")


def stated(text: str) -> Joined:
    """A sentence of a record, with its sources at each number in it."""
    shown, origins = escape(text), sources(text)
    if not origins:
        return Joined((shown,))
    parts = re.split(f"({TYPED.pattern})", shown)
    return Joined(
        tuple(
            marked(part, re.sub(r"\\([^\w\s])", r"\1", part), origins if index % 2 else ())
            for index, part in enumerate(parts)
        )
    )


def range_of(low: object, high: object) -> Joined:
    """An interval in brackets."""
    return join(marked("\\[", "["), low, ",\N{NO-BREAK SPACE}", high, marked("\\]", "]"))


def bold(value: object) -> Joined:
    """A value in bold."""
    return join(marked("**", ""), value, marked("**", ""))


def italic(value: object) -> Joined:
    """A value in italics."""
    return join(marked("*", ""), value, marked("*", ""))


def form(value: object) -> Marked | Joined:
    """How a value is printed without a format: numbers as they are, text escaped.

    Raises ReproError for a number without sources.
    """
    match value:
        case Marked() | Joined():
            return value
        case Count():
            return marked(plain(value) if value < 0 else str(int(value)), None, _required(value))
        case Number():
            return marked(plain(value), None, _required(value))
        case Text() if NUMERIC.fullmatch(value):
            return marked(escape(value), value, _required(value))
        case bool() | int() | float():
            raise untraced(value)
        case str() if not isinstance(value, Text) and NUMERIC.fullmatch(value):
            raise untraced(value)
    return escape(str(value))


def flat(items: Iterable[object]) -> Iterator[object]:
    """The items of nested lists."""
    for item in items:
        if isinstance(item, Iterable) and not isinstance(item, str):
            yield from flat(item)
        else:
            yield item


def escape(text: str) -> Marked:
    """Text from data as Markdown that shows it literally, in a paragraph and in a table cell."""
    one_line = re.sub(r"\s+", " ", text)
    shown = re.sub(r"[\\`*_\[\]<|~$&]", r"\\\g<0>", one_line)
    shown = shown.replace(MARK_ATTRIBUTE, MARK_ATTRIBUTE.replace('"', '\\"'))
    # Only where they have a meaning: the colon and dot of an address, and what begins a list, heading or quote.
    shown = re.sub(r"(?<=[A-Za-z]):(?=//)|(?<=www)\.|^[-+#>=]", r"\\\g<0>", shown)
    return marked(re.sub(r"^(\d{1,9})([.)])(?= |$)", r"\1\\\2", shown), one_line)


def code(text: str) -> Marked:
    """A name as a code span, or escaped where a code span cannot hold it."""
    plain = re.fullmatch(r"[^\s`|\\]+( [^\s`|\\]+)*", text) and MARK_ATTRIBUTE not in text
    return marked(f"`{text}`", text) if plain else escape(text)


def path(file: str) -> Marked:
    """A file name as part of a link."""
    return Marked(quote(file))


def score(value: Stat | Spread | float) -> Marked:
    """A metric with 4 decimals: over several seeds their mean, the least and the greatest, of a spread both ends."""
    match value:
        case Stat():
            ends = f" ({value.low:.4f} to\N{NO-BREAK SPACE}{value.high:.4f})" if value.count > 1 else ""
            return Marked(f"{value.mean:.4f}{ends}")
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


def decimals(value: float) -> Marked:
    """A difference with 2 decimals and its sign; a true minus, and no sign for zero."""
    text = f"{value:+.2f}".replace("-", "−")
    return Marked(text[1:] if text[1:] == "0.00" else text)


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


def words(name: str) -> str:
    """A name of the study file as words."""
    return name.replace("_", " ")


def right(*names: object) -> list[Right]:
    """Names of right-aligned columns."""
    return [Right(name) for name in flat(names)]


#: Formats of numbers.
NUMBERS = (score, percent, share, plain, signed, decimals, points, tenths, duration, memory)
#: Formats of text.
TEXTS = (code, path, words, literal, lower_first, marked, stated)
#: Formats of several values.
LISTS = (series, listed, to)


def untraced(value: object) -> ReproError:
    """The error for a number without sources."""
    return ReproError(f"prints {value}, which comes from no record", where="templates", hint="print a traced value")


def _ends(low: str, high: str) -> Marked:
    return Marked(low if low == high else f"{low} to {high}")


def _required(value: Count | Number | Text) -> tuple[Source, ...]:
    if not value.sources:
        raise untraced(value)
    return value.sources
