"""Predictions: what predictions.npz holds of a cell. Reading it takes neither scipy nor scikit-learn."""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from repro.errors import ReproError

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
#: What numpy raises on a file that is not one of its archives, or on a damaged one.
UNREADABLE = (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a cell predicts for the test images of its category."""

    #: [N]
    scores: Floats
    #: [N, H, W]
    maps: Floats
    #: [N, H, W]
    masks: Bools
    #: [N]
    labels: Bools
    #: [N], names relative to the data root.
    images: NDArray[np.str_]
    #: [M], of the training images that were held out; none in most cells.
    held_out_scores: Floats = field(default_factory=lambda: np.empty(0, np.float32))
    #: [M, H, W]
    held_out_maps: Floats = field(default_factory=lambda: np.empty((0, 1, 1), np.float32))


def load(path: Path) -> Predictions:
    """Read a predictions.npz; ReproError where there is none or it holds something else."""
    hint = "run `nox -s evaluate` to make it"
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            predictions = Predictions(**arrays)
    except FileNotFoundError:
        raise ReproError("no such file", where=path, hint=hint) from None
    except UNREADABLE as error:
        raise ReproError(f"not a file of predictions ({error})", where=path, hint=hint) from None
    for fault in _faults(predictions):
        raise ReproError(fault, where=path, hint="train the cell again" if "finite" in fault else hint)
    return predictions


def _faults(predictions: Predictions) -> Iterator[str]:
    """What keeps predictions from being scored."""
    scores, maps, masks = predictions.scores, predictions.maps, predictions.masks
    labels, images = predictions.labels, predictions.images
    kinds = [("scores", "f", 1), ("maps", "f", 3), ("masks", "b", 3), ("labels", "b", 1), ("images", "U", 1)]
    kinds += [("held_out_scores", "f", 1), ("held_out_maps", "f", 3)]
    for name, kind, dimensions in kinds:
        array = getattr(predictions, name)
        if (array.dtype.kind, array.ndim) != (kind, dimensions):
            yield f"{name} has {array.ndim} dimensions of {array.dtype}"
            return
    held_out = predictions.held_out_scores, predictions.held_out_maps
    if masks.shape != maps.shape or {len(scores), len(maps), len(labels)} != {len(images)}:
        yield "its arrays are of different lengths"
    elif len(held_out[0]) != len(held_out[1]) or (len(held_out[0]) and held_out[1].shape[1:] != maps.shape[1:]):
        yield "its arrays of held-out images do not fit"
    elif not maps.size or labels.all() or not labels.any():
        yield "needs normal and anomalous images"
    elif not all(np.isfinite(values).all() for values in (scores, maps, *held_out)):
        yield "scores or maps are not finite"
    elif any(len(image.split("/")) != 4 for image in images.tolist()):
        yield "names an image otherwise than category/test/defect/file"
