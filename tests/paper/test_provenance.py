import example_report
import pytest

from repro.paper.provenance import describe, patterns, stages
from repro.paper.trace import Source
from repro.records.results import Results

CELL = ("cells", "patchcore/grid/seed0")


def results() -> Results:
    content = example_report.results("s", "S", ("grid", "tile"), ("bent",), (0,), "procedural", False, "random")
    return Results.model_validate(content)


def at(*parts: str, file: str = "results.json") -> Source:
    return Source(file, parts)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ([at("study", "image_size")], ["results.json: study.image_size"]),
        ([at("a", "x"), at("a", "y")], ["results.json: a.{x,y}"]),
        ([at("a", str(number)) for number in range(4)], ["results.json: a.*"]),
        ([at("cells", "m/grid/seed0"), at("cells", "m/tile/seed0")], ["results.json: cells.m/{grid,tile}/seed0"]),
        ([at("a"), at("a", file="guards.json")], ["results.json: a", "guards.json: a"]),
        ([at(file="Snakefile")], ["Snakefile: all of it"]),
    ],
)
def test_paths_are_merged(sources: list[Source], expected: list[str]) -> None:
    assert patterns(sources) == expected


def test_a_number_of_one_cell_names_seed_and_the_categorys_data() -> None:
    title = describe([at(*CELL, "metrics", "aupro")], results())
    assert title.splitlines() == [
        "results.json: cells.patchcore/grid/seed0.metrics.aupro",
        "cell patchcore/grid/seed0; seed 0; data 000000000000",
        "made by repro score --study s --cell patchcore/grid/seed0, repro results --study s",
    ]


def test_a_number_of_several_categories_names_all_the_data() -> None:
    title = describe([at("cells", f"patchcore/{name}/seed0", "steps") for name in ("grid", "tile")], results())
    assert title.splitlines()[1] == "2 cells; seed 0; data d4d4d4d4d4d4"


def test_stages_that_make_a_number_again() -> None:
    assert stages([at(*CELL, "metrics", "aupro")], "s", results()) == [
        "repro score --study s --cell patchcore/grid/seed0",
        "repro results --study s",
    ]
    assert stages([at("verdicts", file="verdicts.json")], "s", results()) == ["repro verdicts --study s"]
    assert stages([at("cells", file="../ablation/results.json")], "s", results()) == ["repro results --study ablation"]
