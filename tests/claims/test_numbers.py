import math
from collections.abc import Callable

import pytest
from example_report import without

from repro.claims import numbers
from repro.claims.evidence import Measured
from repro.records.results import Results
from repro.records.verdicts import Verdict

ByClaim = Callable[[Results], dict[str, Verdict]]
With = Callable[..., Results]


def test_a_value_inside_the_interval_is_reproduced_and_one_outside_is_not(
    official: Results, with_metrics: With, by_claim: ByClaim
) -> None:
    near = by_claim(with_metrics(official, {"patchcore/grid": {"image_auroc": 0.91}}))["patchcore-grid-image-auroc"]
    assert (near.verdict, near.value) == ("reproduced", pytest.approx(0.91))
    assert near.interval and near.interval.low <= 0.9031 <= near.interval.high
    far = by_claim(with_metrics(official, {"patchcore/grid": {"image_auroc": 0.8}}, 0.0))["patchcore-grid-image-auroc"]
    assert far.verdict == "not reproduced"


def test_one_image_is_the_finest_difference(official: Results, with_metrics: With, by_claim: ByClaim) -> None:
    def judged(value: float) -> str:
        # Seeds that agree, and one image in a hundred.
        keys = {f"patchcore/{category}": {"image_auroc": value} for category in ("grid", "tile", "leather")}
        return by_claim(with_metrics(official, keys))["patchcore-grid-image-auroc"].verdict

    assert judged(0.9031 + 0.0099) == "reproduced"
    assert judged(0.9031 + 0.0101) == "not reproduced"


def test_the_interval_of_the_test_images_does_not_excuse_a_value(
    official: Results, with_metrics: With, by_claim: ByClaim
) -> None:
    keys = {f"patchcore/{category}": {"image_auroc": 0.8} for category in ("grid", "tile", "leather")}
    assert by_claim(with_metrics(official, keys, 0.2))["patchcore-grid-image-auroc"].verdict == "not reproduced"


def test_one_seed_does_not_decide_on_a_value(official: Results, by_claim: ByClaim) -> None:
    cells = {key: cell for key, cell in official.cells.items() if cell.seed == 0}
    study = official.study.model_copy(update={"seeds": (0,)})
    one_seed = official.model_copy(update={"study": study, "cells": cells, "retrieval": {}})
    verdict = by_claim(one_seed)["patchcore-grid-image-auroc"]
    assert (verdict.verdict, verdict.reason) == ("inconclusive", "one seed: how far trainings differ is not known")
    assert by_claim(one_seed)["efficientad-pixel-f1-lowest"].verdict == "inconclusive"


def test_stand_ins_never_judge_a_score(results: Results, by_claim: ByClaim) -> None:
    rules = {"value", "order", "lowest", "smaller_defects"}
    judged = [verdict for verdict in by_claim(results).values() if verdict.rule_name in rules]
    assert len(judged) == 35
    assert {(verdict.verdict, verdict.reason) for verdict in judged} == {("not tested", "stand-in data")}
    assert {(verdict.measured, verdict.value, verdict.interval) for verdict in judged} == {(None, None, None)}


def test_other_settings_never_judge_a_score(official: Results, by_claim: ByClaim) -> None:
    variant = official.variants["efficientad"]
    ours = variant.model_copy(update={"settings": variant.settings | {"teacher": "distilled", "epochs": 1}})
    judged = by_claim(official.model_copy(update={"variants": official.variants | {"efficientad": ours}}))
    verdict = judged["efficientad-grid-image-auroc"]
    assert verdict.verdict == "not tested"
    assert verdict.reason == "other settings: epochs 1 instead of 5, teacher distilled instead of official"
    assert judged["patchcore-grid-image-auroc"].verdict != "not tested"


