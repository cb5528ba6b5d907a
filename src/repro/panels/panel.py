"""Panel: one result image in; the test image, its mask, the anomaly map and the predicted mask out, and how well."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter

from repro.errors import ReproError
from repro.panels.colours import LEVELS, levels
from repro.panels.frames import pictures

#: Side of the pictures in pixels: what the model was shown.
SIDES = {"efficientad": 256, "patchcore": 224}
#: The first level whose values lie at the threshold of 0.5 or above; values of the one below lie on both sides of it.
THRESHOLD = LEVELS // 2
#: Levels on each side of the threshold within which the predicted mask decides on which side a pixel is.
UNSURE = 2
#: Pixels from an edge of the predicted mask within which enlarging may have moved it.
EDGE = 2
#: Grey values that a mask may hold: it was drawn in black and white, and is seen so again within rounding.
GREY = 32
#: Mean distance from the colour table, of 255, and share of disagreement, beyond which an image is of another kind;
#: the worst of the study's own images has 2.3 and 0.005.
FARTHEST, MOST_DISAGREEMENT = 6.0, 0.05
HINT = "name a folder with the study's own result images"


@dataclass(frozen=True)
class Quality:
    """How well one map was recovered; shares are of its pixels."""

    mean_distance: float
    #: [H, W], of 255.
    distance: NDArray[np.float32]
    #: [256], pixels at each level.
    histogram: NDArray[np.int64]
    #: Pixels away from the edges of the predicted mask, and how many of them are on the mask's side of the threshold.
    far: int
    agreeing: int
    #: Pixels whose side of the threshold the predicted mask decided.
    decided: int


@dataclass(frozen=True)
class Panel:
    """What a result image shows."""

    #: uint8 [S, S, 3], within a rounding of the pixels that the model was shown.
    image: NDArray[np.uint8]
    #: [S, S], ground truth and the study's prediction; both exact.
    mask: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    #: float32 [S, S], in 1/255: the normalised anomaly map, rounded down; `predicted` where it is 0.5 or above.
    anomaly_map: NDArray[np.float32]
    quality: Quality


def take_apart(figure: Image.Image, model: str, where: object) -> Panel:
    """Take a result image apart; ReproError, which names `where`, where it is not one of that model.

    The published heat map is 0.4 of a colour over 0.6 of the image, so that image and heat map give the colour, and its
    place in the colour table is the map. Where the map lies on the threshold, the predicted mask says on which side.
    """
    image, truth, heat, prediction, _ = pictures(figure, SIDES[model], where)
    mask, predicted = (_black_and_white(picture[..., 0], where) for picture in (truth, prediction))
    level, distance = levels(heat, image)
    if distance.mean() > FARTHEST:
        raise ReproError(
            f"its heat map lies {distance.mean():.1f} of 255 from the colour table: another table or blend",
            where=where,
            hint=HINT,
        )
    # The outermost pixels lie under the line of the frame; a map is smooth, so they take their neighbours' level.
    level = np.pad(level[1:-1, 1:-1], 1, mode="edge")
    above = level >= THRESHOLD
    near = np.abs(level - (THRESHOLD - 0.5)) < UNSURE
    far = ~_edge(predicted)
    # A level of the threshold's own says nothing of the side.
    wrong = (above != predicted) & (level != THRESHOLD - 1) & far
    if wrong.sum() > MOST_DISAGREEMENT * level.size:
        raise ReproError(
            f"its map and its mask disagree on {100 * wrong.mean():.1f} % of the pixels", where=where, hint=HINT
        )
    values = (level / (LEVELS - 1)).astype(np.float32)
    decided = (above != predicted) & (near | ~far)
    values[decided & predicted] = 0.5
    values[decided & ~predicted] = np.float32((THRESHOLD - 1) / (LEVELS - 1))
    quality = Quality(
        mean_distance=float(distance.mean()),
        distance=distance.astype(np.float32),
        histogram=np.bincount(level.ravel(), minlength=LEVELS),
        far=int(far.sum()),
        agreeing=int(far.sum() - wrong.sum()),
        decided=int(decided.sum()),
    )
    return Panel(np.rint(image).astype(np.uint8), mask, predicted, values, quality)


def _black_and_white(picture: NDArray[np.float64], where: object) -> NDArray[np.bool_]:
    grey = (picture > GREY) & (picture < 255 - GREY)
    if grey.mean() > MOST_DISAGREEMENT:
        raise ReproError("shows a mask that is not black and white", where=where, hint=HINT)
    white: NDArray[np.bool_] = picture > 127.5
    return white


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    width = 2 * EDGE + 1
    edge: NDArray[np.bool_] = maximum_filter(mask, width) != minimum_filter(mask, width)
    return edge
