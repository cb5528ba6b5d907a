"""Read one published figure: the image, its ground truth, the anomaly map and the predicted mask.

anomalib 1.x drew it: five pictures side by side, the map as colours over the image. What comes back:

- masks exactly, and so the side of the threshold 0.5 on which each pixel of the map lies;
- the image within 1/255 for about 99 % of pixels, as its enlargement was cut to 8 bit;
- the map in levels of 1/255, rounded down by anomalib and cut off at 0 and 1, within one level for over 99 % of pixels.

The outermost pixels lie partly under the frame: their image is less sure (some 1/255), their map leans on neighbours.
With PatchCore the image is the whole photograph at the size of the map, while masks and map show its centre crop, as
anomalib 1.x drew it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from repro.errors import ReproError
from repro.panels.colours import levels_of, overlay
from repro.panels.enlargement import SIDES, Enlargement, best_fit
from repro.panels.frames import are_alike, cut, find_frames
from repro.panels.quality import AMBIGUOUS, UPPER, Quality, quality

#: Width and height of a figure in pixels.
SIZE = (2500, 500)
#: Largest mean misfit of the enlargement, in 1/255: 0.14 in the published figures, 0.5 and more at the other side.
MISFIT = 0.3
#: Largest mean distance from the colour table, in 1/255: 1.6 to 2.0 in the published figures.
DISTANCE = 3.0
#: Smallest agreement of map and mask away from edges: above 0.9999 in the published figures.
AGREEMENT = 0.99
#: Levels between an outermost pixel and its neighbour, at most.
STEADY = 1
#: How far a pixel of a mask may be from black or white, in 1/255: 15 in the published figures.
GREY = 40
HINT = "give the study's published figure, or a lossless copy of it"


@dataclass(frozen=True, eq=False)
class Panel:
    """What one figure shows, S x S pixels.

    Args:
        name: the test image, as in MVTec AD: `grid/test/broken/000.png`.
        image: uint8 [S, S, 3].
        mask: ground truth, bool [S, S]; empty for good images.
        anomaly_map: normalised map, float32 [S, S] in 0..1, in steps of 1/255; `>= 0.5` is `predicted`.
        predicted: predicted mask, bool [S, S].
        quality: how well it was read.
    """

    name: str
    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    anomaly_map: NDArray[np.float32]
    predicted: NDArray[np.bool_]
    quality: Quality


def open_figure(path: Path) -> NDArray[np.uint8]:
    """Decode an image file to uint8 [500, 2500, 3]; ReproError where it is damaged, none, or of another size."""
    try:
        with Image.open(path) as opened:
            if opened.size != SIZE:
                width, height = opened.size
                what = f"has {width} x {height} pixels, not {SIZE[0]} x {SIZE[1]}"
                raise ReproError(what, where=path, hint=HINT)
            return np.asarray(opened.convert("RGB"))
    except UnidentifiedImageError:
        raise ReproError("is not an image", where=path, hint=HINT) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ReproError(f"cannot be read as an image ({reason})", where=path, hint=HINT) from None


def read_panel(figure: NDArray[np.uint8], name: str, where: object) -> Panel:
    """Read what a figure shows; ReproError where it is no such figure.

    Args:
        figure: uint8 [500, 2500, 3].
        name: the test image that it shows.
        where: the file, for errors.
    """
    frames = find_frames(figure)
    if not are_alike(frames):
        raise ReproError("does not show five framed pictures of one size", where=where, hint=HINT)
    drawn = [cut(figure, frame) for frame in frames[:4]]
    way, misfit = best_fit(drawn[0], frames[0])
    if misfit > MISFIT:
        sides = " or ".join(map(str, SIDES))
        raise ReproError(
            f"shows pictures that were not enlarged from {sides} pixels by matplotlib (misfit {misfit:.2f}/255)",
            where=where,
            hint=HINT,
        )
    image = np.rint(way.shrink(drawn[0])).clip(0, 255)
    read, distances = levels_of(way.shrink(drawn[2]), image)
    levels = steadied(read)
    if distances.mean() > DISTANCE:
        raise ReproError(
            f"shows a heat map of other colours or another blend (mean distance {distances.mean():.1f}/255)",
            where=where,
            hint=HINT,
        )
    mask, predicted = (_mask(one[0], way, where) for one in (drawn[1], drawn[3]))
    again = way.enlarge(overlay(levels, image))
    counted = quality(levels, predicted, distances, float(np.abs(again - drawn[2]).mean()))
    if counted.agreement < AGREEMENT:
        raise ReproError(
            f"its heat map and predicted mask disagree away from edges ({1 - counted.agreement:.1%} of pixels)",
            where=where,
            hint=HINT,
        )
    return Panel(
        name=name,
        image=np.ascontiguousarray(np.moveaxis(image.astype(np.uint8), 0, 2)),
        mask=mask,
        anomaly_map=decided(levels, predicted).astype(np.float32) / np.float32(255),
        predicted=predicted,
        quality=counted,
    )


def steadied(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Keep the outermost levels within `STEADY` of their neighbours inside, [S, S].

    Most of what shows them lies under the frame, so that they would be read up to 10 levels wrong, and an image's
    largest level with them. Further inside, 96 to 99.9 % of neighbours in the published maps are that near.
    """
    steady = levels.astype(np.int16)
    for way in (steady, steady.T):
        for outer, inner in ((0, 1), (-1, -2)):
            way[outer] = way[outer].clip(way[inner] - STEADY, way[inner] + STEADY)
    return steady.clip(0, 255).astype(np.uint8)


def decided(levels: NDArray[np.uint8], predicted: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Move levels that lie on the wrong side of the threshold to the nearest level on the mask's side.

    That is done where it is within what was read wrongly: of ambiguous levels, and along the frame.
    """
    first, last = AMBIGUOUS
    near = (levels >= first) & (levels <= last)
    near[[0, -1]] = near[:, [0, -1]] = True
    sided = np.where(predicted, np.maximum(levels, UPPER), np.minimum(levels, UPPER - 1))
    return np.where(near, sided, levels).astype(np.uint8)


def _mask(enlarged: NDArray[np.float32], way: Enlargement, where: object) -> NDArray[np.bool_]:
    """Read a mask, bool [S, S], from its enlarged picture [rows, columns]."""
    bright = way.shrink(enlarged)
    if (np.minimum(np.abs(bright), np.abs(bright - 255)) > GREY).any():
        raise ReproError("shows a mask that is not black and white", where=where, hint=HINT)
    return bright > 127