def test_a_category_that_was_not_run_is_not_tested(official: Results, by_claim: ByClaim) -> None:
    leather = {"leather": official.data.categories["leather"]}
    judged = by_claim(official.model_copy(update={"data": official.data.model_copy(update={"categories": leather})}))
    assert judged["patchcore-grid-image-auroc"].reason == "no grid in this study"
    assert judged["patchcore-pixel-auroc-highest"].reason == "no grid and tile in this study"
    # The lowest of the published table is leather, and the others are what it is lower than.
    assert judged["efficientad-pixel-f1-lowest"].reason == "no grid and tile in this study"
    assert judged["patchcore-leather-image-auroc"].verdict != "not tested"


@pytest.mark.parametrize(("leather", "word"), [(0.99, "reproduced"), (0.901, "inconclusive"), (0.5, "not reproduced")])
def test_an_order_holds_or_fails_beyond_its_interval_only(
    official: Results, with_metrics: With, by_claim: ByClaim, leather: float, word: str
) -> None:
    values = {"grid": 0.8, "tile": 0.9, "leather": leather}
    changed = with_metrics(official, {f"patchcore/{name}": {"pixel_auroc": value} for name, value in values.items()})
    verdict = by_claim(changed)["patchcore-pixel-auroc-highest"]
    assert verdict.verdict == word
    assert verdict.value == pytest.approx(leather - 0.9, abs=1e-6)


@pytest.mark.parametrize(
    ("grid", "leather", "word"),
    [(0.5, 0.42, "reproduced"), (0.5, 0.3, "not reproduced"), (0.1, 0.42, "not reproduced")],
)
def test_the_lowest_must_be_the_published_category_and_value(
    official: Results, with_metrics: With, by_claim: ByClaim, grid: float, leather: float, word: str
) -> None:
    values = {"grid": grid, "tile": 0.6, "leather": leather}
    changed = with_metrics(official, {f"efficientad/{name}": {"pixel_f1": value} for name, value in values.items()})
    assert by_claim(changed)["efficientad-pixel-f1-lowest"].verdict == word


def test_another_lowest_category_is_named_with_its_value(
    official: Results, with_metrics: With, by_claim: ByClaim
) -> None:
    values = {"grid": 0.1, "tile": 0.6, "leather": 0.42}
    changed = with_metrics(official, {f"efficientad/{name}": {"pixel_f1": value} for name, value in values.items()})
    verdict = by_claim(changed)["efficientad-pixel-f1-lowest"]
    assert (verdict.measured, verdict.value) == ("0.1000, on grid", pytest.approx(0.1))
    assert verdict.interval and verdict.interval.low <= 0.1 <= verdict.interval.high
    assert verdict.evidence == "cells.efficientad/grid/seed0.metrics.pixel_f1"


def test_what_is_lowest_cannot_be_told_where_a_cell_is_missing(official: Results, by_claim: ByClaim) -> None:
    judged = by_claim(without(official, "efficientad/grid/seed1"))
    assert judged["efficientad-pixel-f1-lowest"].reason == "missing: efficientad/grid/seed1"
    assert judged["efficientad-grid-image-auroc"].reason == "missing: efficientad/grid/seed1"
    assert judged["efficientad-leather-image-auroc"].verdict != "not tested"
    assert judged["patchcore-grid-image-auroc"].verdict != "not tested"


@pytest.mark.parametrize(("leather", "half_width"), [(0.95, 0.1), (0.905, 0.0)])
def test_an_order_takes_both_an_interval_above_zero_and_one_image(
    official: Results, with_metrics: With, by_claim: ByClaim, leather: float, half_width: float
) -> None:
    values = {"grid": 0.8, "tile": 0.9, "leather": leather}
    changed = with_metrics(
        official, {f"patchcore/{name}": {"pixel_auroc": value} for name, value in values.items()}, half_width
    )
    verdict = by_claim(changed)["patchcore-pixel-auroc-highest"]
    assert verdict.verdict == "inconclusive"
    assert verdict.interval and verdict.interval.low < leather - 0.9 < verdict.interval.high
    assert verdict.evidence == "cells.patchcore/leather/seed0.metrics.pixel_auroc"


