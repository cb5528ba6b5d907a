"""Invalid input drawn by Hypothesis. Code must accept it correctly or refuse it with an error of one line."""

import copy
import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

from hypothesis import strategies as st

from repro.errors import ReproError

Result = TypeVar("Result")

#: How often each kind of input was accepted or refused.
TRIED: Counter[tuple[str, str]] = Counter()

#: Markup in one of the languages that the paper passes through.
MARKUP = (
    "*b* _i_ `c` ~~s~~",
    "<b>x</b>",
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    '" onmouseover="alert(1)',
    "[a](javascript:alert(1))",
    "![i](http://example.com/i.png)",
    "www.example.com",
    "a | b |",
    "</script><script>alert(1)//",
    "<!--images--> <!--style-->",
    '<a class="n" data-n="999999">x</a>',
    'src="figures/none.svg"',
    '#panic("typst")',
    ']#panic("typst")[',
    '")#panic("typst")//',
    '$#panic("typst")$',
    "@ref <label> = title",
    "{{ panic() }}",
    "{% panic %}",
    "{# lost #}",
    "&lt;i&gt; &amp;",
    "\\",
    "# heading",
    "- item",
    "> quote",
    "[^1]: note",
    "<mark",
    "$x^2$ \\frac",
)
#: Names that are harmless to people and difficult for programs.
ODD = (
    "a b",
    "Ünïcode",
    "木材",
    "مرحبا",
    "🧵🪡",
    "e\u0301",
    "x" * 120,
    "..",
    ".",
    "con",
    "%s %d %n",
    "-rf",
    "--help",
    "~",
    "*",
    "?",
    ":",
)
names = st.sampled_from(MARKUP + ODD) | st.text(min_size=1, max_size=20)

#: Values of an unexpected type or size.
junk = (
    st.sampled_from([None, True, False, -1, 0, 10**30, 10**400, -0.0, 1e308, float("nan"), float("inf"), "", [], {}])
    | st.sampled_from(
        [[[]], [None], {"": None}, {"a": {"a": {}}}, "0", "2026-11-24", "../x", "/etc/passwd", "a\x00b", "a\nb"]
    )
    | names
    | st.integers()
    | st.floats()
)


def attempt(kind: str, call: Callable[[], Result]) -> Result | None:
    """Call and count the outcome; None if the input was refused. Other errors than a ReproError of one line fail."""
    try:
        result = call()
    except ReproError as error:
        assert len(str(error).splitlines()) == 1
        TRIED[kind, "refused"] += 1
        return None
    TRIED[kind, "accepted"] += 1
    return result


@st.composite
def altered(draw: st.DrawFn, content: Any, most: int = 3) -> Any:
    """A copy of nested dictionaries and lists with up to `most` things removed, replaced or added."""
    result = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, most))):
        result = _altered_once(draw, result)
    return result


def _altered_once(draw: st.DrawFn, node: Any) -> Any:
    if isinstance(node, (dict, list)) and node and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(list(node)) if isinstance(node, dict) else st.integers(0, len(node) - 1))
        if isinstance(node[key], (dict, list)) and draw(st.integers(0, 9)):
            node[key] = _altered_once(draw, node[key])
        elif draw(st.booleans()):
            del node[key]
        else:
            node[key] = copy.deepcopy(draw(_like(node[key]) | junk))
        return node
    if isinstance(node, dict):
        node[draw(names)] = copy.deepcopy(draw(junk))
        return node
    if isinstance(node, list):
        return [*node, copy.deepcopy(node[0] if node else draw(junk))]
    return copy.deepcopy(draw(junk))


def _like(value: Any) -> st.SearchStrategy[Any]:
    """Other values of the same type, which a schema alone accepts."""
    match value:
        case bool():
            return st.just(not value)
        case int():
            return st.integers(0, 2000)
        case float():
            return st.floats(0, 1)
        case str():
            return names
        case list():
            return st.just(value[:1]) | st.just(value[::-1])
    return st.just(value)


def to_toml(content: Any) -> str:
    """Format a table as a TOML file, any other value as it is written in one."""
    if not isinstance(content, dict):
        return _toml(content)
    return "".join(f"{_toml(key)} = {_toml(value)}\n" for key, value in content.items() if value is not None)


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return hex(value) if value > 10**100 else str(value)
        case float() | date():
            return str(value)
        case str():
            return json.dumps(value, ensure_ascii=True).replace("\\ud", "\\\\ud")
        case list():
            return f"[{', '.join(_toml(item) for item in value if item is not None)}]"
        case dict():
            pairs = (f"{_toml(key)} = {_toml(item)}" for key, item in value.items() if item is not None)
            return f"{{ {', '.join(pairs)} }}"
    return str(value)
