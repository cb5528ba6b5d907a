"""Bad input drawn by Hypothesis, and what is asked of whatever meets it: a right result or one clear line."""

import copy
import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

from hypothesis import strategies as st

from repro.errors import ReproError

Result = TypeVar("Result")

#: How often each kind of input was accepted or refused in this session.
TRIED: Counter[tuple[str, str]] = Counter()

#: What one of the languages between a name and the paper would read as its own.
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
#: Names that are plain to a reader and hard on programs.
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

#: What no reader expects where it stands.
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
    """Count what becomes of an input; None where it was refused. Any error but one of one line is a fault."""
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
    made = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, most))):
        made = _altered_once(draw, made)
    return made


def _altered_once(draw: st.DrawFn, here: Any) -> Any:
    if isinstance(here, (dict, list)) and here and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(list(here)) if isinstance(here, dict) else st.integers(0, len(here) - 1))
        if isinstance(here[key], (dict, list)) and draw(st.integers(0, 9)):
            here[key] = _altered_once(draw, here[key])
        elif draw(st.booleans()):
            del here[key]
        else:
            here[key] = copy.deepcopy(draw(_like(here[key]) | junk))
        return here
    if isinstance(here, dict):
        here[draw(names)] = copy.deepcopy(draw(junk))
        return here
    if isinstance(here, list):
        return [*here, copy.deepcopy(here[0] if here else draw(junk))]
    return copy.deepcopy(draw(junk))


def _like(value: Any) -> st.SearchStrategy[Any]:
    """Other values of the same kind: what a schema alone lets pass."""
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
    """A TOML file; of what is no table, the value alone."""
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
            return f"[{', '.join(_toml(one) for one in value if one is not None)}]"
        case dict():
            pairs = (f"{_toml(key)} = {_toml(one)}" for key, one in value.items() if one is not None)
            return f"{{ {', '.join(pairs)} }}"
    return str(value)
