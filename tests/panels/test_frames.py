import numpy as np
from example_figures import draw, draw_pictures, example

from repro.panels.frames import Frame, are_alike, cut, find_frames

SHOWN = example()
FIGURE = draw(SHOWN)


def test_frames_are_found_where_the_study_has_them() -> None:
    frames = find_frames(FIGURE)
    assert are_alike(frames)
    assert [(frame.left, frame.right) for frame in frames] == [
        (313, 647),
        (713, 1047),
        (1114, 1448),
        (1515, 1849),
        (1916, 2250),
    ]
    assert {(frame.top, frame.bottom, frame.side) for frame in frames} == {(85, 420, 335)}


def test_white_pictures_do_not_hide_their_frames() -> None:
    white = np.full((256, 256, 3), 255, np.uint8)
    assert find_frames(draw_pictures([white] * 5)) == find_frames(FIGURE)


def test_black_pictures_do_not_hide_their_frames() -> None:
    black = np.zeros((256, 256, 3), np.uint8)
    assert [frame.left for frame in find_frames(draw_pictures([black] * 5))] == [313, 713, 1114, 1515, 1916]


def test_the_shade_of_the_lines_is_taken_off() -> None:
    grey = np.full((256, 256, 3), 100, np.uint8)
    figure = draw_pictures([grey] * 5)
    frame = find_frames(figure)[0]
    assert figure[frame.top + 1, frame.left + 50, 0] < 97
    assert np.abs(cut(figure, frame) - 100).max() < 1.6


def test_pictures_without_frames_are_none() -> None:
    assert find_frames(np.full((500, 2500, 3), 255, np.uint8)) == []
    assert find_frames(np.zeros((500, 2500, 3), np.uint8)) == []
    assert find_frames(np.random.default_rng(0).integers(0, 256, (500, 2500, 3), dtype=np.uint8)) == []


def test_another_number_of_frames_is_no_figure() -> None:
    assert not are_alike(find_frames(draw_pictures([SHOWN.image] * 3, size=(15, 5))))
    assert not are_alike([Frame(0, 9, 0, 9, 0.9)] * 4 + [Frame(0, 8, 0, 9, 0.9)])
