from typing import Any

import pytest

from repro.cost_records import Bench, CostPair
from repro.cost_view import cost


def pair(name: str, anomalib: float, ours: float, points: int | None = None) -> CostPair:
    return CostPair(
        name=name,
        anomalib_seconds=anomalib,
        seconds=ours,
        ratio=anomalib / ours,
        measured_share=1.0,
        floor_seconds=ours,
        points=points,
    )


def viewed(*pairs: CostPair) -> dict[str, Any]:
    bench = Bench(
        schema_version=1, processor="one", threads=2, packages={}, rate=1.0, pairs=pairs, latencies=(), runs={}
    )
    found = cost(bench, "embedded", {})
    assert found is not None
    return found


def test_the_published_study_is_reckoned_from_the_steps_that_were_measured() -> None:
    found = viewed(
        pair("coreset-100000", 100.0, 1.0, 100_000),
        pair("coreset-1000000", 10_000.0, 10.0, 1_000_000),
        pair("efficientad-step", 3.0, 2.0),
    )["published"]
    # Five epochs of the 264 + 230 + 245 official training images, one a step.
    assert found["seconds"]["efficientad"] == pytest.approx(5 * 739 * 2.0)
    assert found["anomalib_seconds"]["efficientad"] == pytest.approx(5 * 739 * 3.0)
    # 28 x 28 patches an image; ours grows with them, anomalib's with their square.
    counts = [784 * images / 100_000 for images in (264, 230, 245)]
    assert found["seconds"]["patchcore"] == pytest.approx(sum(counts))
    assert found["anomalib_seconds"]["patchcore"] == pytest.approx(sum(100 * count**2 for count in counts))


def test_without_both_models_steps_nothing_is_reckoned() -> None:
    coresets = [pair(f"coreset-{points}", 1.0, 1.0, points) for points in (1000, 2000)]
    assert viewed(*coresets)["published"] is None
    assert viewed(coresets[0], pair("efficientad-step", 3.0, 2.0))["published"] is None
