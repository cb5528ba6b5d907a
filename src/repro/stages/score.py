"""Score: a cell's predictions in, its metrics with intervals and both kinds of thresholds out."""

import hashlib
from dataclasses import astuple
from typing import Any

import numpy as np

from repro.data.layout import defect_of
from repro.errors import ReproError
from repro.metrics import bootstrap
from repro.metrics.crossfit import sound
from repro.metrics.detection import metrics, raw_metrics, rounded, thresholds
from repro.records.predictions import Predictions, load
from repro.runs import Cell, RunFolder, write_json


def score(folder: RunFolder, cell: Cell) -> None:
    """Score a cell's predictions.npz into scores.json in its folder."""
    predictions = load(folder.cell(cell) / "predictions.npz")
    write_json(folder.cell(cell) / "scores.json", judge(predictions))


def judge(predictions: Predictions) -> dict[str, Any]:
    """Everything that results.json says of a cell's predictions."""
    if not predictions.masks.any():
        raise ReproError(
            "no defect lies inside the anomaly maps", where=predictions.images[0], hint="use a larger center_crop"
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
