"""AU-PRO against a computation that shares nothing with it, in exact fractions, and against anomalib's."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from anomalib.metrics.aupro import _AUPRO
from example_predictions import random_predictions
from numpy.typing import NDArray

from repro.metrics.detection import aupro

LIMITS = (0.3, 0.05)
Pixel = tuple[int, int, int]


def regions_of(masks: NDArray[np.bool_]) -> list[set[Pixel]]:
    """Pixels of each region: those that touch by a side or a corner, by flood fill."""
    left = {tuple(map(int, pixel)) for pixel in np.argwhere(masks)}
    regions = []
    while left:
        region, edge = set(), [left.pop()]
        while edge:
            image, row, column = edge.pop()
            region.add((image, row, column))
            near = {(image, row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
            left -= near
            edge += near
        regions.append(region)
    return regions


def brute_force(maps: NDArray[np.float32], masks: NDArray[np.bool_], limit: Fraction) -> Fraction:
    """Threshold every pixel at every value, interpolate linearly, and divide the area up to the limit by the limit."""
    regions, normal = regions_of(masks), [tuple(map(int, pixel)) for pixel in np.argwhere(~masks)]
    curve = [(Fraction(0), Fraction(0))]
    for threshold in sorted(set(maps.ravel().tolist()), reverse=True):
        marked = {tuple(map(int, pixel)) for pixel in np.argwhere(maps >= threshold)}
        rate = Fraction(sum(pixel in marked for pixel in normal), len(normal))
        overlaps = [Fraction(len(region & marked), len(region)) for region in regions]
        curve.append((rate, sum(overlaps, Fraction(0)) / len(regions)))
    area = Fraction(0)
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x0 < limit and x1 > x0:
            right = min(x1, limit)
            area += (right - x0) * (y0 + y0 + (y1 - y0) * (right - x0) / (x1 - x0)) / 2
    return area / limit


def theirs(maps: NDArray[np.float32], masks: NDArray[np.bool_], limit: float) -> float:
    metric = _AUPRO(fpr_limit=limit)
    metric.update(torch.from_numpy(maps), torch.from_numpy(masks.astype(np.int64)))
    return float(metric.compute())


def drawn(seed: int, levels: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Maps of 10 pixels with regions of all shapes, touching by corners too; `levels` makes most values equal."""
    rng = np.random.default_rng(seed)
    masks = rng.random((3, 10, 10)) < 0.15
    maps = (rng.normal(size=masks.shape) + masks).astype(np.float32)
    return (maps if levels is None else np.round(maps * levels) / np.float32(levels)), masks


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("levels", [None, 4, 1])
@pytest.mark.parametrize("seed", range(4))
def test_aupro_is_what_judging_every_threshold_gives(seed: int, levels: int | None, limit: float) -> None:
    maps, masks = drawn(seed, levels)
    exact = float(brute_force(maps, masks, Fraction(str(limit))))
    assert aupro(maps, masks, limit) == pytest.approx(exact, abs=1e-12)
    assert theirs(maps, masks, limit) == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("seed", range(4))
def test_on_larger_maps_aupro_differs_from_anomalibs_by_float32_alone(seed: int, limit: float) -> None:
    predictions = random_predictions(seed)
    ours = aupro(predictions.maps, predictions.masks, limit)
    assert theirs(predictions.maps, predictions.masks, limit) == pytest.approx(ours, abs=1e-5)


@pytest.mark.parametrize(("normal", "limit"), [(10, 0.3), (20, 0.05)])
def test_what_the_curve_rises_by_at_the_limit_itself_has_no_area(normal: int, limit: float) -> None:
    # A region of two pixels; the limit's share of the normal pixels lies above the first of them, the rest below both.
    above = round(normal * limit)
    maps = np.array([[[3.0] * above + [2.0, 1.0] + [0.0] * (normal - above)]], np.float32)
    masks = np.zeros(maps.shape, bool)
    masks[0, 0, above : above + 2] = True
    assert brute_force(maps, masks, Fraction(str(limit))) == 0
    assert aupro(maps, masks, limit) == 0.0


def test_regions_that_touch_by_a_corner_are_one_to_all_three() -> None:
    masks = np.zeros((1, 6, 6), bool)
    masks[0, 0, 0] = masks[0, 1, 1] = masks[0, 4, 4] = True
    # One pixel of the region of two is found first: half of one region of two.
    maps = np.zeros(masks.shape, np.float32)
    maps[0, 0, 0] = 1.0
    exact = brute_force(maps, masks, Fraction(3, 10))
    # From a quarter to one on the way to a rate of one: 1/4 + 3/4 x 0.3 / 2.
    assert exact == Fraction(1, 4) + Fraction(3, 4) * Fraction(3, 20)
    assert aupro(maps, masks) == pytest.approx(float(exact), abs=1e-12)
    assert theirs(maps, masks, 0.3) == pytest.approx(float(exact), abs=1e-6)
