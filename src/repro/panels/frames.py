"""Find the five framed pictures in a figure of anomalib 1.x (`VisualizationMode.FULL`), by their frames' lines."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WHITE = 255
#: What matplotlib cuts off on average when it makes whole numbers of an enlarged picture; less than a half, so that
#: even areas, of which it cuts nothing, stay as they are.
CUT_OFF = 0.49
#: Image, ground truth, heat map, predicted mask and segmentation result, from left to right.
AXES = 5


@dataclass(frozen=True)
class Frame:
    """Where one picture lies in the figure; the lines themselves are black and hide what is under them.

    Args:
        left, right: columns of the frame's lines.
        top, bottom: rows of the frame's lines.
        fade: what the lines' soft edges leave of the pixels next to them, 0 to 1.
    """

    left: int
    right: int
    top: int
    bottom: int
    fade: float

    @property
    def side(self) -> int:
        """Pixels along the enlarged picture; it begins under the left and the top line."""
        return self.right - self.left + 1

    @property
    def rows(self) -> slice:
        """Rows of the enlarged picture that no line hides."""
        return slice(1, min(self.bottom - self.top, self.side))

    @property
    def columns(self) -> slice:
        """Columns of the enlarged picture that no line hides."""
        return slice(1, self.side - 1)


def find_frames(figure: NDArray[np.uint8]) -> list[Frame]:
    """Find the frames, from left to right; fewer than five where the figure is another.

    Args:
        figure: uint8 [height, width, 3].
    """
    bright = figure.max(axis=2)
    found = (_frame(bright, first, last) for first, last in _runs((figure != WHITE).any(axis=(0, 2))))
    return [frame for frame in found if frame is not None]


def are_alike(frames: list[Frame]) -> bool:
    """Say whether these are the frames of one figure: five of one size, side by side."""
    sizes = {(frame.side, frame.top, frame.bottom) for frame in frames}
    return len(frames) == AXES and len(sizes) == 1


def cut(figure: NDArray[np.uint8], frame: Frame) -> NDArray[np.float32]:
    """Take what a frame encloses, float32 [3, rows, columns] in 0..255; shade and cutting off are made up for."""
    top, left = frame.top, frame.left
    rows = slice(top + frame.rows.start, top + frame.rows.stop)
    columns = slice(left + frame.columns.start, left + frame.columns.stop)
    inside = np.moveaxis(figure[rows, columns], 2, 0).astype(np.float32)
    for edge in (inside[:, 0], inside[:, -1], inside[:, :, 0], inside[:, :, -1]):
        edge /= frame.fade
    return np.minimum(inside + np.float32(CUT_OFF), np.float32(WHITE))


def _frame(bright: NDArray[np.uint8], first: int, last: int) -> Frame | None:
    """Read a frame from the columns `first` to `last` that are not all white; None where they hold none.

    The outermost columns are the lines' soft edges, the next ones the lines.
    """
    left, right = first + 1, last - 1
    lines = _runs(bright[:, left] == 0)
    if right <= left or len(lines) != 1:
        return None
    top, bottom = lines[0]
    sides, ends = bright[top : bottom + 1, [left, right]], bright[[top, bottom], left : right + 1]
    across, down = right - left, bottom - top
    fade = float(bright[(top + bottom) // 2, first]) / WHITE
    # Rows are rounded to whole pixels by themselves, so that a square may be one higher than wide.
    if sides.any() or ends.any() or not 0 <= down - across <= 1 or across < 2 or fade == 0:
        return None
    return Frame(left, right, top, bottom, fade)


def _runs(where: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last places of the runs of True."""
    edges = np.flatnonzero(np.diff(where.astype(np.int8), prepend=0, append=0))
    return [(int(first), int(after) - 1) for first, after in zip(edges[::2], edges[1::2], strict=True)]
