import numpy as np
import pytest
from example_predictions import random_predictions

from repro.metrics.detection import f1
from repro.metrics.normals import from_held_out
from repro.records.predictions import Predictions


def with_held_out(predictions: Predictions, scores: np.ndarray, maps: np.ndarray) -> Predictions:
    return Predictions(**(vars(predictions) | {"held_out_scores": scores, "held_out_maps": maps}))


def test_without_held_out_images_there_are_no_such_thresholds() -> None:
    assert from_held_out(random_predictions(1)) is None


def test_the_thresholds_are_the_mean_plus_three_deviations_and_the_quantile() -> None:
    predictions = random_predictions(2)
    scores = np.array([1, 2, 3], np.float32)
    maps = np.repeat(np.array([[[0.0]], [[1.0]], [[5.0]]], np.float32), 32, axis=1).repeat(32, axis=2)
    record = from_held_out(with_held_out(predictions, scores, maps))
    assert record is not None
    assert record.images == 3
    assert record.deviations.thresholds.image == pytest.approx(2 + 3 * np.sqrt(2 / 3))
    assert record.deviations.thresholds.pixel == pytest.approx(2 + 3 * np.sqrt(14 / 3))
    assert record.quantile.thresholds.image == pytest.approx(2.98)
    assert record.quantile.thresholds.pixel == pytest.approx(5.0)


def test_test_images_are_evaluated_at_these_thresholds() -> None:
    predictions = random_predictions(3)
    held_out = predictions.maps[~predictions.labels]
    record = from_held_out(with_held_out(predictions, held_out.max(axis=(1, 2)), held_out))
    assert record is not None
    rule = record.deviations
    called = predictions.scores >= rule.thresholds.image
    assert rule.image_f1 == pytest.approx(f1(called, predictions.labels), abs=1e-6)
    assert rule.pixel_f1 == pytest.approx(f1(predictions.maps >= rule.thresholds.pixel, predictions.masks), abs=1e-6)
    assert rule.false_alarms == pytest.approx(called[~predictions.labels].mean(), abs=1e-6)
    assert rule.missed == pytest.approx(1 - called[predictions.labels].mean(), abs=1e-6)


def test_they_do_not_depend_on_the_labels_of_test_images() -> None:
    predictions = random_predictions(4)
    held_out = predictions.maps[:3]
    turned = Predictions(**(vars(predictions) | {"labels": ~predictions.labels}))
    first, second = (
        from_held_out(with_held_out(one, held_out.max(axis=(1, 2)), held_out)) for one in (predictions, turned)
    )
    assert first is not None
    assert second is not None
    assert first.deviations.thresholds == second.deviations.thresholds
    assert first.quantile.thresholds == second.quantile.thresholds
