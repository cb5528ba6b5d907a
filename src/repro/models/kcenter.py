"""k-centre: greedy selection of the points that cover all others best, exact, without comparing every pair.

The greedy rule takes, again and again, the point farthest from all chosen before, its centres. A distance to the
nearest centre only shrinks, so one that is out of date is an upper bound. Three things follow from it:

1. Points are chosen from a *pool* of those with the largest bounds, kept up to date, until none in the pool exceeds
   all outside; then the points outside are compared with the centres chosen since.
2. A *sketch* of each point, its leading principal components and the length of what they leave out, gives a lower
   bound on every distance at a fraction of the cost. Only where that is below a point's bound is a distance computed.
3. The sketches lie in *cells* of near ones. By the triangle inequality a new centre reaches no point of most cells.

A distance is always computed as anomalib does, from the difference of two points, so it has the same bits, and the
same points come out in the same order.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

#: Leading principal components in a sketch, points in a pool, in a cell on average and at most, and pairs compared at
#: once: the fastest tried on 80,000 patches of a random ResNet-18; none decides what is selected.
COMPONENTS = 48
POOL = 2048
CELL, LARGEST_CELL = 400, 1024
PAIRS = 2048
ROWS = 2048


def farthest_first(
    points: Tensor, count: int, first: int, progress: Callable[[int, int], None] | None = None
) -> Tensor:
    """Indices of `count` of the points [N, D], int64 [count], in the order of selection, `first` before all.

    Each is the one whose distance to the nearest selected before it is largest; of equal ones the first index wins.
    Points that equal a selected one have distance 0; where nothing else is left, index 0 is repeated, as in anomalib.
    `progress` is called with the number selected and to select. Raises ValueError where a point, or its squared length,
    is not finite.
    Memory beside the points: about N x 60 numbers.

    Source: Sener and Savarese, arXiv 1708.00489, algorithm 1, as in anomalib 2.7, `KCenterGreedy`. Bounds by the
    triangle inequality: Elkan, ICML 2003.
    """
    if not all(bool((part * part).sum(1).isfinite().all()) for part in points.split(ROWS)):
        raise ValueError("not all points, or not their squared lengths, are finite numbers")
    cover = _Cover(points, first)
    selected = torch.zeros(count, dtype=torch.int64, device=points.device)
    selected[0] = first
    done = 1
    while done < count:
        chosen = cover.choose(count - done)
        if not len(chosen):
            break
        selected[done : done + len(chosen)] = chosen
        done += len(chosen)
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
    #: What rounding may add to a squared distance, as a share of the two squared lengths.
    rounding: float

    def limits(self, which: Tensor | slice, bounds: Tensor, largest: Tensor) -> Tensor:
        """For points and their bounds [n]: a centre c with x.c - |c|^2 / 2 below this cannot come nearer.

        `largest` is the largest squared length among the centres.
        """
        squares = self.squares[which]
        return (squares - self.rounding * (squares + largest) - bounds * bounds) / 2


class _Cover:
    """Points, the bounds on their distances to the nearest centre, and the choice of the next centres."""

    def __init__(self, points: Tensor, first: int) -> None:
        self._points = points
        sketch = _sketch(points)
        cells = _cells(sketch.values)
        #: Place in the order of cells to index.
        self._index = torch.argsort(cells, stable=True)
        self._sketch = _Sketch(sketch.values[self._index], sketch.squares[self._index], sketch.rounding)
        self._parts = _parts(torch.bincount(cells).tolist())
        sizes = torch.tensor([stop - start for start, stop in self._parts], device=points.device)
        self._part = torch.repeat_interleave(torch.arange(len(sizes), device=points.device), sizes)
        sums = torch.zeros(len(sizes), sketch.values.shape[1], device=points.device)
        self._middle = sums.index_add_(0, self._part, self._sketch.values) / sizes[:, None]
        self._radius = torch.linalg.vector_norm(self._sketch.values - self._middle[self._part], dim=1)
        everything = torch.arange(len(points), device=points.device)
        self._bounds = self._distances(everything, everything.new_tensor(first))[self._index]

    def choose(self, most: int) -> Tensor:
        """Indices of the next centres, one at least and `most` at most; none where all points equal a centre."""
        smallest = torch.topk(self._bounds, min(POOL, len(self._bounds))).values[-1]
        pool = ((self._bounds >= smallest) & (self._bounds > 0)).nonzero().squeeze(1)
        if not len(pool):
            return pool
        # Of equal distances the first in this order is taken: it must be the order of the points.
        pool = pool[torch.argsort(self._index[pool])]
        picks = self._choose_from(pool, float(smallest), min(most, 2 * POOL))
        centres = pool[picks]
        if len(centres) < most:
            self._update(centres, pool)
        return self._index[centres]

    def _choose_from(self, pool: Tensor, smallest: float, most: int) -> Tensor:
        """Positions in the pool of the next centres, while they lie no nearer than `smallest`; updates its bounds."""
        index, values = self._index[pool], self._sketch.values[pool]
        squares, bounds = self._sketch.squares[pool], self._bounds[pool]
        picks: list[int] = []
        largest = squares.max()
        limits = self._sketch.limits(pool, bounds, largest)
        halves = (squares / 2).tolist()
        while len(picks) < most:
            bound, position = bounds.max(0)
            if not 0 < float(bound) >= smallest:
                break
            pick = int(position)
            picks.append(pick)
            near = (torch.mv(values, values[pick]) >= limits + halves[pick]).nonzero().squeeze(1)
            nearer = torch.minimum(bounds[near], self._distances(index[near], index[pick]))
            bounds[near] = nearer
            limits[near] = self._sketch.limits(pool[near], nearer, largest)
            bounds[pick] = 0
        self._bounds[pool] = bounds
        return torch.tensor(picks, dtype=torch.int64, device=pool.device)

    def _update(self, centres: Tensor, pool: Tensor) -> None:
        """Compare the points outside the pool with new centres, both by their places."""
        values, squares, index = self._sketch.values[centres], self._sketch.squares[centres], self._index[centres]
        largest = squares.max()
        limits = self._sketch.limits(slice(None), self._bounds, largest)
        limits[pool] = torch.inf
        limits[self._bounds == 0] = torch.inf
        reachable = self._reachable(values, largest)
        for part, (start, stop) in enumerate(self._parts):
            some = reachable[part].nonzero().squeeze(1)
            if not len(some):
                continue
            products = torch.addmm(squares[some] / -2, self._sketch.values[start:stop], values[some].T)
            rows = (products.amax(1) >= limits[start:stop]).nonzero().squeeze(1)
            if not len(rows):
                continue
            row, column = (products[rows] >= limits[start:stop][rows, None]).nonzero(as_tuple=True)
            place = start + rows[row]
            distances = self._distances(self._index[place], index[some[column]])
            self._bounds.scatter_reduce_(0, place, distances, "amin")

    def _reachable(self, values: Tensor, largest: Tensor) -> Tensor:
        """Whether a centre may come nearer to some point of a part than that point's bound, bool [parts, centres]."""
        parts = len(self._parts)
        reach = torch.where(self._bounds > 0, self._radius + self._bounds, 0)
        reach = reach.new_zeros(parts).scatter_reduce_(0, self._part, reach, "amax")
        lengths = reach.new_zeros(parts).scatter_reduce_(0, self._part, self._sketch.squares, "amax")
        slack = self._sketch.rounding * (lengths + largest).sqrt()
        gaps = torch.cdist(self._middle, values, compute_mode="donot_use_mm_for_euclid_dist")
        return gaps < (1.001 * reach + slack)[:, None]

    def _distances(self, one: Tensor, other: Tensor) -> Tensor:
        """Distances, [n], of the points `one` to the points `other`, both by index, or to the only one there."""
        found = self._points.new_empty(len(one))
        for start in range(0, len(one), PAIRS):
            part = slice(start, start + PAIRS)
            difference = self._points[one[part]] - self._points[other if other.ndim == 0 else other[part]]
            torch.linalg.vector_norm(difference, dim=1, out=found[part])
        return found


