"""Exact greedy k-centre selection (farthest point first) without comparing every pair of points.

The greedy rule repeatedly selects the point farthest from all selected ones, the centres. The distance of a point to
the nearest centre only decreases, so an outdated distance is an upper bound. This saves work in three ways:

1. Centres are selected from a *pool* of the points with the largest bounds, whose bounds are kept up to date. Once none
   of them exceeds the bounds outside the pool, the points outside are compared with the new centres.
2. A *sketch* of each point, its leading principal components and the length of the residual, gives a lower bound on
   every distance at a fraction of the cost. A distance is computed only if this is below the bound of the point.
3. The sketches are grouped into *cells* of near ones. By the triangle inequality a new centre changes no bound in most
   cells.

Distances are computed as in anomalib, from the difference of two points, so that their bits and the order of the
selected points are the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from repro.models import kcenter_cuda

#: Numbers of leading principal components in a sketch, of points in a pool, of points in a cell on average and at most,
#: and of pairs and rows computed at once: the fastest of several on 80,000 patches of a random ResNet-18. None changes
#: the selection.
COMPONENTS = 48
POOL = 2048
CELL, LARGEST_CELL = 400, 1024
PAIRS = 2048
ROWS = 2048


def farthest_first(
    points: Tensor, count: int, first: int, progress: Callable[[int, int], None] | None = None
) -> Tensor:
    """Select `count` of the points [N, D], starting with index `first`; returns their indices in order, int64 [count].

    Each is the point with the largest distance to the nearest selected one; of equal distances the first index wins.
    Points equal to a selected one have distance 0; if no others are left, index 0 is repeated, as in anomalib.
    `progress` is called with the numbers of selected points and of all to select. Raises ValueError if a point or its
    squared length is not finite. Needs memory for about N x 60 numbers, without the points; for
    points on a GPU see `kcenter_cuda`.

    Source: Sener and Savarese, arXiv 1708.00489, algorithm 1, as in anomalib 2.7, `KCenterGreedy`. Bounds by the
    triangle inequality: Elkan, ICML 2003.
    """
    if points.is_cuda:
        return kcenter_cuda.farthest_first(points, count, first, progress)
    if not all(bool((part * part).sum(1).isfinite().all()) for part in points.split(ROWS)):
        raise ValueError("some points or their squared lengths are not finite")
    cover = _Cover(points, first)
    selected = torch.zeros(count, dtype=torch.int64, device=points.device)
    selected[0] = first
    done = 1
    while done < count:
        centres = cover.select(count - done)
        if not len(centres):
            break
        selected[done : done + len(centres)] = centres
        done += len(centres)
        if progress:
            progress(done, count)
    return selected


@dataclass(frozen=True)
class _Sketch:
    """Lower bounds on distances: |sketch of x - sketch of y| <= |x - y|."""

    #: [N, C + 1]
    values: Tensor
    #: [N], squared lengths of `values`.
    squares: Tensor
    #: Largest rounding error of a squared distance, as a share of the two squared lengths.
    rounding: float

    def limits(self, which: Tensor | slice, bounds: Tensor, largest: Tensor) -> Tensor:
        """Compute limits [n] for points x with `bounds` [n]: a centre c with x.c - |c|^2 / 2 below it is not nearer.

        `largest` is the largest squared length of the centres.
        """
        squares = self.squares[which]
        return (squares - self.rounding * (squares + largest) - bounds * bounds) / 2


class _Cover:
    """Points and upper bounds on their distances to the nearest centre, in the order of the cells."""

    def __init__(self, points: Tensor, first: int) -> None:
        self._points = points
        sketch = _sketch(points)
        cells = _cells(sketch.values)
        #: Index of the point at each position in the order of the cells.
        self._index = torch.argsort(cells, stable=True)
        self._sketch = _Sketch(sketch.values[self._index], sketch.squares[self._index], sketch.rounding)
        self._parts = _parts(torch.bincount(cells).tolist())
        sizes = torch.tensor([stop - start for start, stop in self._parts], device=points.device)
        self._part = torch.repeat_interleave(torch.arange(len(sizes), device=points.device), sizes)
        sums = torch.zeros(len(sizes), sketch.values.shape[1], device=points.device)
        self._centroids = sums.index_add_(0, self._part, self._sketch.values) / sizes[:, None]
        self._radius = torch.linalg.vector_norm(self._sketch.values - self._centroids[self._part], dim=1)
        indices = torch.arange(len(points), device=points.device)
        self._bounds = self._distances(indices, indices.new_tensor(first))[self._index]

    def select(self, limit: int) -> Tensor:
        """Select the next centres, from 1 to `limit`, or none if all points equal a centre; returns their indices."""
        smallest = torch.topk(self._bounds, min(POOL, len(self._bounds))).values[-1]
        pool = ((self._bounds >= smallest) & (self._bounds > 0)).nonzero().squeeze(1)
        if not len(pool):
            return pool
        # Of equal distances the first in the pool is selected, so the pool must have the order of the points.
        pool = pool[torch.argsort(self._index[pool])]
        centres = pool[self._select_from(pool, float(smallest), min(limit, 2 * POOL))]
        if len(centres) < limit:
            self._update(centres, pool)
        return self._index[centres]

    def _select_from(self, pool: Tensor, smallest: float, limit: int) -> Tensor:
        """Select centres while their distance is at least `smallest` and update the bounds of the pool.

        Returns the positions of the centres in the pool.
        """
        index, values = self._index[pool], self._sketch.values[pool]
        squares, bounds = self._sketch.squares[pool], self._bounds[pool]
        centres: list[int] = []
        largest = squares.max()
        limits = self._sketch.limits(pool, bounds, largest)
        halves = (squares / 2).tolist()
        while len(centres) < limit:
            bound, position = bounds.max(0)
            if not 0 < float(bound) >= smallest:
                break
            centre = int(position)
            centres.append(centre)
            near = (torch.mv(values, values[centre]) >= limits + halves[centre]).nonzero().squeeze(1)
            distances = torch.minimum(bounds[near], self._distances(index[near], index[centre]))
            bounds[near] = distances
            limits[near] = self._sketch.limits(pool[near], distances, largest)
            bounds[centre] = 0
        self._bounds[pool] = bounds
        return torch.tensor(centres, dtype=torch.int64, device=pool.device)

    def _update(self, centres: Tensor, pool: Tensor) -> None:
        """Compare the points outside the pool with new centres; both are given by position."""
        values, squares, index = self._sketch.values[centres], self._sketch.squares[centres], self._index[centres]
        largest = squares.max()
        limits = self._sketch.limits(slice(None), self._bounds, largest)
        limits[pool] = torch.inf
        limits[self._bounds == 0] = torch.inf
        reachable = self._reachable(values, largest)
        for part, (start, stop) in enumerate(self._parts):
            near = reachable[part].nonzero().squeeze(1)
            if not len(near):
                continue
            products = torch.addmm(squares[near] / -2, self._sketch.values[start:stop], values[near].T)
            rows = (products.amax(1) >= limits[start:stop]).nonzero().squeeze(1)
            if not len(rows):
                continue
            row, column = (products[rows] >= limits[start:stop][rows, None]).nonzero(as_tuple=True)
            position = start + rows[row]
            distances = self._distances(self._index[position], index[near[column]])
            self._bounds.scatter_reduce_(0, position, distances, "amin")

    def _reachable(self, values: Tensor, largest: Tensor) -> Tensor:
        """Whether a centre may be nearer to a point of a part than the bound of the point, bool [parts, centres]."""
        parts = len(self._parts)
        reach = torch.where(self._bounds > 0, self._radius + self._bounds, 0)
        reach = reach.new_zeros(parts).scatter_reduce_(0, self._part, reach, "amax")
        lengths = reach.new_zeros(parts).scatter_reduce_(0, self._part, self._sketch.squares, "amax")
        slack = self._sketch.rounding * (lengths + largest).sqrt()
        gaps = torch.cdist(self._centroids, values, compute_mode="donot_use_mm_for_euclid_dist")
        return gaps < (1.001 * reach + slack)[:, None]

    def _distances(self, first: Tensor, second: Tensor) -> Tensor:
        """Compute the distances [n] between the points `first` [n] and `second`, [n] or scalar, given by index."""
        distances = self._points.new_empty(len(first))
        for start in range(0, len(first), PAIRS):
            part = slice(start, start + PAIRS)
            difference = self._points[first[part]] - self._points[second if second.ndim == 0 else second[part]]
            torch.linalg.vector_norm(difference, dim=1, out=distances[part])
        return distances


def _sketch(points: Tensor) -> _Sketch:
    count, dimension = points.shape
    components = min(COMPONENTS, dimension)
    mean = points.mean(0)
    gram = points.new_zeros(dimension, dimension)
    for part in points.split(ROWS):
        gram.addmm_((part - mean).T, part - mean)
    vectors = torch.linalg.eigh(gram.double())[1][:, -components:].to(points.dtype)
    values = points.new_empty(count, components + 1)
    for part, out in zip(points.split(ROWS), values.split(ROWS), strict=True):
        centred = part - mean
        leading = centred @ vectors
        out[:, :-1] = leading
        out[:, -1] = torch.linalg.vector_norm(centred - leading @ vectors.T, dim=1)
    rounding = 4 * (dimension + components) * torch.finfo(points.dtype).eps
    return _Sketch(values, (values * values).sum(1), rounding)


def _cells(values: Tensor) -> Tensor:
    """Assign each sketch to the nearest of some seeds at equal steps, int64 [N]."""
    count = len(values)
    steps = torch.linspace(0, count - 1, max(1, count // CELL), device=values.device).long()
    seeds = values[steps]
    halves = (seeds * seeds).sum(1) / -2
    # One buffer for all products: freed between results that are kept, they would fragment glibc's heap.
    cells = torch.empty(count, dtype=torch.int64, device=values.device)
    buffer = values.new_empty(ROWS, len(seeds))
    for part, out in zip(values.split(ROWS), cells.split(ROWS), strict=True):
        products = torch.addmm(halves, part, seeds.T, out=buffer[: len(part)])
        torch.argmax(products, 1, out=out)
    return cells


def _parts(sizes: list[int]) -> list[tuple[int, int]]:
    """List start and stop of each cell; large cells are split."""
    parts, start = [], 0
    for size in sizes:
        parts += [(start + offset, start + min(offset + LARGEST_CELL, size)) for offset in range(0, size, LARGEST_CELL)]
        start += size
    return parts
