import numpy as np
import pytest
from example_predictions import random_predictions

from repro.metrics import detection as metrics
from repro.metrics.bootstrap import image_counts, pixel_counts
from repro.metrics.crossfit import halves, sound
from repro.records.metrics import SoundRecord
from repro.records.predictions import Predictions


def judged(predictions: Predictions) -> SoundRecord | None:
    return sound(
        predictions,
        image_counts(predictions.scores, predictions.labels),
        pixel_counts(predictions.maps, predictions.masks),
    )


def test_defect_types_alternate_and_odd_ones_balance_each_other() -> None:
    names = [f"grid/test/{kind}/{row:03d}.png" for kind in ("bent", "broken", "good") for row in range(3)]
    half = halves(np.array(names))
    assert half.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0]


def test_the_split_follows_from_the_names_alone() -> None:
    predictions = random_predictions(0)
    order = np.random.default_rng(1).permutation(12)
    assert halves(predictions.images[order]).tolist() == halves(predictions.images)[order].tolist()


def test_no_image_enters_the_threshold_that_judges_it() -> None:
    found = judged(random_predictions(0))
    assert found
    for fold in found.folds:
        assert not set(fold.chosen_on) & set(fold.judged)
    assert sorted(found.folds[0].judged + found.folds[1].judged) == sorted(map(str, random_predictions(0).images))


@pytest.mark.parametrize("seed", range(3))
def test_f1_is_that_of_all_decisions_at_the_thresholds_of_the_other_half(seed: int) -> None:
    predictions = random_predictions(seed)
    found = judged(predictions)
    assert found
    predicted = np.zeros(12, bool)
    for fold in found.folds:
        chosen = np.isin(predictions.images, fold.chosen_on)
        best = max(
            metrics.f1(predictions.scores[chosen] >= t, predictions.labels[chosen]) for t in predictions.scores[chosen]
        )
        threshold = np.float32(fold.thresholds.image)
        assert metrics.f1(predictions.scores[chosen] >= threshold, predictions.labels[chosen]) == pytest.approx(best)
        predicted[~chosen] = predictions.scores[~chosen] >= threshold
    assert found.image_f1 == pytest.approx(metrics.f1(predicted, predictions.labels), abs=1e-6)


def test_the_leak_is_the_difference_to_f1_at_the_threshold_of_all_images() -> None:
    predictions = random_predictions(2)
    found, raw = judged(predictions), metrics.raw_metrics(predictions)
    assert found
    assert found.image_leak.points == pytest.approx(100 * (raw.image_f1 - found.image_f1), abs=1e-3)
    assert found.pixel_leak.points == pytest.approx(100 * (raw.pixel_f1 - found.pixel_f1), abs=1e-3)
    assert found.image_leak.low <= found.image_leak.points <= found.image_leak.high


def test_scores_that_separate_leak_nothing() -> None:
    predictions = random_predictions(0)
    separate = Predictions(
        scores=predictions.labels.astype(np.float32),
        maps=predictions.masks.astype(np.float32),
        masks=predictions.masks,
        labels=predictions.labels,
        images=predictions.images,
    )
    found = judged(separate)
    assert found
    assert (found.image_f1, found.pixel_f1) == (1.0, 1.0)
    assert (found.image_leak.points, found.image_leak.low, found.image_leak.high) == (0.0, 0.0, 0.0)


def test_a_half_without_a_defect_has_no_sound_f1() -> None:
    predictions = random_predictions(0)
    masks = predictions.masks & (halves(predictions.images) == 0)[:, None, None]
    bare = Predictions(predictions.scores, predictions.maps, masks, predictions.labels, predictions.images)
    assert judged(bare) is None