def _sketch(points: Tensor) -> _Sketch:
    count, dimension = points.shape
    components = min(COMPONENTS, dimension)
    middle = points.mean(0)
    gram = points.new_zeros(dimension, dimension)
    for part in points.split(ROWS):
        gram.addmm_((part - middle).T, part - middle)
    vectors = torch.linalg.eigh(gram.double())[1][:, -components:].to(points.dtype)
    values = points.new_empty(count, components + 1)
    for part, out in zip(points.split(ROWS), values.split(ROWS), strict=True):
        centred = part - middle
        leading = centred @ vectors
        out[:, :-1] = leading
        out[:, -1] = torch.linalg.vector_norm(centred - leading @ vectors.T, dim=1)
    rounding = 4 * (dimension + components) * torch.finfo(points.dtype).eps
    return _Sketch(values, (values * values).sum(1), rounding)


def _cells(values: Tensor) -> Tensor:
    """For each sketch the nearest of some taken at equal steps, int64 [N]."""
    count = len(values)
    steps = torch.linspace(0, count - 1, max(1, count // CELL), device=values.device).long()
    seeds = values[steps]
    halves = (seeds * seeds).sum(1) / -2
    # In one buffer: freed between results that stay, such blocks fragment glibc's heap and add up.
    found = torch.empty(count, dtype=torch.int64, device=values.device)
    products = values.new_empty(ROWS, len(seeds))
    for part, out in zip(values.split(ROWS), found.split(ROWS), strict=True):
        some = torch.addmm(halves, part, seeds.T, out=products[: len(part)])
        torch.argmax(some, 1, out=out)
    return found


def _parts(sizes: list[int]) -> list[tuple[int, int]]:
    """Start and stop of each cell, the large ones cut."""
    parts, start = [], 0
    for size in sizes:
        parts += [(start + offset, start + min(offset + LARGEST_CELL, size)) for offset in range(0, size, LARGEST_CELL)]
        start += size
    return parts
