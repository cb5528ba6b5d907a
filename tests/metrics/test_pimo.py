import numpy as np
import pytest
import torch
from anomalib.metrics.pimo.functional import aupimo_scores

from repro.metrics.pimo import aupimo


def example(seed: int, images: int = 8, side: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Maps that rise on the defect of every second image; enough normal pixels for a rate of 1e-5."""
    random = np.random.default_rng(seed)
    masks = np.zeros((images, side, side), bool)
    for number, mask in enumerate(masks[1::2]):
        mask[20 : 40 + number, 30:60] = True
    maps = random.normal(size=masks.shape) + masks * random.uniform(1, 6, size=(images, 1, 1))
    return maps.astype(np.float32), masks


@pytest.mark.parametrize("seed", range(3))
def test_each_image_has_the_score_that_anomalib_gives_it(seed: int) -> None:
    maps, masks = example(seed)
    *_, theirs, _ = aupimo_scores(torch.from_numpy(maps), torch.from_numpy(masks).int())
    ours = aupimo(maps, masks)
    assert ours is not None
    assert 0 < ours.mean() < 1
    assert ours == pytest.approx(theirs[masks.any(axis=(1, 2))].numpy(), abs=1e-6)


def test_too_few_normal_pixels_or_images_give_none() -> None:
    maps, masks = example(0, images=2, side=64)
    assert aupimo(maps, masks) is None
    assert aupimo(maps[1:], masks[1:]) is None
    assert aupimo(maps[:1], masks[:1]) is None
