from pathlib import Path
from typing import Any

import example_report
import pytest

from repro.paper.references import Reference, compare, comparisons, references
from repro.records.results import Results

THEIRS = Reference(
    key="other",
    model="patchcore",
    source="someone",
    configuration="the same",
    settings={"backbone": "resnet18", "pretrained": False},
    image_size=256,
    steps=0,
    aupro="its own",
    grid={"image_auroc": 91.0, "aupro": 80.0},
)


@pytest.fixture
def official(tmp_path: Path) -> Results:
    folder = example_report.build(tmp_path, official=True, source="folder")
    return Results.model_validate_json((folder.report / "results.json").read_text(encoding="utf-8"))


def test_raw_scores_are_compared(official: Results) -> None:
    comparison = compare(official, THEIRS, "patchcore")
    assert comparison.refusals == ()
    ours = 100 * official.cells["patchcore/grid/seed0"].raw.image_auroc
    # AU-PRO of another evaluator is another metric.
    assert comparison.pairs == (("grid", "image_auroc", 91.0, pytest.approx(ours)),)


def test_the_same_evaluator_gives_the_same_metric(official: Results) -> None:
    theirs = THEIRS.model_copy(update={"aupro": "MVTec AD’s evaluator"})
    assert [pair[1] for pair in compare(official, theirs, "patchcore").pairs] == ["image_auroc", "aupro"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"settings": {"backbone": "wide_resnet50_2"}}, "backbone resnet18 instead of wide_resnet50_2"),
        ({"settings": {"pretrained": True}}, "pretrained off instead of on"),
        ({"settings": {"teacher": "official"}}, "teacher none instead of official"),
        ({"image_size": 320}, "image size 256 instead of 320"),
        ({"steps": 70000}, "0 steps instead of 70000"),
        ({"grid": {}}, "no category in common"),
    ],
)
def test_a_difference_is_named_and_prevents_the_comparison(
    official: Results, change: dict[str, Any], reason: str
) -> None:
    comparison = compare(official, THEIRS.model_copy(update=change), "patchcore")
    assert (comparison.pairs, comparison.refusals) == ((), (reason,))


def test_other_data_prevent_every_comparison(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    results = Results.model_validate_json((folder.report / "results.json").read_text(encoding="utf-8"))
    compared = comparisons(results)
    assert compared
    assert not any(comparison.same_data or comparison.pairs for comparison in compared)


def test_every_reference_names_its_source_and_plausible_scores() -> None:
    for reference in references().reference:
        assert reference.source and reference.configuration and reference.mean
        tables = (reference.grid, reference.tile, reference.leather, reference.mean)
        assert all(50 < value <= 100 for scores in tables for value in scores.values())
        assert reference.aupro or "aupro" not in {*reference.grid, *reference.mean}
