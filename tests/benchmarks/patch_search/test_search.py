from pathlib import Path

import numpy as np
import pytest
from patch_search.record import Patches
from patch_search.search import NEIGHBOURS, QUERIES, measure, recall, table

from repro.runs import PROJECT_ROOT, read_record

#: On a half circle, so that the nearest are those with the nearest numbers.
ANGLES = np.linspace(0, np.pi, 500)
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)


def test_recall_is_the_share_of_the_nearest_that_came_back() -> None:
    nearest = list(range(NEIGHBOURS))
    assert recall(CIRCLE, CIRCLE[:1], [nearest]) == 1
    assert recall(CIRCLE, CIRCLE[:1], [[*nearest[:-3], 497, 498, 499]]) == pytest.approx(0.7)
    assert recall(CIRCLE, CIRCLE[:1], [[]]) == 0


def test_of_equally_near_vectors_any_is_right() -> None:
    twice = np.concatenate([CIRCLE, CIRCLE])
    assert recall(twice, CIRCLE[:1], [[row + 500 * (row % 2) for row in range(5)] * 2]) == 1


def test_recall_under_a_filter_is_among_what_it_allows() -> None:
    allowed = np.arange(500)[None] % 2 == 0
    assert recall(CIRCLE, CIRCLE[:1], [list(range(0, 2 * NEIGHBOURS, 2))], allowed) == 1
    few = np.arange(500)[None] < 4
    assert recall(CIRCLE, CIRCLE[:1], [[0, 1, 2, 3]], few) == 1


def test_the_local_engine_compares_with_every_vector_so_that_it_finds_all(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((400 + QUERIES, 8)).astype(np.float32)
    np.save(tmp_path / "vectors.npy", vectors)
    payload = [{"category": "grid", "defect": ("good", "bent")[row % 2]} for row in range(len(vectors))]
    found = measure(tmp_path / "vectors.npy", payload, "local", 400, False, None)
    assert (found.vectors, found.recall, found.filtered_recall) == (400, 1, 1)
    assert found.query_seconds > 0
    assert found.disk_mb is None


def test_the_documented_table_is_that_of_the_measurement() -> None:
    found = read_record(PROJECT_ROOT / "report" / "patches.json", Patches, hint="run `nox -s patches`")
    assert table(found) in (PROJECT_ROOT / "docs" / "patches.md").read_text(encoding="utf-8")
