"""Exact greedy k-centre selection (farthest point first) on a GPU, with the result of `kcenter` on a CPU.

A pick depends on the one before, so that the time goes into waiting: for the device, and for memory. Therefore centres
are selected from a *pool* of the points with the largest bounds, which fits in the cache, by a CUDA graph of `PICKS`
picks after which the host waits once. Once no point in the pool exceeds the bounds outside, one matrix product compares
all points with the new centres, and the few distances that it finds smaller are computed exactly.

Distances of a device differ from those of a CPU in the last bits. Where they leave open which point is farthest, the
distances of these points are computed on the CPU, so that a coreset does not depend on the device.

The same code runs on a CPU, without a graph; this is how it is tested where there is no GPU.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

#: Points in a pool: 10 MB of projected patches. Picks in a graph. Neither changes the selection.
POOL, PICKS = 8192, 64
#: Numbers in one product of points and centres.
PRODUCT = 2**28
#: Rows, and pairs of rows, that are computed at once.
ROWS, PAIRS = 2**16, 2**20
#: Relative difference up to which distances are taken for equal until the CPU has computed them: ten times what
#: float32 sums of 313 squares were seen to differ by.
TIE = 2e-6


def farthest_first(
    points: Tensor, count: int, first: int, progress: Callable[[int, int], None] | None = None
) -> Tensor:
    """Select `count` of the points [N, D], as `kcenter.farthest_first` does on a CPU; int64 [count].

    Raises ValueError if a point or its squared length is not finite. Needs memory for a copy of the points and for
    2 x `PRODUCT` numbers.
    """
    selection = _Selection(points, first)
    while len(selection.centres) < count:
        before = len(selection.centres)
        selection.extend(count)
        if len(selection.centres) == before:
            break
        if progress:
            progress(len(selection.centres), count)
    selected = torch.zeros(count, dtype=torch.int64, device=points.device)
    selected[: len(selection.centres)] = torch.tensor(selection.centres, device=points.device)
    return selected


class _Pool:
    """Buffers of a pool, always at the same addresses, and picks from it."""

    def __init__(self, size: int, points: Tensor) -> None:
        self.rows = points.new_empty(size, points.shape[1])
        #: Distance of each point to the nearest centre.
        self.bounds = points.new_empty(size)
        #: Of each pick: its position, its distance, and how many points are as far, up to `TIE`.
        self.positions = torch.empty(PICKS, dtype=torch.int64, device=points.device)
        self.distances = points.new_empty(PICKS)
        self.ties = torch.empty(PICKS, dtype=torch.int64, device=points.device)
        self._graph = _captured(self._pick_all) if points.is_cuda else None

    def pick(self) -> None:
        """Make `PICKS` picks, each the farthest point, whether they are valid or not."""
        if self._graph:
            self._graph.replay()
        else:
            self._pick_all()

    def _pick_all(self) -> None:
        for number in range(PICKS):
            distance, position = self.bounds.max(0)
            self.positions[number] = position
            self.distances[number] = distance
            self.ties[number] = (self.bounds >= distance * (1 - TIE)).sum()
            self.add(position)

    def add(self, position: Tensor) -> None:
        """Make the point at `position`, [], a centre."""
        centre = self.rows.index_select(0, position.view(1))
        torch.minimum(self.bounds, _distances(self.rows, centre), out=self.bounds)

    def replay(self, start: Tensor, positions: list[int]) -> None:
        """Set the bounds to those of `start` after some picks."""
        self.bounds.copy_(start)
        for position in torch.tensor(positions, dtype=torch.int64, device=start.device):
            self.add(position)

    def replayed(self, start: Tensor, positions: list[int]) -> Tensor:
        """The bounds after some picks; the present ones stay."""
        present = self.bounds.clone()
        self.replay(start, positions)
        bounds = self.bounds.clone()
        self.bounds.copy_(present)
        return bounds


class _Selection:
    """Points, the centres selected so far, and the distance of each point to the nearest of them."""

    def __init__(self, points: Tensor, first: int) -> None:
        if not all(bool((part * part).sum(1).isfinite().all()) for part in points.split(ROWS)):
            raise ValueError("some points or their squared lengths are not finite")
        self._points = points
        # A product of centred points has smaller rounding errors.
        self._centred = points - points.mean(0)
        self._squares = (self._centred * self._centred).sum(1)
        self._rounding = 4 * points.shape[1] * torch.finfo(points.dtype).eps
        self.centres = [first]
        self._bounds = _distances(points, points[first : first + 1])
        self._pool = _Pool(min(POOL, len(points)), points)

    def extend(self, count: int) -> None:
        """Select at least one more centre, if a point differs from all, and at most `count` in all."""
        pool, before = self._pool, len(self.centres)
        largest, members = torch.topk(self._bounds, len(pool.bounds))
        members = members.sort().values
        whole = len(members) == len(self._points)
        # Of a point that is farther than this, all that are as far up to TIE are in the pool.
        enough = 0.0 if whole else float(largest[-1]) * (1 + TIE)
        torch.index_select(self._points, 0, members, out=pool.rows)
        pool.bounds.copy_(self._bounds[members])
        while len(self.centres) < count and self._pick(members, enough, count):
            pass
        self._bounds[members] = pool.bounds
        if len(self.centres) == before:
            self._pick_among_all()
        if not whole and before < len(self.centres) < count:
            self._update(torch.tensor(self.centres[before:], device=members.device))

    def _pick(self, members: Tensor, enough: float, count: int) -> bool:
        """Select up to `PICKS` centres from the pool; returns whether it may have more."""
        pool, start = self._pool, self._pool.bounds.clone()
        pool.pick()
        positions, distances, ties = pool.positions.tolist(), pool.distances.tolist(), pool.ties.tolist()
        limit = min(PICKS, count - len(self.centres))
        for done in range(limit):
            if distances[done] <= enough:
                pool.replay(start, positions[:done])
                return False
            position = positions[done]
            if ties[done] > 1:
                tied = (pool.replayed(start, positions[:done]) >= distances[done] * (1 - TIE)).nonzero().squeeze(1)
                position = int(tied[self._farthest(members[tied])])
            self.centres.append(int(members[position]))
            if position != positions[done]:
                pool.replay(start, [*positions[:done], position])
                return True
        if limit < PICKS:
            pool.replay(start, positions[:limit])
        return limit == PICKS

    def _pick_among_all(self) -> None:
        """Select one centre where more points are equally far than a pool holds."""
        farthest = float(self._bounds.max())
        if farthest > 0:
            tied = (self._bounds >= farthest * (1 - TIE)).nonzero().squeeze(1)
            self.centres.append(int(tied[self._farthest(tied)]))

    def _farthest(self, candidates: Tensor) -> int:
        """Which of some points, int64 [n] in ascending order, is farthest from the centres, as a CPU computes it."""
        centres = torch.tensor(self.centres, device=candidates.device)
        rows = self._points[centres]
        bounds = []
        for candidate in self._points[candidates].split(1):
            distances = _distances(rows, candidate)
            near = rows[distances <= distances.min() * (1 + TIE)]
            bounds.append(float(torch.linalg.vector_norm(candidate.cpu() - near.cpu(), dim=1).min()))
        return bounds.index(max(bounds))

    def _update(self, centres: Tensor) -> None:
        """Compare all points with new centres, int64 [m]."""
        values, squares = self._centred[centres], self._squares[centres]
        largest = squares.max()
        rows = max(1, PRODUCT // len(centres))
        for start in range(0, len(self._points), rows):
            part = slice(start, start + rows)
            bounds, lengths = self._bounds[part], self._squares[part]
            slack = self._rounding * (lengths + largest)
            # A centre c is nearer to x than the bound only if x.c - |c|^2 / 2 is at least this, and the nearest only if
            # it is also near the largest of these.
            products = torch.addmm(squares / -2, self._centred[part], values.T)
            limits = torch.maximum((lengths - slack - bounds * bounds) / 2, products.amax(1) - slack)
            limits[bounds == 0] = torch.inf
            for row, column in _pairs(products >= limits[:, None]):
                distances = torch.linalg.vector_norm(self._points[start + row] - self._points[centres[column]], dim=1)
                bounds.scatter_reduce_(0, row, distances, "amin")


def _pairs(where: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows and columns where a matrix is true, some at a time."""
    row, column = where.nonzero(as_tuple=True)
    yield from zip(row.split(PAIRS), column.split(PAIRS), strict=True)


def _distances(points: Tensor, centre: Tensor) -> Tensor:
    """Distances [N] of points [N, D] to a centre [1, D]."""
    return torch.linalg.vector_norm(points - centre, dim=1)


def _captured(work: Callable[[], None]) -> "torch.cuda.CUDAGraph":
    """A CUDA graph of the work; it runs on buffers that stay where they are."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph
