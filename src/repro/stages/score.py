"""Score: a cell's predictions in, its metrics with intervals and both kinds of thresholds out."""

import hashlib
from dataclasses import astuple
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from repro.data.layout import defect_of
from repro.errors import ReproError
from repro.metrics import bootstrap
from repro.metrics.crossfit import cross_fit
from repro.metrics.detection import aupro, best_threshold, f1, metrics, raw_metrics, rounded, thresholds
from repro.metrics.ties import tie_bounds
from repro.records.metrics import DefectRecord, Interval, MaximumRecord, TieBounds
from repro.records.predictions import Predictions, load
from repro.runs import Cell, RunFolder, write_json

#: Of a map that was stored with 8 bits.
LEVEL = 1 / 255


def score(folder: RunFolder, cell: Cell) -> None:
    """Score a cell's predictions.npz into scores.json in its folder; recovered maps also between the bounds of ties."""
    predictions = load(folder.cell(cell) / "predictions.npz")
    recovered = (folder.cell(cell) / "recover.json").is_file()
    write_json(folder.cell(cell) / "scores.json", evaluate(predictions, in_levels=recovered))


def evaluate(predictions: Predictions, *, in_levels: bool = False) -> dict[str, Any]:
    """Everything that results.json says of a cell's predictions; `in_levels` where maps were stored in 256 levels."""
    if not predictions.masks.any():
        raise ReproError(
            "no defect lies inside the anomaly maps", where=predictions.images[0], hint="use a larger center_crop"
        )
    drawn = bootstrap.resample(predictions.labels.astype(np.int64))
    images = bootstrap.image_counts(predictions.scores, predictions.labels)
    pixels = bootstrap.pixel_counts(predictions.maps, predictions.masks)
    intervals = bootstrap.intervals(bootstrap.image_metrics, images, drawn)
    intervals |= bootstrap.intervals(bootstrap.pixel_metrics, pixels, drawn)
    fair = cross_fit(predictions, images, pixels)
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
        "maximum": by_maximum(predictions).model_dump(),
        "defects": [defect.model_dump() for defect in by_defect(predictions)],
        "ties": ties(predictions).model_dump() if in_levels else None,
        "resolution": rounded(1 / len(predictions.scores)),
        "discretisation": rounded(bootstrap.discretisation(pixels)),
        "sound": None if fair is None else fair.model_dump(mode="json"),
        "scores": [
            {"image": str(image), "defect": defect_of(str(image)), "score": rounded(value)}
            for image, value in zip(predictions.images, predictions.scores, strict=True)
        ],
        "fingerprint": digest.hexdigest(),
    }


def by_maximum(predictions: Predictions) -> MaximumRecord:
    """Image metrics where an image's score is the maximum of its map: what a result image alone can show."""
    scores = predictions.maps.max(axis=(1, 2))
    return MaximumRecord(
        image_auroc=rounded(roc_auc_score(predictions.labels, scores)),
        image_f1=rounded(f1(scores >= best_threshold(scores, predictions.labels), predictions.labels)),
    )


def by_defect(predictions: Predictions) -> list[DefectRecord]:
    """The test images of each defect type, against the normal ones."""
    kinds = np.array([defect_of(str(image)) for image in predictions.images])
    threshold = best_threshold(predictions.scores, predictions.labels)
    records = []
    for defect in sorted(set(kinds[predictions.labels].tolist())):
        rows = (kinds == defect) | ~predictions.labels
        scores, labels, masks = predictions.scores[rows], predictions.labels[rows], predictions.masks[rows]
        # A crop may leave no defect of a type in view.
        overlap = aupro(predictions.maps[rows], masks) if masks.any() else 0.0
        records.append(
            DefectRecord(
                defect=defect,
                images=int(labels.sum()),
                image_auroc=rounded(roc_auc_score(labels, scores)),
                missed=int((scores[labels] < threshold).sum()),
                aupro=rounded(overlap),
            )
        )
    return records


def ties(predictions: Predictions) -> TieBounds:
    """What the metrics may have been before the maps were stored in levels, and read back from a picture.

    A pixel's level is known; the maximum of a map, the highest of 50,000 or more, to within one level.
    """
    image = tie_bounds(predictions.scores, predictions.labels, error=LEVEL)
    pixel = tie_bounds(predictions.maps, predictions.masks)
    ends = {
        "image_auroc": image["auroc"],
        "image_f1": image["strict_f1"],
        "image_ap": image["ap"],
        "pixel_auroc": pixel["auroc"],
        "pixel_f1": pixel["f1"],
        "pixel_ap": pixel["ap"],
    }
    bounds = {name: Interval(low=rounded(one.low), high=rounded(one.high)) for name, one in ends.items()}
    apart = tie_bounds(predictions.scores, predictions.labels)["strict_f1"].low
    return TieBounds(**bounds, image_f1_apart=rounded(apart))
