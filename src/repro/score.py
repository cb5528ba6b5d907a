"""Score: a cell's predictions in, its metrics with intervals and both kinds of thresholds out."""

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

from repro import bootstrap
from repro.crossfit import sound
from repro.data.layout import defect_of
from repro.errors import ReproError
from repro.metrics import Predictions, metrics, raw_metrics, rounded, thresholds
from repro.runs import Cell, RunFolder, write_json

#: What numpy raises on a file that is not one of its archives, or on a damaged one.
UNREADABLE = (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def score(folder: RunFolder, cell: Cell) -> None:
    """Score a cell's predictions.npz into scores.json in its folder."""
    predictions = load(folder.cell(cell) / "predictions.npz")
    write_json(folder.cell(cell) / "scores.json", judge(predictions))


def load(path: Path) -> Predictions:
    """Read a predictions.npz; ReproError where there is none or it holds something else."""
    mend = "run `nox -s evaluate` to make it"
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            predictions = Predictions(**arrays)
    except FileNotFoundError:
        raise ReproError("no such file", where=path, mend=mend) from None
    except UNREADABLE as error:
        raise ReproError(f"not a file of predictions ({error})", where=path, mend=mend) from None
    for fault in _faults(predictions):
        raise ReproError(fault, where=path, mend="train the cell again" if "finite" in fault else mend)
    return predictions


def _faults(predictions: Predictions) -> Iterator[str]:
    """What keeps predictions from being scored."""
    scores, maps, masks, labels, images = astuple(predictions)
    kinds = [("scores", "f", 1), ("maps", "f", 3), ("masks", "b", 3), ("labels", "b", 1), ("images", "U", 1)]
    for name, kind, dimensions in kinds:
        array = getattr(predictions, name)
        if (array.dtype.kind, array.ndim) != (kind, dimensions):
            yield f"{name} has {array.ndim} dimensions of {array.dtype}"
            return
    if masks.shape != maps.shape or {len(scores), len(maps), len(labels)} != {len(images)}:
        yield "its arrays are of different lengths"
    elif not maps.size or labels.all() or not labels.any():
        yield "needs normal and anomalous images"
    elif not (np.isfinite(scores).all() and np.isfinite(maps).all()):
        yield "scores or maps are not finite"
    elif any(len(image.split("/")) != 4 for image in images.tolist()):
        yield "names an image otherwise than category/test/defect/file"


def judge(predictions: Predictions) -> dict[str, Any]:
    """Everything that results.json says of a cell's predictions."""
    if not predictions.masks.any():
        raise ReproError(
            "no defect lies inside the anomaly maps", where=predictions.images[0], mend="use a larger center_crop"
        )
    drawn = bootstrap.weights(predictions.labels.astype(np.int64))
    images = bootstrap.image_counts(predictions.scores, predictions.labels)
    pixels = bootstrap.pixel_counts(predictions.maps, predictions.masks)
    intervals = bootstrap.intervals(bootstrap.image_metrics, images, drawn)
    intervals |= bootstrap.intervals(bootstrap.pixel_metrics, pixels, drawn)
    fair = sound(predictions, images, pixels)
    digest = hashlib.sha256()
    for array in astuple(predictions):
        digest.update(np.ascontiguousarray(array).tobytes())
    return {
        "map_size": predictions.maps.shape[1:],
        "images": len(predictions.scores),
        "anomalous": int(predictions.labels.sum()),
        "anomalous_pixels": rounded(predictions.masks.mean()),
        "thresholds": thresholds(predictions).model_dump(),
        "metrics": metrics(predictions).model_dump(),
        "raw": raw_metrics(predictions).model_dump(),
        "intervals": {name: one.model_dump() for name, one in intervals.items()},
        "resolution": rounded(1 / len(predictions.scores)),
        "discretisation": rounded(bootstrap.discretisation(pixels)),
        "sound": None if fair is None else fair.model_dump(mode="json"),
        "scores": [
            {"image": str(image), "defect": defect_of(str(image)), "score": rounded(value)}
            for image, value in zip(predictions.images, predictions.scores, strict=True)
        ],
        "fingerprint": digest.hexdigest(),
    }
