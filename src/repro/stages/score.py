"""Score: compute the metrics of a cell's predictions, their intervals and cross-fitted thresholds."""

import hashlib
from dataclasses import astuple

import numpy as np
from sklearn.metrics import roc_auc_score

from repro.data.layout import defect_of
from repro.errors import ReproError
from repro.metrics import bootstrap
from repro.metrics.crossfit import cross_fit
from repro.metrics.detection import aupro, best_threshold, f1, metrics, raw_metrics, rounded, thresholds
from repro.metrics.normals import from_held_out
from repro.metrics.pimo import aupimo
from repro.metrics.ties import tie_bounds
from repro.records.metrics import (
    DefectRecord,
    ImageScore,
    Interval,
    Intervals,
    LowRateRecord,
    MaximumRecord,
    ScoresRecord,
    TieBounds,
)
from repro.records.predictions import Predictions, load
from repro.runs import Cell, RunFolder, write_json

#: Step of a map that was stored with 8 bits.
LEVEL = 1 / 255
#: False positive rate up to which AU-PRO is integrated a second time.
LOW_RATE = 0.05


def score(folder: RunFolder, cell: Cell) -> None:
    """Score a cell's predictions.npz and write scores.json to its folder; of recovered maps also the bounds of ties."""
    predictions = load(folder.cell(cell) / "predictions.npz")
    recovered = (folder.cell(cell) / "recover.json").is_file()
    scores = evaluate(predictions, quantised=recovered)
    write_json(folder.cell(cell) / "scores.json", scores.model_dump(mode="json"))


def evaluate(predictions: Predictions, *, quantised: bool = False) -> ScoresRecord:
    """Compute all scores of a cell; bounds of ties only where maps are `quantised` to 256 levels.

    Raises ReproError where no mask marks a pixel of the maps.
    """
    if not predictions.masks.any():
        raise ReproError(
            "no defect lies inside the anomaly maps", where=predictions.images[0], hint="use a larger center_crop"
        )
    weights = bootstrap.resample(predictions.labels.astype(np.int64))
    images = bootstrap.image_counts(predictions.scores, predictions.labels)
    pixels = bootstrap.pixel_counts(predictions.maps, predictions.masks)
    intervals = bootstrap.intervals(bootstrap.image_metrics, images, weights)
    intervals |= bootstrap.intervals(bootstrap.pixel_metrics, pixels, weights)
    measured, resolution = metrics(predictions), 1 / len(predictions.scores)
    intervals = {
        name: bootstrap.around(interval, getattr(measured, name), resolution) for name, interval in intervals.items()
    }
    height, width = predictions.maps.shape[1:]
    return ScoresRecord(
        map_size=(height, width),
        images=len(predictions.scores),
        anomalous=int(predictions.labels.sum()),
        anomalous_pixels=rounded(predictions.masks.mean()),
        thresholds=thresholds(predictions),
        metrics=measured,
        raw=raw_metrics(predictions),
        intervals=Intervals(**intervals),
        maximum=by_maximum(predictions),
        low_rate=at_low_rates(predictions),
        defects=tuple(by_defect(predictions)),
        ties=ties(predictions) if quantised else None,
        resolution=rounded(resolution),
        discretisation=rounded(bootstrap.discretisation(pixels)),
        sound=cross_fit(predictions, images, pixels),
        held_out=from_held_out(predictions),
        scores=tuple(
            ImageScore(image=str(image), defect=defect_of(str(image)), score=rounded(value))
            for image, value in zip(predictions.images, predictions.scores, strict=True)
        ),
        fingerprint=_digest(predictions),
    )


def _digest(predictions: Predictions) -> str:
    digest = hashlib.sha256()
    for array in astuple(predictions):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def by_maximum(predictions: Predictions) -> MaximumRecord:
    """Compute the image metrics of the maxima of the maps, which are all that a result image shows."""
    scores = predictions.maps.max(axis=(1, 2))
    return MaximumRecord(
        image_auroc=rounded(roc_auc_score(predictions.labels, scores)),
        image_f1=rounded(f1(scores >= best_threshold(scores, predictions.labels), predictions.labels)),
    )


def at_low_rates(predictions: Predictions) -> LowRateRecord:
    """Compute the metrics of segmentation at low false positive rates."""
    scores = aupimo(predictions.maps, predictions.masks)
    images = predictions.images[predictions.masks.any(axis=(1, 2))]
    return LowRateRecord(
        aupro=rounded(aupro(predictions.maps, predictions.masks, LOW_RATE)),
        aupimo=None if scores is None else rounded(scores.mean()),
        aupimo_images={} if scores is None else dict(zip(map(str, images), map(rounded, scores), strict=True)),
    )


def by_defect(predictions: Predictions) -> list[DefectRecord]:
    """Score the test images of each defect type against the normal ones."""
    defects = np.array([defect_of(str(image)) for image in predictions.images])
    threshold = best_threshold(predictions.scores, predictions.labels)
    records = []
    for defect in sorted(set(defects[predictions.labels].tolist())):
        rows = (defects == defect) | ~predictions.labels
        scores, labels, masks = predictions.scores[rows], predictions.labels[rows], predictions.masks[rows]
        # A crop may cut off every defect of a type.
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
    """Bound the metrics before the maps were quantised and recovered from an image.

    The level of a pixel is exact; that of the maximum, the highest of 50,000 or more pixels, to within one level.
    """
    image = tie_bounds(predictions.scores, predictions.labels, error=LEVEL)
    pixel = tie_bounds(predictions.maps, predictions.masks)
    bounds = {
        "image_auroc": image["auroc"],
        "image_f1": image["strict_f1"],
        "image_ap": image["ap"],
        "pixel_auroc": pixel["auroc"],
        "pixel_f1": pixel["f1"],
        "pixel_ap": pixel["ap"],
    }
    intervals = {name: Interval(low=rounded(ends.low), high=rounded(ends.high)) for name, ends in bounds.items()}
    apart = tie_bounds(predictions.scores, predictions.labels)["strict_f1"].low
    return TieBounds(**intervals, image_f1_apart=rounded(apart))
