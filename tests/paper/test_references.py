from pathlib import Path
from typing import Any

import example_report
import pytest

from repro.paper.references import Reference, compare, comparisons, references
from repro.records.results import Results

OTHERS = Reference(
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


def test_like_is_set_beside_like_on_raw_scores(official: Results) -> None:
    found = compare(official, OTHERS, "patchcore")
    assert found.refusals == ()
    ours = 100 * official.cells["patchcore/grid/seed0"].raw.image_auroc
    # AU-PRO of another evaluator is another metric.
    assert found.pairs == (("grid", "image_auroc", 91.0, pytest.approx(ours)),)


def test_the_same_evaluator_gives_the_same_metric(official: Results) -> None:
    theirs = OTHERS.model_copy(update={"aupro": "MVTec AD’s evaluator"})
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
def test_a_difference_refuses_and_says_which(official: Results, change: dict[str, Any], reason: str) -> None:
    found = compare(official, OTHERS.model_copy(update=change), "patchcore")
    assert (found.pairs, found.refusals) == ((), (reason,))


def test_other_data_refuses_every_comparison(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    results = Results.model_validate_json((folder.report / "results.json").read_text(encoding="utf-8"))
    found = comparisons(results)
    assert found
    assert not any(one.same_data or one.pairs for one in found)


def test_every_reference_names_its_source_and_plausible_scores() -> None:
    for one in references():
        assert one.source and one.configuration and one.mean
        assert all(
            50 < value <= 100 for scores in (one.grid, one.tile, one.leather, one.mean) for value in scores.values()
        )
        assert one.aupro or "aupro" not in {*one.grid, *one.mean}
