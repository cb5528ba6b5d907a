"""Trace: records in, the same records out, whose numbers, texts and lists hold the place where they were read.

Arithmetic keeps the sources of its operands, so that everything the paper prints can name what it was computed from.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from repro.errors import ReproError

Value = TypeVar("Value")
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
        """The parts in one string: `cells.patchcore/grid/seed0.metrics.aupro`."""
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


#: Plain types, and the types that hold their sources.
KINDS: tuple[tuple[type, type], ...] = (
    (int, Count),
    (float, Number),
    (str, Text),
    (tuple, Rows),
    (list, Rows),
    (dict, Table),
)
#: The kind of each plain type, and of each kind itself.
KIND_OF: dict[type, type] = {type_: kind for plain, kind in KINDS for type_ in (plain, kind)}


def traced(value: Any, *origins: Any) -> Any:
    """The value with the sources of all `origins`: traced values, Sources, or iterables of either."""
    if value is None or isinstance(value, bool):
        return value
    copy = next(kind for plain, kind in KINDS if isinstance(value, plain))(value)
    copy.sources = tuple(dict.fromkeys(_sources(origins)))
    return copy


def sources(value: Any) -> tuple[Source, ...]:
    """Where a value was read; empty where it is not traced."""
    return getattr(value, "sources", ())


def count(items: Any, *origins: Any) -> Any:
    """The number of `items`, traced to `origins`, or without any to the items."""
    return traced(len(items), *(origins or (items,)))


def trace(value: Value, file: str, *parts: str) -> Value:
    """A copy of a record, or of part of one, in which each number, text and list holds its place in `file`."""
    copy: Any = value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, BaseModel):
        # A copy is not validated, which would turn traced numbers back into plain ones.
        fields = type(value).model_fields
        return value.model_copy(update={name: trace(getattr(value, name), file, *parts, name) for name in fields})
    if isinstance(value, dict):
        copy = {key: trace(item, file, *parts, str(key)) for key, item in value.items()}
    elif isinstance(value, (tuple, list)):
        copy = [trace(item, file, *parts, str(index)) for index, item in enumerate(value)]
    # Without `traced`, which is slower: a large study holds some hundred thousand values.
    copy = KIND_OF[type(copy)](copy)
    copy.sources = (Source(file, parts),)
    return copy


def resolve(content: Any, path: str, file: str) -> Source:
    """The place that a path such as `cells.patchcore/grid/seed0.metrics` names in a record; keys may hold dots.

    Raises ReproError where there is no such place.
    """
    parts: list[str] = []
    rest, value = path, content
    while rest:
        # The longest key first.
        prefixes = [rest, *(rest[:cut] for cut in range(len(rest) - 1, 0, -1) if rest[cut] == ".")]
        name = next((prefix for prefix in prefixes if _has(value, prefix)), None)
        if name is None:
            raise ReproError(f"there is no `{path}`", where=file, hint="run `nox -s reproduce` to make it again")
        value = _get(value, name)
        parts.append(name)
        rest = rest[len(name) + 1 :]
    return Source(file, tuple(parts))


def _has(value: Any, name: str) -> bool:
    match value:
        case BaseModel():
            return name in type(value).model_fields
        case dict():
            return name in value
        case tuple() | list():
            return name.isdigit() and int(name) < len(value)
    return False


def _get(value: Any, name: str) -> Any:
    if isinstance(value, BaseModel):
        return getattr(value, name)
    return value[name] if isinstance(value, dict) else value[int(name)]


def _sources(origins: Iterable[Any]) -> Iterable[Source]:
    for origin in origins:
        if isinstance(origin, Source):
            yield origin
        elif places := sources(origin):
            yield from places
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
