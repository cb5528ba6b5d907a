from pathlib import Path

import numpy as np
import pytest
from patch_search.record import PatchBenchmark
from patch_search.search import NEIGHBOURS, QUERIES, measure, recall, table

from repro.runs import PROJECT_ROOT, read_record

#: On a half circle, so that the nearest vectors have the nearest rows.
ANGLES = np.linspace(0, np.pi, 500)
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)


def test_recall_is_the_share_of_the_nearest_that_were_returned() -> None:
    nearest = list(range(NEIGHBOURS))
    assert recall(CIRCLE, CIRCLE[:1], [nearest]) == 1
    assert recall(CIRCLE, CIRCLE[:1], [[*nearest[:-3], 497, 498, 499]]) == pytest.approx(0.7)
    assert recall(CIRCLE, CIRCLE[:1], [[]]) == 0


def test_equally_near_vectors_are_equivalent() -> None:
    twice = np.concatenate([CIRCLE, CIRCLE])
    assert recall(twice, CIRCLE[:1], [[row + 500 * (row % 2) for row in range(5)] * 2]) == 1


def test_recall_with_a_filter_counts_only_allowed_vectors() -> None:
    allowed = np.arange(500)[None] % 2 == 0
    assert recall(CIRCLE, CIRCLE[:1], [list(range(0, 2 * NEIGHBOURS, 2))], allowed) == 1
    few = np.arange(500)[None] < 4
    assert recall(CIRCLE, CIRCLE[:1], [[0, 1, 2, 3]], few) == 1


def test_the_local_engine_is_exact(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((400 + QUERIES, 8)).astype(np.float32)
    np.save(tmp_path / "vectors.npy", vectors)
    payload = [{"category": "grid", "defect": ("good", "bent")[row % 2]} for row in range(len(vectors))]
    search = measure(tmp_path / "vectors.npy", payload, "local", 400, False, None)
    assert (search.vectors, search.recall, search.filtered_recall) == (400, 1, 1)
    assert search.query_seconds > 0
    assert search.disk_mb is None


def test_the_documented_table_is_that_of_the_measurement() -> None:
    benchmark = read_record(PROJECT_ROOT / "report" / "patches.json", PatchBenchmark, hint="run `nox -s patches`")
    assert table(benchmark) in (PROJECT_ROOT / "docs" / "patches.md").read_text(encoding="utf-8")
