"""Trace: records in, the same records out, whose numbers, texts and lists remember where they were read.

Arithmetic keeps the sources of its operands, so that whatever the paper prints can say what it was made from.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from repro.errors import ReproError

Followed = TypeVar("Followed")
Operator = Callable[..., Any]
OPERATORS = ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "round", "abs", "neg")


@dataclass(frozen=True, order=True)
class Source:
    """A place in a file of the report."""

    #: Relative to the report folder, for example `results.json`.
    file: str
    #: Keys and indices from the top, for example `("cells", "patchcore/grid/seed0", "metrics", "aupro")`.
    parts: tuple[str, ...]

    @property
    def path(self) -> str:
        """As it is written: `cells.patchcore/grid/seed0.metrics.aupro`."""
        return ".".join(self.parts)


class Count(int):
    sources: tuple[Source, ...] = ()


class Number(float):
    sources: tuple[Source, ...] = ()


class Text(str):
    sources: tuple[Source, ...] = ()


class Rows(tuple[Any, ...]):
    sources: tuple[Source, ...] = ()


class Table(dict[str, Any]):
    sources: tuple[Source, ...] = ()


KINDS: tuple[tuple[type, type], ...] = (
    (int, Count),
    (float, Number),
    (str, Text),
    (tuple, Rows),
    (list, Rows),
    (dict, Table),
)
#: The kind of each plain type, and of each kind itself.
OF: dict[type, type] = {one: kind for plain, kind in KINDS for one in (plain, kind)}


def traced(value: Any, *origins: Any) -> Any:
    """The value with the sources of all `origins`: traced values, Sources, or iterables of either."""
    if value is None or isinstance(value, bool):
        return value
    made = next(kind for plain, kind in KINDS if isinstance(value, plain))(value)
    made.sources = tuple(dict.fromkeys(_sources(origins)))
    return made


def sources(value: Any) -> tuple[Source, ...]:
    """Where a value comes from; empty where it carries no trace."""
    return getattr(value, "sources", ())


def count(items: Any, *origins: Any) -> Any:
    """How many `items` there are, from where they, or else the `origins`, come."""
    return traced(len(items), *(origins or (items,)))


def follow(value: Followed, file: str, *parts: str) -> Followed:
    """A copy of a record, or of part of one, in which each number, text and list knows its place in `file`."""
    made: Any
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, BaseModel):
        # A copy is not validated, which would turn traced numbers back into plain ones.
        fields = type(value).model_fields
        return value.model_copy(update={name: follow(getattr(value, name), file, *parts, name) for name in fields})
    made = value
    if isinstance(value, dict):
        made = {key: follow(item, file, *parts, str(key)) for key, item in value.items()}
    elif isinstance(value, (tuple, list)):
        made = [follow(item, file, *parts, str(index)) for index, item in enumerate(value)]
    # Directly: a large study holds some hundred thousand.
    known = OF[type(made)](made)
    known.sources = (Source(file, parts),)
    return known


def resolve(content: Any, path: str, file: str) -> Source:
    """The place that a written path names in a record; ReproError where there is none. Keys may hold dots."""
    found: list[str] = []
    rest, here = path, content
    while rest:
        names = [rest, *(rest[:cut] for cut in range(len(rest) - 1, 0, -1) if rest[cut] == ".")]
        name = next((one for one in names if _has(here, one)), None)
        if name is None:
            raise ReproError(f"there is no `{path}`", where=file, hint="run `nox -s reproduce` to make it again")
        here = _step(here, name)
        found.append(name)
        rest = rest[len(name) + 1 :]
    return Source(file, tuple(found))


def _has(here: Any, name: str) -> bool:
    match here:
        case BaseModel():
            return name in type(here).model_fields
        case dict():
            return name in here
        case tuple() | list():
            return name.isdigit() and int(name) < len(here)
    return False


def _step(here: Any, name: str) -> Any:
    if isinstance(here, BaseModel):
        return getattr(here, name)
    return here[name] if isinstance(here, dict) else here[int(name)]


def _sources(origins: Iterable[Any]) -> Iterable[Source]:
    for origin in origins:
        if isinstance(origin, Source):
            yield origin
        elif found := sources(origin):
            yield from found
        elif isinstance(origin, BaseModel):
            yield from _sources(getattr(origin, name) for name in type(origin).model_fields)
        elif isinstance(origin, Iterable) and not isinstance(origin, str):
            yield from _sources(origin)


def _keeping_sources(kind: type, name: str) -> Operator:
    plain: Operator = getattr(kind, name)

    def operate(self: Any, *others: Any) -> Any:
        result = plain(self, *others)
        return result if result is NotImplemented else traced(result, self, *others)

    return operate


for _kind in (Count, Number):
    for _name in OPERATORS:
        setattr(_kind, f"__{_name}__", _keeping_sources(_kind.__mro__[1], f"__{_name}__"))
