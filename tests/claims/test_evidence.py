import math
from collections.abc import Callable

import pytest
from example_report import without
from scipy.stats import t as student

from repro.claims.evidence import differences, measure, not_tested, published_variant, refuse_missing, refuse_unofficial
from repro.records.results import Results

With = Callable[..., Results]


def test_seeds_and_images_both_widen_the_interval(official: Results, with_metrics: With) -> None:
    flat = {f"patchcore/{name}": {"pixel_f1": 0.5} for name in ("grid", "tile", "leather")}
    images = measure(with_metrics(official, flat, 0.1), "patchcore", "grid", "pixel_f1")
    assert (images.low, images.high) == (pytest.approx(0.4), pytest.approx(0.6))
    changed = with_metrics(official, flat, 0.1)
    cells = dict(changed.cells)
    for seed, value in enumerate((0.46, 0.5, 0.54)):
        key = f"patchcore/grid/seed{seed}"
        cell = cells[key]
        ends = cell.intervals.pixel_f1.model_copy(update={"low": value - 0.1, "high": value + 0.1})
        cells[key] = cell.model_copy(
            update={
                "metrics": cell.metrics.model_copy(update={"pixel_f1": value}),
                "intervals": cell.intervals.model_copy(update={"pixel_f1": ends}),
            }
        )
    both = measure(changed.model_copy(update={"cells": cells}), "patchcore", "grid", "pixel_f1")
    # Squares of 0.04 and 0.04, over two degrees of freedom a category.
    error = student.ppf(0.975, 6) * math.sqrt(0.0032 / 6) * math.sqrt(1 + 1 / 3)
    assert both.value - both.low == pytest.approx(math.hypot(0.1, error))
    assert both.high - both.value == pytest.approx(math.hypot(0.1, error))


def test_one_seed_leaves_the_interval_of_the_images(results: Results, with_metrics: With) -> None:
    measured = measure(
        with_metrics(results, {"efficientad/grid": {"aupro": 0.5}}, 0.07), "efficientad", "grid", "aupro"
    )
    assert (measured.low, measured.high) == (pytest.approx(0.43), pytest.approx(0.57))


def test_an_interval_ends_at_0_and_1(results: Results, with_metrics: With) -> None:
    values = {"efficientad/grid": {"aupro": 0.98}, "efficientad/tile": {"aupro": 0.02}}
    changed = with_metrics(results, values, 0.1)
    assert measure(changed, "efficientad", "grid", "aupro").high == 1.0
    assert measure(changed, "efficientad", "tile", "aupro").low == 0.0


def test_settings_that_differ_are_described() -> None:
    ours = {"coreset_ratio": None, "layers": ["a", "b"], "pretrained": True, "epochs": 3}
    published = {"coreset_ratio": 0.1, "layers": ["c"], "pretrained": False, "epochs": 3}
    assert differences(ours, published) == [
        "coreset ratio none instead of 0.1",
        "layers a/b instead of c",
        "pretrained on instead of off",
    ]


def test_a_claim_that_cannot_be_judged_says_why(results: Results) -> None:
    sound = {
        name: variant.model_copy(update={"settings": variant.settings | {"protocol": "sound"}})
        for name, variant in results.variants.items()
    }
    judged = published_variant(results.model_copy(update={"variants": sound}), "patchcore", {})
    assert judged == not_tested("no such model in the published protocol")
    folder = results.model_copy(update={"data": results.data.model_copy(update={"source": "folder"})})
    assert refuse_unofficial(folder, set()) == not_tested("not the official data")


def test_a_claim_on_categories_is_not_tested_where_a_cell_of_theirs_is_missing(official: Results) -> None:
    partial = without(official, "patchcore/grid/seed1")
    assert refuse_missing(partial, "patchcore", {"grid", "tile"}) == not_tested("missing: patchcore/grid/seed1")
    assert refuse_missing(partial, "patchcore", {"tile"}) is None
    assert refuse_missing(partial, "efficientad", {"grid"}) is None
    more = without(official, "patchcore/grid/seed1", "patchcore/tile/seed2")
    assert refuse_missing(more, "patchcore", {"grid", "tile"}) == not_tested("missing: patchcore/grid/seed1 and others")
    assert refuse_missing(official, "patchcore", {"grid", "tile", "leather"}) is None


def test_a_claim_on_a_variant_is_not_tested_where_all_its_cells_are_missing(official: Results) -> None:
    assert refuse_missing(without(official, "patchcore/"), "patchcore") == not_tested("all its cells are missing")
    assert refuse_missing(without(official, "patchcore/grid"), "patchcore") is None
    assert refuse_missing(without(official, "patchcore/"), "efficientad") is None
    assert refuse_missing(official, "padim") is None
