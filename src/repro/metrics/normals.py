"""Thresholds from normal images alone, as practice chooses them: no anomaly is at hand when a line is set up.

MVTec AD 2 (Heckler-Kram et al., arXiv 2503.21622) evaluates F1 in this way, at the mean plus 3 standard deviations.
"""

import numpy as np

from repro.metrics.detection import f1, rounded
from repro.records.metrics import HeldOutRecord, RuleRecord, Thresholds
from repro.records.predictions import Floats, Predictions

DEVIATIONS = 3
QUANTILE = 0.99


def from_held_out(predictions: Predictions) -> HeldOutRecord | None:
    """Evaluate both rules on the test images; None where no training image was held out."""
    scores, maps = predictions.held_out_scores, predictions.held_out_maps
    if not len(scores):
        return None
    return HeldOutRecord(
        images=len(scores),
        deviations=_evaluate(predictions, _deviations(scores), _deviations(maps)),
        quantile=_evaluate(predictions, float(np.quantile(scores, QUANTILE)), float(np.quantile(maps, QUANTILE))),
    )


def _deviations(values: Floats) -> float:
    return float(values.mean(dtype=np.float64) + DEVIATIONS * values.std(dtype=np.float64))


def _evaluate(predictions: Predictions, image: float, pixel: float) -> RuleRecord:
    called, labels = predictions.scores >= image, predictions.labels
    return RuleRecord(
        thresholds=Thresholds(image=image, pixel=pixel),
        image_f1=rounded(f1(called, labels)),
        pixel_f1=rounded(f1(predictions.maps >= pixel, predictions.masks)),
        false_alarms=rounded(called[~labels].mean()),
        missed=rounded((~called[labels]).mean()),
    )
