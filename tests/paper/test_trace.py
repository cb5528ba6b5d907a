from statistics import fmean

import example_report
import pytest

from repro.errors import ReproError
from repro.paper.stat import Spread, stat
from repro.paper.trace import Count, Number, Source, count, resolve, sources, trace, traced
from repro.records.results import Results


def results() -> Results:
    content = example_report.results("s", "S", ("grid", "tile"), ("bent",), (0,), "procedural", False, "random")
    return Results.model_validate(content)


def place(*parts: str) -> Source:
    return Source("results.json", parts)


def test_numbers_texts_and_lists_hold_their_place_and_stay_equal() -> None:
    plain, copy = results(), trace(results(), "results.json")
    assert copy.model_dump(mode="json") == plain.model_dump(mode="json")
    cell = copy.cells["patchcore/tile/seed0"]
    assert sources(cell.metrics.aupro) == (place("cells", "patchcore/tile/seed0", "metrics", "aupro"),)
    assert sources(copy.study.categories[1]) == (place("study", "categories", "1"),)
    assert sources(count(copy.study.categories)) == (place("study", "categories"),)
    assert cell.thresholds.image.__class__ is Number
    assert copy.study.image_size.__class__ is Count


def test_arithmetic_keeps_the_sources_of_all_operands() -> None:
    first, second = traced(3, place("a")), traced(0.5, place("b"))
    both = {place("a"), place("b")}
    for value, expected in ((first + second, 3.5), (first - second, 2.5), (first * second, 1.5), (first / second, 6.0)):
        assert value == expected
        assert set(sources(value)) == both
    assert set(sources(sum([first, second]))) == both
    assert sources(round(1 / abs(-first), 2)) == (place("a"),)


def test_statistics_are_traced_to_all_values_and_equal_to_plain_ones() -> None:
    values = [traced(0.5, place("a")), traced(0.9, place("b"))]
    assert stat(values).mean == fmean([0.5, 0.9])
    assert sources(stat(values)) == sources(Spread.of(values)) == (place("a"), place("b"))


@pytest.mark.parametrize("path", ["study.categories.1", "cells.patchcore/tile/seed0.metrics.aupro", "data"])
def test_an_existing_path_resolves(path: str) -> None:
    assert resolve(results(), path, "results.json").path == path


def test_a_key_with_dots_resolves() -> None:
    assert resolve({"a.b": {"c": 1}}, "a.b.c", "f").parts == ("a.b", "c")


@pytest.mark.parametrize("path", ["study.categories.2", "cells.patchcore/tile/seed9", "nothing"])
def test_an_unknown_path_is_an_error(path: str) -> None:
    with pytest.raises(ReproError, match="there is no"):
        resolve(results(), path, "results.json")
