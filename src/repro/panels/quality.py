"""How well figures were read: counts of one figure, which add up to those of a set."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from repro.panels.colours import LEVELS

#: Lowest level on the threshold's upper side: 128/255 is the first above 0.5.
UPPER = 128
#: Levels so near the threshold that the predicted mask decides on their side.
AMBIGUOUS = (126, 129)
#: Pixels from the predicted mask's border within which map and mask are not compared.
BORDER = 2
#: Width of the classes of distances, and what the last one begins at, in 1/255.
STEP, FARTHEST = 0.05, 50.0


@dataclass(frozen=True, eq=False)
class Quality:
    """Counts of pixels, of one figure or of many.

    Args:
        levels: pixels at each level, int64 [256], before the mask decides at the threshold.
        distances: pixels in each class of distance from the colour table, int64 [n].
        total_distance: sum of the distances, in 1/255.
        compared: pixels away from the predicted mask's border.
        agreeing: those of them where map and mask are on the same side of the threshold, or the level is ambiguous.
        redrawn: mean difference between the heat map drawn again and the figure's, in 1/255, times the pixels.
        pictures: figures counted.
    """

    levels: NDArray[np.int64]
    distances: NDArray[np.int64]
    total_distance: float
    compared: int
    agreeing: int
    redrawn: float
    pictures: int = 1

    @property
    def pixels(self) -> int:
        return int(self.levels.sum())

    @property
    def mean_distance(self) -> float:
        """Mean distance from the colour table, in 1/255."""
        return self.total_distance / self.pixels

    @property
    def far_distance(self) -> float:
        """99th percentile of the distances, in 1/255, rounded up to a class's end."""
        below = np.searchsorted(self.distances.cumsum(), 0.99 * self.pixels)
        return float((below + 1) * STEP)

    @property
    def agreement(self) -> float:
        """Share of the compared pixels where map and mask agree; 1 where none are far enough from a border."""
        return self.agreeing / self.compared if self.compared else 1.0

    @property
    def misdrawn(self) -> float:
        """Mean difference between the heat map drawn again and the figure's, in 1/255."""
        return self.redrawn / self.pixels

    @property
    def distinct(self) -> int:
        """How many of the 256 levels are used."""
        return int(np.count_nonzero(self.levels))

    @property
    def at_zero(self) -> float:
        """Share of pixels at the lowest level, where the map may have been cut off."""
        return float(self.levels[0] / self.pixels)

    @property
    def at_full(self) -> float:
        """Share of pixels at the highest level, where the map may have been cut off."""
        return float(self.levels[-1] / self.pixels)

    @property
    def ambiguous(self) -> float:
        """Share of pixels whose side of the threshold the mask decides."""
        first, last = AMBIGUOUS
        return float(self.levels[first : last + 1].sum() / self.pixels)


def quality(
    levels: NDArray[np.uint8], predicted: NDArray[np.bool_], distances: NDArray[np.float32], misdrawn: float
) -> Quality:
    """Count how well one figure was read; levels, mask and distances are [S, S]."""
    first, last = AMBIGUOUS
    size = 2 * BORDER + 1
    away = maximum_filter(predicted, size) == minimum_filter(predicted, size)
    fits = np.where(predicted, levels >= first, levels <= last)
    classes = np.minimum(distances / STEP, FARTHEST / STEP).astype(np.int64)
    return Quality(
        levels=np.bincount(levels.ravel(), minlength=LEVELS),
        distances=np.bincount(classes.ravel(), minlength=round(FARTHEST / STEP) + 1),
        total_distance=float(distances.sum(dtype=np.float64)),
        compared=int(away.sum()),
        agreeing=int((away & fits).sum()),
        redrawn=misdrawn * levels.size,
    )


def pooled(qualities: Iterable[Quality]) -> Quality:
    """Add the counts of figures up; at least one."""
    all_of = list(qualities)
    return Quality(
        levels=np.sum([one.levels for one in all_of], axis=0),
        distances=np.sum([one.distances for one in all_of], axis=0),
        total_distance=sum(one.total_distance for one in all_of),
        compared=sum(one.compared for one in all_of),
        agreeing=sum(one.agreeing for one in all_of),
        redrawn=sum(one.redrawn for one in all_of),
        pictures=sum(one.pictures for one in all_of),
    )
