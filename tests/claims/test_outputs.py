"""The study's own outputs decide whether its tables follow from them, and say what other images might give."""

from collections.abc import Callable
from typing import Any

import pytest

from repro.claims.outputs import largest_shift
from repro.records.results import Results
from repro.records.verdicts import Verdict
from repro.runs import PROJECT_ROOT, read_record
from repro.stages.verdicts import judge

Judged = Callable[..., dict[str, Verdict]]


@pytest.fixture(scope="module")
def outputs() -> Results:
    """The committed results of the published outputs."""
    return read_record(PROJECT_ROOT / "report" / "published" / "results.json", Results, hint="")


@pytest.fixture(scope="module")
def embedded() -> Results:
    return read_record(PROJECT_ROOT / "report" / "embedded" / "results.json", Results, hint="")


@pytest.fixture
def judged(embedded: Results) -> Judged:
    return lambda outputs: {verdict.claim: verdict for verdict in judge(embedded, published=outputs)}


def changed(outputs: Results, key: str, **update: Any) -> Results:
    cell = outputs.cells[key]
    content = cell.model_dump()
    for name, values in update.items():
        content[name] = content[name] | values
    return outputs.model_copy(update={"cells": outputs.cells | {key: type(cell).model_validate(content)}})


def test_every_score_and_sentence_about_scores_gets_a_verdict(outputs: Results, judged: Judged) -> None:
    rules = {"value": 24, "order": 9, "lowest": 1, "smaller_defects": 1}
    verdicts = [verdict for verdict in judged(outputs).values() if verdict.rule_name in rules]
    assert len(verdicts) == sum(rules.values())
    assert {verdict.kind for verdict in verdicts} == {"published outputs"}
    assert sum(verdict.verdict == "not tested" for verdict in judged(outputs).values()) <= 5


def test_a_training_on_stand_ins_judges_no_score(outputs: Results, judged: Judged) -> None:
    verdict = judged(outputs)["efficientad-grid-image-auroc"]
    assert verdict.retraining is not None
    assert (verdict.retraining.verdict, verdict.retraining.reason) == ("not tested", "stand-in data")


@pytest.mark.parametrize("model", ["efficientad", "patchcore"])
@pytest.mark.parametrize("category", ["grid", "tile", "leather"])
def test_pixel_f1_follows_from_the_published_masks_to_the_last_decimal(
    outputs: Results, judged: Judged, model: str, category: str
) -> None:
    verdict = judged(outputs)[f"{model}-{category}-pixel-f1"]
    assert verdict.verdict == "reproduced"
    assert f"{verdict.value:.4f}" == verdict.published


def test_a_published_value_outside_the_bounds_does_not_follow(outputs: Results, judged: Judged) -> None:
    other = changed(outputs, "efficientad/grid/seed0", ties={"image_auroc": {"low": 0.97, "high": 0.975}})
    assert judged(other)["efficientad-grid-image-auroc"].verdict == "not reproduced"
    masks = changed(outputs, "efficientad/tile/seed0", recovery={"mask_f1": 0.5851})
    assert judged(masks)["efficientad-tile-pixel-f1"].verdict == "not reproduced"


def test_patchcores_image_scores_are_not_in_its_maps(outputs: Results, embedded: Results, judged: Judged) -> None:
    verdict = judged(outputs)["patchcore-tile-image-auroc"]
    assert verdict.verdict == "inconclusive"
    shift = largest_shift([embedded], "image_auroc")
    assert shift is not None
    assert f"differ by up to {shift:.4f}" in str(verdict.reason)


def test_the_shift_is_that_of_the_published_configuration(embedded: Results) -> None:
    cells = {
        key: abs(cell.raw.image_auroc - cell.maximum.image_auroc)
        for key, cell in embedded.cells.items()
        if cell.maximum is not None
    }
    expected = max(shift for key, shift in cells.items() if key.startswith("patchcore/"))
    assert largest_shift([embedded], "image_auroc") == expected
    assert largest_shift([], "image_auroc") is None


def test_an_order_is_decided_by_the_bounds_and_carried_to_other_images_by_the_interval(
    outputs: Results, judged: Judged
) -> None:
    verdict = judged(outputs)["patchcore-pixel-auroc-highest"]
    assert (verdict.verdict, verdict.elsewhere) == ("reproduced", "holds")
    near = judged(outputs)["patchcore-pixel-auroc-grid-low"]
    assert (near.verdict, near.elsewhere) == ("reproduced", "inconclusive")
    turned = changed(
        outputs,
        "patchcore/leather/seed0",
        metrics={"pixel_auroc": 0.7},
        ties={"pixel_auroc": {"low": 0.69, "high": 0.71}},
    )
    assert judged(turned)["patchcore-pixel-auroc-highest"].verdict == "not reproduced"
    wide = changed(outputs, "patchcore/leather/seed0", ties={"pixel_auroc": {"low": 0.8, "high": 0.99}})
    assert judged(wide)["patchcore-pixel-auroc-highest"].verdict == "inconclusive"


def test_where_the_levels_leave_a_metric_open_no_order_fails_on_other_images(outputs: Results, judged: Judged) -> None:
    verdict = judged(outputs)["efficientad-image-very-high"]
    assert (verdict.verdict, verdict.elsewhere) == ("inconclusive", "inconclusive")


def test_the_lowest_category_must_be_the_published_one(outputs: Results, judged: Judged) -> None:
    assert judged(outputs)["efficientad-pixel-f1-lowest"].verdict == "reproduced"
    lower = changed(outputs, "efficientad/grid/seed0", recovery={"mask_f1": 0.3})
    assert judged(lower)["efficientad-pixel-f1-lowest"].verdict == "not reproduced"


def test_the_published_search_is_judged_on_the_published_maps(outputs: Results, judged: Judged) -> None:
    verdict = judged(outputs)["similar-feature"]
    assert (verdict.verdict, verdict.kind, verdict.value) == ("refuted", "published outputs", 1)


def test_of_the_models_behind_the_published_maps_nothing_is_judged(outputs: Results) -> None:
    verdicts = {verdict.claim: verdict for verdict in judge(outputs)}
    assert verdicts["efficientnet"].verdict == "not tested"
    assert verdicts["efficientad-grid-pixel-f1"].evidence_file == "results.json"
    assert verdicts["rf-conv1-output"].verdict == "refuted"


def test_without_the_outputs_the_scores_are_not_tested(embedded: Results) -> None:
    verdicts = {verdict.claim: verdict for verdict in judge(embedded)}
    assert verdicts["efficientad-grid-pixel-f1"].verdict == "not tested"
    assert verdicts["efficientad-grid-pixel-f1"].kind is None
