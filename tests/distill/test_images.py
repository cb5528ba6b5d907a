import numpy as np
import pytest
import torch

from repro.distill import images, photographs, scenes


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "SCENES", 2)


def pool(seed: int) -> images.Pool:
    return images.Pool(seed, (), photographs.packaged())


def test_seed_and_step_alone_decide_a_batch() -> None:
    first = images.batch(pool(77), 3, 4)
    assert first.shape == (4, 3, images.CROP, images.CROP)
    assert first.min() >= 0
    assert first.max() <= 1
    assert torch.equal(first, images.batch(pool(77), 3, 4))
    assert not torch.equal(first, images.batch(pool(77), 4, 4))
    assert not torch.equal(first, images.batch(pool(78), 3, 4))


def test_crops_come_from_each_source_in_its_share() -> None:
    caltech, packaged = np.zeros((9, 9, 3), np.uint8), np.ones((9, 9, 3), np.uint8)
    drawn = images.Pool(7, (caltech,), (packaged,))
    rng = np.random.default_rng(1)
    sides = [image.shape[0] if (image := drawn.draw(rng)).shape[0] > 9 else int(image[0, 0, 0]) for _ in range(2000)]
    assert sides.count(0) / 2000 == pytest.approx(images.SHARES.caltech, abs=0.03)
    assert sides.count(1) / 2000 == pytest.approx(images.SHARES.packaged, abs=0.03)
    assert sides.count(scenes.SIDE) / 2000 == pytest.approx(1 - sum(images.SHARES), abs=0.03)


def test_plain_crops_are_spread_over_each_photograph() -> None:
    held_out = photographs.packaged(held_out=True)
    crops = images.plain_crops(held_out, 2)
    assert crops.shape == (2 * len(held_out), 3, images.CROP, images.CROP)
    assert not torch.equal(crops[0], crops[1])


@pytest.mark.parametrize("kind", [scenes.leaves, scenes.clouds, scenes.stripes, scenes.dots, scenes.strokes])
def test_no_kind_of_scene_is_uniform(kind: object) -> None:
    scene = np.clip(kind(np.random.default_rng(5)), 0, 1)  # type: ignore[operator]
    assert scene.shape == (scenes.SIDE, scenes.SIDE, 3)
    assert scene.std() > 0.02
