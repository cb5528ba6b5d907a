from typing import Any

import example_report
import pytest

from repro.paper.page import browsable
from repro.records.figures import Figures
from repro.records.results import Results


def seen(threshold: float, scores: dict[str, float]) -> dict[str, Any]:
    """What the browser says of images `defect/name` with these scores, by image."""
    content = example_report.results("s", "S", ("grid",), ("bent",), (0,), "procedural", False, "random")
    for cell in content["cells"].values():
        cell["thresholds"]["image"] = threshold
        cell["scores"] = [
            {"image": f"grid/test/{name}", "defect": name.split("/")[0], "score": score}
            for name, score in scores.items()
        ]
    results = Results.model_validate(content)
    drawn = [one for one in example_report.pictures(content, ("grid",)) if one["kind"] == "contact_sheet"]
    figures = Figures.model_validate({"schema_version": 1, "figures": drawn}).figures
    return {one["image"]: one["seen"][0] for one in browsable(results, list(figures))["images"]}


@pytest.mark.parametrize(
    ("name", "score", "verdict"),
    [
        ("bent/000.png", 0.9, "found"),
        ("bent/000.png", 0.1, "missed"),
        ("good/000.png", 0.9, "false alarm"),
        ("good/000.png", 0.1, "passed"),
    ],
)
def test_the_verdict_of_an_image_follows_from_its_score(name: str, score: float, verdict: str) -> None:
    assert seen(0.5, {name: score})[f"grid/test/{name}"]["verdict"] == verdict


def test_the_image_that_set_the_threshold_is_missed_though_its_score_was_rounded_up() -> None:
    assert seen(0.1234556, {"bent/000.png": 0.123456})["grid/test/bent/000.png"]["verdict"] == "missed"
