import numpy as np
import pytest
import torch

from repro.distill import images, scenes


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "SCENES", 2)


def test_seed_and_step_alone_decide_a_batch() -> None:
    first = images.batch(77, 3, 4)
    assert first.shape == (4, 3, images.CROP, images.CROP)
    assert first.min() >= 0
    assert first.max() <= 1
    assert torch.equal(first, images.batch(77, 3, 4))
    assert not torch.equal(first, images.batch(77, 4, 4))


def test_no_held_out_photograph_nor_its_second_view_is_trained_on() -> None:
    training = {name for names in images.TRAINING.values() for name in names}
    held_out = {name for names in images.HELD_OUT.values() for name in names}
    assert not training & held_out
    assert "motorcycle_right.png" not in training


def test_plain_crops_are_spread_over_each_photograph() -> None:
    crops = images.plain_crops(2, held_out=True)
    assert crops.shape == (2 * sum(map(len, images.HELD_OUT.values())), 3, images.CROP, images.CROP)
    assert not torch.equal(crops[0], crops[1])


@pytest.mark.parametrize("kind", [scenes.leaves, scenes.clouds, scenes.stripes, scenes.dots, scenes.strokes])
def test_no_kind_of_scene_is_uniform(kind: object) -> None:
    scene = np.clip(kind(np.random.default_rng(5)), 0, 1)  # type: ignore[operator]
    assert scene.shape == (scenes.SIDE, scenes.SIDE, 3)
    assert scene.std() > 0.02
