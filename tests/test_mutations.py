"""Each guard must fail when the code that it guards is broken; one thing is broken at a time."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import example_report
import numpy as np
import pytest
from example_predictions import random_predictions
from qdrant_client import QdrantClient
from qdrant_client.models import Filter

from repro.closure import PACKAGE
from repro.metrics import crossfit
from repro.metrics import detection as metrics
from repro.models import layers as receptive_field
from repro.models.layers import Field, Layer
from repro.records.predictions import Predictions
from repro.records.receptive_field import LayerRecord
from repro.records.results import Results
from repro.search import rankings as search
from repro.search.client import connect
from repro.search.scoring import evaluate
from repro.stages import score
from repro.stages.verdicts import judge


@pytest.fixture(scope="module")
def guards() -> ModuleType:
    spec = importlib.util.spec_from_file_location("guards", PACKAGE / "guards" / "test_guards.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def example(tmp_path: Path) -> Results:
    folder = example_report.build(tmp_path / "report", categories=("grid",))
    return Results.model_validate_json((folder.report / "results.json").read_text(encoding="utf-8"))


def state(statement: str, value: object, bound: object) -> None:
    """Discard the statements of the guards."""


def with_networks(results: Results) -> Results:
    """The results with receptive fields computed again."""
    networks = {}
    for name, network in results.receptive_field.networks.items():
        layers = [Layer(row.name, row.kernel, row.stride, row.padding) for row in network.layers]
        rows = tuple(
            LayerRecord(
                **vars(field.layer),
                output=field.output,
                jump=field.jump,
                receptive_field=field.receptive_field,
                start=field.start,
            )
            for field in receptive_field.fields(layers, 256)
        )
        networks[name] = network.model_copy(update={"layers": rows})
    field = results.receptive_field.model_copy(update={"networks": networks})
    return results.model_copy(update={"receptive_field": field})


def with_scores(results: Results) -> Results:
    """The results with cells scored again on random predictions."""
    cells = {}
    for key, cell in results.cells.items():
        content = cell.model_dump(mode="json") | score.evaluate(random_predictions(7)).model_dump(mode="json")
        cells[key] = type(cell).model_validate(content)
    return results.model_copy(update={"cells": cells})


def with_search(results: Results, scratch: Path) -> Results:
    """The results with one cell searched again by random vectors."""
    images = [str(name) for name in random_predictions(7).images]
    vectors = np.random.default_rng(0).normal(size=(len(images), 8)).astype(np.float32)
    with connect(None, scratch) as client:
        rankings = search.rankings(client, "mutation", vectors, images)
    record = evaluate(vectors, images, rankings, rankings, [], search.SOUND)
    key, old = next(iter(results.retrieval.items()))
    changed = {**results.retrieval, key: old.model_copy(update={"patch_embedding": record})}
    return results.model_copy(update={"retrieval": changed})


def check_fields(guards: ModuleType, results: Results) -> None:
    for network in results.receptive_field.networks:
        guards.test_sizes_follow_from_the_arithmetic(results, network, state)
    guards.test_receptive_field_is_33_pixels_and_the_support_of_the_gradient(results, state)
    verdicts = {verdict.claim: verdict for verdict in judge(results)}
    guards.test_published_table_is_wrong_only_in_its_output_sizes(verdicts, state)


def mutants() -> dict[str, Any]:
    """Plausible errors in the arithmetic."""
    right = receptive_field.fields

    def change(field: Field, **values: int) -> Field:
        return Field(**(vars(field) | values))

    return {
        "padding counted once": lambda layers, size: right(
            [Layer(layer.name, layer.kernel, layer.stride, layer.padding // 2) for layer in layers], size
        ),
        "stride ignored": lambda layers, size: right(
            [Layer(layer.name, layer.kernel, 1, layer.padding) for layer in layers], size
        ),
        "kernel not less one": lambda layers, size: [
            change(field, receptive_field=field.receptive_field + field.jump) for field in right(layers, size)
        ],
        "the published sizes": lambda layers, size: [
            change(field, output=output)
            for field, output in zip(right(layers, size), (256, 128, 128, 64, 64, 61, 61, 61), strict=False)
        ],
    }


@pytest.mark.parametrize("mutant", list(mutants()))
def test_broken_receptive_field_arithmetic_fails_a_guard(
    guards: ModuleType, example: Results, monkeypatch: pytest.MonkeyPatch, mutant: str
) -> None:
    check_fields(guards, with_networks(example))
    broken = mutants()[mutant]
    monkeypatch.setattr(receptive_field, "fields", broken)
    monkeypatch.setattr(guards, "fields", broken)
    with pytest.raises(AssertionError):
        check_fields(guards, with_networks(example))


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("roc_auc_score", lambda truth, scores: float(np.mean(scores[truth]) > np.mean(scores[~truth]))),
        ("f1", lambda predicted, truth: float(np.mean(predicted == truth))),
    ],
)
def test_a_broken_metric_fails_a_guard(
    guards: ModuleType, example: Results, monkeypatch: pytest.MonkeyPatch, name: str, broken: Any
) -> None:
    guards.test_image_metrics_follow_from_the_scores(with_scores(example), state)
    monkeypatch.setattr(metrics, name, broken)
    with pytest.raises(AssertionError):
        guards.test_image_metrics_follow_from_the_scores(with_scores(example), state)


def test_a_query_that_finds_itself_fails_a_guard(
    guards: ModuleType, example: Results, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    guards.test_search_without_self_match_never_returns_the_query(with_search(example, tmp_path), state)
    right = QdrantClient.query_points

    def broken(self: QdrantClient, name: str, query_filter: Filter, **more: Any) -> Any:
        return right(self, name, query_filter=Filter(must=query_filter.must), **more)

    monkeypatch.setattr(QdrantClient, "query_points", broken)
    with pytest.raises(AssertionError):
        guards.test_search_without_self_match_never_returns_the_query(with_search(example, tmp_path), state)


def check_split(guards: ModuleType, results: Results) -> None:
    guards.test_no_image_enters_the_threshold_that_judges_it(results, state)
    guards.test_both_halves_together_judge_every_test_image_once(results, state)
    guards.test_sound_thresholds_follow_from_the_other_half(results, state)


def test_a_split_that_leaks_fails_a_guard(
    guards: ModuleType, example: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_split(guards, with_scores(example))

    def broken(values: Any, truth: Any, half: Any) -> list[np.float32]:
        # Thresholds from the half on which they are evaluated.
        return [metrics.best_threshold(values[half == side].ravel(), truth[half == side].ravel()) for side in (0, 1)]

    monkeypatch.setattr(crossfit, "_thresholds", broken)
    with pytest.raises(AssertionError):
        check_split(guards, with_scores(example))


def test_a_split_that_shares_an_image_fails_a_guard(
    guards: ModuleType, example: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = crossfit.cross_fit

    def broken(predictions: Predictions, *counts: Any) -> Any:
        result = right(predictions, *counts)
        assert result
        first, second = result.folds
        shared = first.model_copy(update={"chosen_on": (*first.chosen_on, first.judged[0])})
        return result.model_copy(update={"folds": (shared, second)})

    monkeypatch.setattr(score, "cross_fit", broken)
    with pytest.raises(AssertionError):
        check_split(guards, with_scores(example))


def test_a_verdict_that_changes_fails_a_guard(guards: ModuleType, example: Results) -> None:
    verdicts = {verdict.claim: verdict for verdict in judge(example)}
    ledger = {claim: str(verdict.verdict) for claim, verdict in verdicts.items()}
    guards.test_verdicts_are_those_of_the_ledger(example, verdicts, ledger, state)
    for changed in (ledger | {"efficientnet": "reproduced"}, ledger | {"gone": "refuted"}, {**ledger, "blur": ""}):
        with pytest.raises(AssertionError):
            guards.test_verdicts_are_those_of_the_ledger(example, verdicts, changed, state)
    del ledger["blur"]
    with pytest.raises(AssertionError):
        guards.test_verdicts_are_those_of_the_ledger(example, verdicts, ledger, state)
