import numpy as np
import pytest

from repro.paper.figures.heat_maps import WHOLE, Prediction, Window


def prediction(mask: np.ndarray, values: np.ndarray, start: float = 0.0, share: float = 1.0) -> Prediction:
    return Prediction(values.astype(np.float32), mask, np.float32(0.7), np.float32(0.5), start, share)


def square(top: int, left: int, side: int, size: int = 100) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_the_window_is_around_the_defect_and_inside_the_image() -> None:
    window = prediction(square(60, 30, 40), np.zeros((100, 100))).window
    assert window.side == pytest.approx(0.72)
    assert (window.left, window.top) == (pytest.approx(0.14), pytest.approx(0.28))


def test_a_small_defect_is_shown_with_its_surroundings() -> None:
    window = prediction(square(50, 50, 2), np.zeros((100, 100))).window
    assert window.side == pytest.approx(0.35)
    assert window.left + window.side / 2 == pytest.approx(0.51)


def test_an_image_without_a_defect_is_shown_whole() -> None:
    assert prediction(np.zeros((10, 10), bool), np.zeros((10, 10))).window == WHOLE


def test_the_window_of_a_cropped_map_is_in_the_image() -> None:
    # The map covers the middle half of the image.
    window = prediction(square(0, 0, 10), np.zeros((100, 100)), start=0.25, share=0.5).window
    assert window.left <= 0.25
    assert window.left + window.side >= 0.3


def test_a_window_cuts_values_and_places_them() -> None:
    values = np.arange(100).reshape(10, 10)
    part, left, top = Window(left=0.2, top=0.4, side=0.5).cut(values)
    assert np.array_equal(part, values[4:9, 2:7])
    assert (left, top) == (pytest.approx(0), pytest.approx(0))


def test_a_map_that_begins_inside_the_window_is_placed_there() -> None:
    part, left, top = Window(left=0.0, top=0.0, side=0.5).cut(np.ones((10, 10)), start=0.25, share=0.5)
    assert part.shape == (5, 5)
    assert (left, top) == (pytest.approx(0.5), pytest.approx(0.5))


@pytest.mark.parametrize(("score", "word"), [(0.7, "flagged"), (0.5, "not flagged")])
def test_whether_an_image_is_flagged_is_apart_from_how_much_of_the_defect_is_found(score: float, word: str) -> None:
    mask, values = square(0, 0, 10), np.zeros((100, 100), np.float32)
    values[:5, :10] = 0.9
    one = Prediction(values, mask, np.float32(score), np.float32(0.5), 0.0, 1.0)
    assert one.outcome == f"{word}; 50% of defect"


def test_a_score_close_to_its_threshold_has_the_digits_that_tell_them_apart() -> None:
    one = Prediction(np.zeros((2, 2), np.float32), np.zeros((2, 2), bool), np.float32(0.50001), np.float32(0.5), 0, 1)
    assert one.caption == "0.50001 > 0.5"
