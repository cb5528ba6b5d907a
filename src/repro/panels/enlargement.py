"""Undo the enlargement of a picture by matplotlib's `imshow`, as it drew the study's figures.

The version that drew them fills the rounded-up number of pixels of its axes, counted from the frame's lines. Below a
factor of three it interpolates ("antialiased", "hanning") with a raised cosine over two neighbours, each way by itself.
So every pixel of the figure is a known mix of four of the picture, and there are more of them than unknowns.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from repro.panels.frames import Frame

#: Sides of the pictures that the study's models see, in pixels: EfficientAD, PatchCore after its centre crop.
SIDES = (256, 224)


@dataclass(frozen=True)
class Enlargement:
    """How a picture of `side` x `side` pixels came to fill a frame.

    Args:
        side: pixels along the picture.
        drawn: pixels along the enlarged picture.
        rows, columns: those of the enlarged picture that can be seen, first and after the last.
    """

    side: int
    drawn: int
    rows: tuple[int, int]
    columns: tuple[int, int]

    @cached_property
    def down(self) -> NDArray[np.float32]:
        """Weights of the picture's rows in the figure's, [seen rows, side]."""
        return weights(self.side, self.drawn)[slice(*self.rows)]

    @cached_property
    def across(self) -> NDArray[np.float32]:
        """Weights of the picture's columns in the figure's, [seen columns, side]."""
        return weights(self.side, self.drawn)[slice(*self.columns)]

    @cached_property
    def _inverses(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        down, across = (np.linalg.pinv(one.astype(np.float64)) for one in (self.down, self.across))
        return down.astype(np.float32), across.astype(np.float32)

    def enlarge(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Enlarge [..., side, side] to [..., rows, columns], without rounding."""
        return (self.down @ picture @ self.across.T).astype(np.float32, copy=False)

    def shrink(self, enlarged: NDArray[np.float32]) -> NDArray[np.float32]:
        """Find the picture [..., side, side] whose enlargement comes nearest (least squares)."""
        down, across = self._inverses
        return (down @ enlarged @ across.T).astype(np.float32, copy=False)

    def misfit(self, enlarged: NDArray[np.float32]) -> float:
        """Mean distance of some columns [rows, n] from what any picture of this side gives, in 1/255."""
        down, _ = self._inverses
        return float(np.abs(enlarged - self.down @ (down @ enlarged)).mean())


def weights(side: int, drawn: int) -> NDArray[np.float32]:
    """Weights of `side` pixels in each of `drawn`, float32 [drawn, side]; each row sums to 1."""
    place = (np.arange(drawn) + 0.5) * side / drawn - 0.5
    before = np.floor(place).astype(int)
    share = 0.5 + 0.5 * np.cos(np.pi * (place - before))
    mixed = np.zeros((drawn, side))
    np.add.at(mixed, (np.arange(drawn), before.clip(0, side - 1)), share)
    np.add.at(mixed, (np.arange(drawn), (before + 1).clip(0, side - 1)), 1 - share)
    return mixed.astype(np.float32)


@lru_cache(maxsize=16)
def _of(side: int, drawn: int, rows: tuple[int, int], columns: tuple[int, int]) -> Enlargement:
    return Enlargement(side, drawn, rows, columns)


def enlargement(frame: Frame, side: int) -> Enlargement:
    """The enlargement of a picture of `side` pixels into a frame; kept, as its inverse takes long."""
    rows, columns = frame.rows, frame.columns
    return _of(side, frame.side, (rows.start, rows.stop), (columns.start, columns.stop))


def best_fit(enlarged: NDArray[np.float32], frame: Frame) -> tuple[Enlargement, float]:
    """The enlargement among those of `SIDES` that explains a picture [3, rows, columns], and its misfit in 1/255."""
    some = enlarged[1, :, 2:-2:8]
    fits = [(one.misfit(some), one) for one in (enlargement(frame, side) for side in SIDES)]
    misfit, best = min(fits, key=lambda fit: fit[0])
    return best, misfit
