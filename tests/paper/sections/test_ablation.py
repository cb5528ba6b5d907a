from typing import Any

import example_report
import pytest

from repro.paper.sections.ablation import Ablation, ablations
from repro.records.results import Results

CATEGORIES = ("grid", "tile")
WEIGHTS = {"backbone": {"kind": "random", "description": "random", "sha256": None}}


def settings(**changed: Any) -> dict[str, Any]:
    return {"backbone": "net", "pretrained": False, "blur": 0.0, "seeds": None, "protocol": "sound"} | changed


def study(
    variants: dict[str, dict[str, Any]], aurocs: dict[str, float], categories: tuple[str, ...] = CATEGORIES
) -> Results:
    """Results of PatchCore variants with these image AUROCs by cell; all else is made up."""
    content = example_report.results(
        "ablation", "Ablations", categories, ("bent",), (0,), "procedural", False, "random"
    )
    cell = content["cells"]["patchcore/grid/seed0"]
    content["variants"] = {
        name: {"model": "patchcore", "settings": changed, "weights": WEIGHTS} for name, changed in variants.items()
    }
    content["cells"] = {
        key: cell
        | dict(zip(("variant", "category", "seed"), (*key.split("/")[:2], int(key[-1])), strict=True))
        | {"metrics": cell["metrics"] | {"image_auroc": auroc}}
        for key, auroc in aurocs.items()
    }
    content["retrieval"] = {}
    return Results.model_validate(content)


def paper() -> Results:
    content = example_report.results("paper", "Paper", CATEGORIES, ("bent",), (0,), "procedural", False, "random")
    return Results.model_validate(content)


@pytest.fixture
def ablation() -> Ablation:
    variants = {
        "patchcore-published": settings(backbone="other", seeds=[0, 1]),
        "patchcore-random": settings(),
        "patchcore-pretrained": settings(pretrained=True),
        "patchcore-blurred": settings(pretrained=True, blur=1.0),
    }
    aurocs = {
        "patchcore-published/grid/seed0": 0.5,
        "patchcore-published/grid/seed1": 0.7,
        "patchcore-published/tile/seed0": 0.6,
        "patchcore-published/tile/seed1": 0.6,
        "patchcore-random/grid/seed0": 0.6,
        "patchcore-random/tile/seed0": 0.8,
        "patchcore-pretrained/grid/seed0": 0.9,
        "patchcore-pretrained/tile/seed0": 0.7,
        "patchcore-blurred/grid/seed0": 0.8,
        "patchcore-blurred/tile/seed0": 0.7,
    }
    (ablation,) = ablations([study(variants, aurocs)], paper())
    return ablation


def test_a_contrast_is_of_two_variants_that_differ_in_one_setting_only(ablation: Ablation) -> None:
    pairs = [(contrast.without, contrast.given) for contrast in ablation.contrasts]
    assert pairs == [
        ("PatchCore (random)", "PatchCore (pretrained)"),
        ("PatchCore (pretrained)", "PatchCore (blurred)"),
    ]


def test_a_contrast_is_the_mean_over_categories_of_the_difference(ablation: Ablation) -> None:
    weights, blur = ablation.contrasts
    assert weights.differences[0] == pytest.approx((0.3 - 0.1) / 2)
    assert (weights.risen[0], weights.categories) == (1, 2)
    assert blur.differences[0] == pytest.approx(-0.05)
    assert blur.risen[0] == 0
    assert weights.differences[2] == 0


def test_the_spread_over_seeds_is_that_of_the_mean_over_categories(ablation: Ablation) -> None:
    assert set(ablation.spread) == {"PatchCore (published)"}
    assert ablation.spread["PatchCore (published)"][0] == pytest.approx(0.1)
    assert ablation.rows[0].stats[0].mean == pytest.approx(0.6)


def test_an_ablation_on_the_papers_own_images_is_recognised() -> None:
    variants = {"patchcore": settings()}
    same = study(variants, {"patchcore/grid/seed0": 0.5, "patchcore/tile/seed0": 0.5})
    (ablation,) = ablations([same], paper())
    assert ablation.same_images
    content = same.model_dump(mode="json")
    content["data"]["categories"]["grid"]["fingerprint"] = "ee" * 32
    (ablation,) = ablations([Results.model_validate(content)], paper())
    assert not ablation.same_images


def test_variants_are_called_by_their_model_and_the_rest_of_their_name() -> None:
    variants = {name: settings() for name in ("patchcore", "patchcore-pretrained", "other")}
    several = study(variants, {})
    assert list(several.names.values()) == ["PatchCore", "PatchCore (pretrained)", "PatchCore (other)"]
    assert study({"patchcore-pretrained": settings()}, {}).names == {"patchcore-pretrained": "PatchCore"}
