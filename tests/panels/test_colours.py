import numpy as np
import pytest
from numpy.typing import NDArray

from repro.panels.colours import TABLE, levels_of, nearest, overlay


def test_the_table_is_that_of_opencv() -> None:
    cv2 = pytest.importorskip("cv2")
    drawn = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_JET)[:, 0, ::-1]
    assert np.array_equal(TABLE, drawn)


def test_the_table_runs_from_dark_blue_to_dark_red() -> None:
    assert TABLE[[0, 127, 128, 255]].tolist() == [[0, 0, 128], [126, 255, 130], [130, 255, 126], [128, 0, 0]]
    assert len(np.unique(TABLE, axis=0)) == 256


def test_the_blend_is_that_of_opencv() -> None:
    cv2 = pytest.importorskip("cv2")
    chance = np.random.default_rng(0)
    levels, image = chance.integers(0, 256, (64, 64), np.uint8), chance.integers(0, 256, (64, 64, 3), np.uint8)
    blended = cv2.addWeighted(TABLE[levels].astype(np.uint8), 0.4, image, 0.6, 0)
    ours = np.moveaxis(overlay(levels, np.moveaxis(image, 2, 0).astype(np.float32)), 0, 2)
    # Exact halves are rounded either way.
    assert np.abs(ours - blended).max() <= 1
    assert (ours == blended).mean() > 0.9


def test_the_nearest_entry_is_the_nearest_of_all() -> None:
    colours = np.random.default_rng(0).uniform(-20, 275, (3, 50, 50)).astype(np.float32)
    levels, distances = nearest(colours)
    every = np.linalg.norm(colours.reshape(3, -1).T[:, None].astype(np.float64) - TABLE, axis=2)
    assert np.allclose(distances.ravel(), every.min(axis=1), atol=1e-3)
    assert np.allclose(every[np.arange(2500), levels.ravel()], every.min(axis=1), atol=1e-3)


def test_levels_come_back_from_a_blend() -> None:
    levels: NDArray[np.uint8] = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = np.random.default_rng(0).integers(0, 256, (3, 16, 16)).astype(np.float32)
    found, distances = levels_of(overlay(levels, image), image)
    assert np.array_equal(found, levels)
    assert distances.max() < 2.2
