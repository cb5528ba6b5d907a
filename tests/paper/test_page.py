from typing import Any

import example_report
import pytest

from repro.paper.page import browsable
from repro.records.figures import Figures
from repro.records.results import Results


def outcomes(threshold: float, scores: dict[str, float]) -> dict[str, Any]:
    """The browser's entries of the first variant for images `defect/name` with these scores, by image."""
    content = example_report.results("s", "S", ("grid",), ("bent",), (0,), "procedural", False, "random")
    for cell in content["cells"].values():
        cell["thresholds"]["image"] = threshold
        cell["scores"] = [
            {"image": f"grid/test/{name}", "defect": name.split("/")[0], "score": score}
            for name, score in scores.items()
        ]
    results = Results.model_validate(content)
    figures = Figures.model_validate(
        {"schema_version": 1, "figures": example_report.figures(content, ("grid",))}
    ).figures
    sheets = [figure for figure in figures if figure.kind == "contact_sheet"]
    return {image["image"]: image["seen"][0] for image in browsable(results, sheets)["images"]}


@pytest.mark.parametrize(
    ("name", "score", "verdict"),
    [
        ("bent/000.png", 0.9, "found"),
        ("bent/000.png", 0.1, "missed"),
        ("good/000.png", 0.9, "false alarm"),
        ("good/000.png", 0.1, "passed"),
    ],
)
def test_the_outcome_of_an_image_follows_from_its_score(name: str, score: float, verdict: str) -> None:
    assert outcomes(0.5, {name: score})[f"grid/test/{name}"]["verdict"] == verdict


def test_the_image_that_set_the_threshold_is_missed_though_its_score_was_rounded_up() -> None:
    assert outcomes(0.1234556, {"bent/000.png": 0.123456})["grid/test/bent/000.png"]["verdict"] == "missed"


def test_each_judged_claim_is_a_claim_review() -> None:
    from repro.paper.page import claim_reviews
    from repro.records.verdicts import Verdicts
    from repro.runs import PROJECT_ROOT

    text = (PROJECT_ROOT / "report" / "embedded" / "verdicts.json").read_text(encoding="utf-8")
    verdicts = Verdicts.model_validate_json(text).verdicts
    reviews = claim_reviews(verdicts)
    assert len(reviews) == sum(one.verdict != "not tested" for one in verdicts)
    assert {review["@type"] for review in reviews} == {"ClaimReview"}
    assert {review["reviewRating"]["alternateName"] for review in reviews} <= {one.verdict for one in verdicts}
