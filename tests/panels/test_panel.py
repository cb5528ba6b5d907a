from pathlib import Path

import matplotlib
import numpy as np
import pytest
from example_figures import draw, draw_pictures, example, grey, heat
from PIL import Image

from repro.errors import ReproError
from repro.panels.panel import decided, open_figure, read_panel, steadied

SHOWN = example()
NAME = "grid/test/broken/000.png"


@pytest.mark.parametrize("side", [256, 224])
@pytest.mark.parametrize("peak", [1.0, 0.55])
def test_what_was_drawn_comes_back(side: int, peak: float) -> None:
    shown = example(side, seed=side, peak=peak)
    panel = read_panel(draw(shown), NAME, "figure")
    assert panel.name == NAME
    assert np.array_equal(panel.mask, shown.mask)
    assert np.array_equal(panel.predicted, shown.predicted)
    assert np.array_equal(panel.anomaly_map >= 0.5, shown.predicted)
    levels = np.abs(panel.anomaly_map * 255 - shown.levels)
    assert levels[1:-1, 1:-1].max() < 2.5
    assert (levels[1:-1, 1:-1] < 1.5).mean() > 0.999
    assert (levels < 1.5).mean() > 0.998
    assert levels.max() < 4.5
    assert (levels < 0.5).mean() > 0.9
    picture = np.abs(panel.image.astype(int) - shown.image)
    assert (picture <= 1).mean() > 0.985
    assert picture[2:-2, 2:-2].max() <= 4
    assert (panel.quality.mean_distance < 2.2, panel.quality.agreement) == (True, 1)


def test_good_images_have_empty_masks() -> None:
    empty = np.zeros((256, 256), np.bool_)
    panel = read_panel(draw(SHOWN, mask=grey(empty)), NAME, "figure")
    assert not panel.mask.any()


def test_outermost_levels_keep_near_their_neighbours() -> None:
    levels = np.full((5, 5), 100, np.uint8)
    levels[0, 2], levels[2, 4], levels[4, 4], levels[2, 2] = 130, 90, 255, 200
    steady = steadied(levels)
    assert (steady[0, 2], steady[2, 4], steady[4, 4], steady[2, 2]) == (101, 99, 101, 200)
    assert steady[0, 0] == 100


def test_the_mask_decides_at_the_threshold_only() -> None:
    levels = np.full((3, 8), 0, np.uint8)
    levels[1] = [0, 100, 126, 127, 128, 129, 200, 0]
    yes, no = np.ones((3, 8), np.bool_), np.zeros((3, 8), np.bool_)
    assert decided(levels, yes)[1, 1:-1].tolist() == [100, 128, 128, 128, 129, 200]
    assert decided(levels, no)[1, 1:-1].tolist() == [100, 126, 127, 127, 127, 200]
    assert decided(levels, yes)[[0, 2]].min() == 128


def refused(figure: np.ndarray) -> str:
    with pytest.raises(ReproError) as caught:
        read_panel(figure, NAME, "figure.png")
    told = str(caught.value)
    assert told.startswith("figure.png: ") and "\n" not in told
    return told


def test_another_figure_is_refused() -> None:
    assert "five framed pictures" in refused(np.full((500, 2500, 3), 255, np.uint8))
    assert "five framed pictures" in refused(draw_pictures([SHOWN.image] * 4, size=(25, 5)))


def test_another_enlargement_is_refused() -> None:
    assert "not enlarged from 256 or 224 pixels" in refused(draw(example(240)))


@pytest.mark.parametrize("colours", ["viridis", "jet", "turbo"])
def test_another_table_of_colours_is_refused(colours: str) -> None:
    table = np.rint(matplotlib.colormaps[colours](np.arange(256))[:, :3] * 255).astype(np.float32)
    assert "other colours or another blend" in refused(draw(SHOWN, heat=heat(SHOWN, table)))


@pytest.mark.parametrize("alpha", [0.35, 0.5])
def test_another_blend_is_refused(alpha: float) -> None:
    assert "other colours or another blend" in refused(draw(SHOWN, heat=heat(SHOWN, alpha=alpha)))


def test_a_map_and_a_mask_that_disagree_are_refused() -> None:
    assert "predicted mask disagree" in refused(draw(SHOWN, predicted=grey(~SHOWN.predicted)))


def test_a_grey_mask_is_refused() -> None:
    half = np.full((256, 256, 3), 128, np.uint8)
    assert "not black and white" in refused(draw(SHOWN, mask=half))


def test_what_is_no_whole_image_is_refused_in_one_line(tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    Image.fromarray(draw(SHOWN)).save(whole, compress_level=1)
    assert open_figure(whole).shape == (500, 2500, 3)
    bad = {"text.png": b"no image", "cut.png": whole.read_bytes()[:50000], "empty.png": b""}
    Image.new("RGB", (640, 480)).save(tmp_path / "small.png")
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    words = {
        "text.png": "is not an image",
        "empty.png": "is not an image",
        "cut.png": "cannot be read as an image",
        "small.png": "has 640 x 480 pixels, not 2500 x 500",
        "none.png": "cannot be read as an image (No such file or directory)",
    }
    for name, told in words.items():
        with pytest.raises(ReproError) as caught:
            open_figure(tmp_path / name)
        assert told in str(caught.value) and "\n" not in str(caught.value)
