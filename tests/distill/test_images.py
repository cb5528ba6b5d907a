import numpy as np
import pytest
import torch

from repro.distill import images, scenes


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "SCENES", 2)


def test_a_batch_follows_from_seed_and_step_alone() -> None:
    first = images.batch(77, 3, 4)
    assert first.shape == (4, 3, images.CROP, images.CROP)
    assert first.min() >= 0
    assert first.max() <= 1
    assert torch.equal(first, images.batch(77, 3, 4))
    assert not torch.equal(first, images.batch(77, 4, 4))


def test_no_held_out_photograph_is_trained_on_nor_a_twin_of_one() -> None:
    train = {name for names in images.TRAIN.values() for name in names}
    held_out = {name for names in images.HELD_OUT.values() for name in names}
    assert not train & held_out
    assert "motorcycle_right.png" not in train


def test_plain_crops_are_spread_over_each_photograph() -> None:
    crops = images.plain(2, held_out=True)
    assert crops.shape == (2 * sum(map(len, images.HELD_OUT.values())), 3, images.CROP, images.CROP)
    assert not torch.equal(crops[0], crops[1])


@pytest.mark.parametrize("kind", [scenes.leaves, scenes.clouds, scenes.stripes, scenes.dots, scenes.strokes])
def test_each_kind_of_scene_shows_something(kind: object) -> None:
    scene = np.clip(kind(np.random.default_rng(5)), 0, 1)  # type: ignore[operator]
    assert scene.shape == (scenes.SIDE, scenes.SIDE, 3)
    assert scene.std() > 0.02
