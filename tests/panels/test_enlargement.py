import numpy as np
import pytest
from example_figures import DRAWN, draw, example

from repro.panels.enlargement import SIDES, best_fit, enlargement, weights
from repro.panels.frames import cut, find_frames


@pytest.mark.parametrize("side", SIDES)
def test_weights_are_a_mix_of_two_neighbours(side: int) -> None:
    mixed = weights(side, DRAWN)
    assert mixed.shape == (DRAWN, side)
    assert np.allclose(mixed.sum(axis=1), 1)
    assert np.count_nonzero(mixed > 0, axis=1).max() == 2


@pytest.mark.parametrize("side", SIDES)
def test_the_side_of_the_pictures_is_found(side: int) -> None:
    figure = draw(example(side))
    frame = find_frames(figure)[0]
    way, misfit = best_fit(cut(figure, frame), frame)
    assert way.side == side
    assert misfit < 0.15


@pytest.mark.parametrize("side", SIDES)
def test_an_enlarged_picture_shrinks_to_itself(side: int) -> None:
    way = enlargement(find_frames(draw(example(side)))[0], side)
    picture = np.random.default_rng(0).uniform(0, 255, (2, side, side)).astype(np.float32)
    assert np.abs(way.shrink(way.enlarge(picture)) - picture).max() < 0.05


@pytest.mark.parametrize("side", SIDES)
def test_enlarging_gives_what_matplotlib_draws(side: int) -> None:
    shown = example(side)
    figure = draw(shown)
    frame = find_frames(figure)[0]
    again = enlargement(frame, side).enlarge(np.moveaxis(shown.image, 2, 0).astype(np.float32))
    apart = np.abs(again - cut(figure, frame))[:, 1:-1, 1:-1]
    assert apart.mean() < 0.3
    assert apart.max() < 1.1