@pytest.mark.parametrize(("share", "word"), [(0.001, "reproduced"), (0.05, "not reproduced")])
def test_defects_are_small_where_the_masks_say_so(
    official: Results, by_claim: ByClaim, share: float, word: str
) -> None:
    cells = {
        key: cell.model_copy(update={"anomalous_pixels": share}) if cell.category == "grid" else cell
        for key, cell in official.cells.items()
    }
    verdict = by_claim(official.model_copy(update={"cells": cells}))["grid-small-defects"]
    others = {cell.category: cell.anomalous_pixels for cell in official.cells.values()}
    assert (verdict.verdict, verdict.value) == (word, share)
    assert verdict.measured == (
        f"{share:.2%} on grid, {others['tile']:.2%} on tile, {others['leather']:.2%} on leather".replace("%", " %")
    )
    assert verdict.evidence == "cells.efficientad/grid/seed0.anomalous_pixels"


def test_equal_shares_are_no_smaller_defects(official: Results, by_claim: ByClaim) -> None:
    cells = {key: cell.model_copy(update={"anomalous_pixels": 0.02}) for key, cell in official.cells.items()}
    judged = by_claim(official.model_copy(update={"cells": cells}))
    assert judged["grid-small-defects"].verdict == "not reproduced"


def test_the_size_of_defects_is_not_tested_where_the_cells_that_see_it_are_missing(
    official: Results, by_claim: ByClaim
) -> None:
    partial = without(official, "efficientad/grid/seed0")
    cells = {key: cell.model_copy(update={"map_size": (224, 224)}) for key, cell in partial.cells.items()}
    judged = by_claim(partial.model_copy(update={"cells": cells}))
    assert judged["grid-small-defects"].reason == "cells that see whole images are missing"


def test_the_intervals_of_two_sides_add_as_squares() -> None:
    left = Measured(value=0.9, low=0.86, high=0.93, resolution=0.01, evidence="left")
    right = Measured(value=0.7, low=0.61, high=0.74, resolution=0.02, evidence="right")
    difference, interval, resolution = numbers.subtract(left, right)
    assert (difference, resolution) == (0.2, 0.02)
    # Below: the left side falls by 0.04, the right rises by 0.04. Above: 0.03 and 0.09.
    assert interval.low == round(0.2 - math.sqrt(0.0032), 4) == 0.1434
    assert interval.high == round(0.2 + math.sqrt(0.009), 4) == 0.2949


@pytest.mark.parametrize(("value", "word"), [(0.4, "reproduced"), (0.6, "reproduced"), (0.39, "not reproduced")])
def test_the_ends_belong_to_the_interval(value: float, word: str) -> None:
    judged = numbers._within(value, Measured(0.5, 0.4, 0.6, 0.01, "cells"))
    assert (judged.verdict, judged.measured, judged.value) == (word, "0.5000", 0.5)


def test_an_order_names_the_pair_that_is_least_certain(
    official: Results, with_metrics: With, by_claim: ByClaim
) -> None:
    values = {"grid": 0.8, "tile": 0.9, "leather": 0.99}
    verdicts = by_claim(
        with_metrics(
            official, {f"patchcore/{name}": {"pixel_auroc": value, "image_f1": value} for name, value in values.items()}
        )
    )
    words = "least certain: pixel AUROC on leather less pixel AUROC on tile is 0.0900, one image 0.0100"
    assert verdicts["patchcore-pixel-auroc-highest"].measured == words
    # A number that a sentence names has neither interval nor image.
    words = "least certain: image F1 on grid less 0.86 is -0.0600, one image 0.0100"
    assert verdicts["patchcore-image-f1-above"].measured == words


def test_no_map_of_whole_images_leaves_the_size_of_defects_untested(official: Results, by_claim: ByClaim) -> None:
    cells = {key: cell.model_copy(update={"map_size": (224, 224)}) for key, cell in official.cells.items()}
    verdict = by_claim(official.model_copy(update={"cells": cells}))["grid-small-defects"]
    assert verdict.reason == "no model here sees whole images of all these categories"
