"""How values are printed."""

import pytest

from repro.paper import forms
from repro.paper.stat import Spread, Stat


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("plain", "plain"),
        ("0.9833", "0.9833"),
        ("- item", "\\- item"),
        ("12. item", "12\\. item"),
        ("a\n\nb", "a b"),
        ("http://x", "http\\://x"),
        ("&amp;", "\\&amp;"),
    ],
)
def test_escape_leaves_text_without_meaning_unchanged(text: str, marked: str) -> None:
    assert forms.escape(text) == marked


def test_numbers_are_formatted() -> None:
    assert forms.score(Stat(0.98331, 0.98331, 0.98331, 1)) == "0.9833"
    assert forms.score(Stat(0.5, 0.4, 0.6, 2)) == "0.5000 (0.4000 to\N{NO-BREAK SPACE}0.6000)"
    assert forms.score(Spread(0.1, 0.10001)) == "0.1000"
    assert forms.percent(Spread(0.5, 1.0)) == "50.0\N{NO-BREAK SPACE}% to 100.0\N{NO-BREAK SPACE}%"
    assert forms.signed(-0.00001) == "0.0000"
    assert forms.signed(-0.5) == "−0.5000"
    assert forms.duration(59.6) == "60\N{NO-BREAK SPACE}seconds"
    assert forms.duration(600) == "10\N{NO-BREAK SPACE}minutes"
    assert forms.memory(1611) == "1.6\N{NO-BREAK SPACE}GB"
    assert forms.series(["a", "b", "c"]).plain == "a, b and c"
