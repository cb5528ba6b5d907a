import pytest

from repro.costs.published import published
from repro.records.costs import CostPair


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


def test_the_published_study_is_estimated_from_measured_steps() -> None:
    efficientad, patchcore = published(
        [
            pair("coreset-100000", 100.0, 1.0, 100_000),
            pair("coreset-1000000", 10_000.0, 10.0, 1_000_000),
            pair("efficientad-step", 3.0, 2.0),
        ]
    )
    # Five epochs of the 264 + 230 + 245 official training images, one for each step.
    assert efficientad.seconds == pytest.approx(5 * 739 * 2.0)
    assert efficientad.anomalib_seconds == pytest.approx(5 * 739 * 3.0)
    # 28 x 28 patches for each image; our time grows linearly with them, that of anomalib quadratically.
    counts = [784 * images / 100_000 for images in (264, 230, 245)]
    assert patchcore.seconds == pytest.approx(sum(counts))
    assert patchcore.anomalib_seconds == pytest.approx(sum(100 * count**2 for count in counts))


def test_nothing_is_estimated_without_measurements_of_both_models() -> None:
    coresets = [pair(f"coreset-{points}", 1.0, 1.0, points) for points in (1000, 2000)]
    assert published(coresets) == ()
    assert published([coresets[0], pair("efficientad-step", 3.0, 2.0)]) == ()
