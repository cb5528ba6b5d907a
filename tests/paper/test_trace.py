from statistics import fmean

import example_report
import pytest

from repro.errors import ReproError
from repro.paper.stat import Spread, stat
from repro.paper.trace import Count, Number, Source, count, follow, resolve, sources, traced
from repro.records.results import Results


def results() -> Results:
    content = example_report.results("s", "S", ("grid", "tile"), ("bent",), (0,), "procedural", False, "random")
    return Results.model_validate(content)


def place(*parts: str) -> Source:
    return Source("results.json", parts)


def test_numbers_texts_and_lists_know_their_place_and_stay_equal() -> None:
    plain, followed = results(), follow(results(), "results.json")
    assert followed.model_dump(mode="json") == plain.model_dump(mode="json")
    cell = followed.cells["patchcore/tile/seed0"]
    assert sources(cell.metrics.aupro) == (place("cells", "patchcore/tile/seed0", "metrics", "aupro"),)
    assert sources(followed.study.categories[1]) == (place("study", "categories", "1"),)
    assert sources(count(followed.study.categories)) == (place("study", "categories"),)
    assert cell.thresholds.image.__class__ is Number
    assert followed.study.image_size.__class__ is Count


def test_arithmetic_keeps_the_sources_of_all_operands() -> None:
    one, other = traced(3, place("a")), traced(0.5, place("b"))
    both = {place("a"), place("b")}
    for value, expected in ((one + other, 3.5), (one - other, 2.5), (one * other, 1.5), (one / other, 6.0)):
        assert value == expected
        assert set(sources(value)) == both
    assert set(sources(sum([one, other]))) == both
    assert sources(round(1 / abs(-one), 2)) == (place("a"),)


def test_statistics_are_traced_to_all_values_and_equal_to_plain_ones() -> None:
    values = [traced(0.5, place("a")), traced(0.9, place("b"))]
    assert stat(values).mean == fmean([0.5, 0.9])
    assert sources(stat(values)) == sources(Spread.of(values)) == (place("a"), place("b"))


@pytest.mark.parametrize("path", ["study.categories.1", "cells.patchcore/tile/seed0.metrics.aupro", "data"])
def test_a_path_that_is_there_resolves(path: str) -> None:
    assert resolve(results(), path, "results.json").path == path


def test_a_key_with_dots_resolves() -> None:
    assert resolve({"a.b": {"c": 1}}, "a.b.c", "f").parts == ("a.b", "c")


@pytest.mark.parametrize("path", ["study.categories.2", "cells.patchcore/tile/seed9", "nothing"])
def test_a_path_that_is_not_there_is_an_error(path: str) -> None:
    with pytest.raises(ReproError, match="there is no"):
        resolve(results(), path, "results.json")
