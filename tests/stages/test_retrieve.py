import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_predictions import random_predictions
from qdrant_client import QdrantClient
from qdrant_client.models import Distance, VectorParams

from repro import study as studies
from repro.errors import ReproError
from repro.records.retrieval import FeatureRecord, RetrievalRecord
from repro.runs import Cell, RunFolder
from repro.search.client import connect
from repro.search.features import published_feature, read_embeddings
from repro.search.rankings import PUBLISHED, SOUND, Search, rankings
from repro.search.scoring import _mean, evaluate
from repro.stages.retrieve import retrieve, shown_queries

IMAGES = [f"grid/test/{defect}/{row:03d}.png" for defect in ("bent", "broken", "good") for row in range(6)]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[QdrantClient]:
    with connect(None, tmp_path) as client:
        yield client


def clusters(seed: int = 0) -> np.ndarray:
    """A vector an image, those of a defect type close together."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(np.eye(3, 8), 6, axis=0)
    return (centres + rng.normal(scale=0.05, size=centres.shape)).astype(np.float32)


def test_the_published_feature_is_a_sign_and_zeros() -> None:
    maps = np.stack([np.full((4, 4), value, np.float32) for value in (0.2, 7.0, -3.0)])
    vectors = published_feature(maps)
    assert (vectors.shape, vectors.dtype) == ((3, 1024), np.float32)
    assert vectors[:, 0].tolist() == [1.0, 1.0, -1.0]
    assert not vectors[:, 1:].any()


def scored(client: QdrantClient, vectors: np.ndarray, shown: list[str], shown_by: Search = SOUND) -> FeatureRecord:
    constant = rankings(client, "constant", np.ones((len(IMAGES), 1), np.float32), IMAGES)
    return evaluate(vectors, IMAGES, rankings(client, "feature", vectors, IMAGES), constant, shown, shown_by)


def test_the_published_search_returns_what_the_filter_leaves(client: QdrantClient) -> None:
    vectors = published_feature(np.ones((len(IMAGES), 4, 4), np.float32))
    record = scored(client, vectors, ["grid/test/broken/003.png", "grid/test/good/005.png"], PUBLISHED)
    assert record.distinct_vectors == 1
    filtered = record.search(label_filter=True, self_match=True)
    assert filtered.label_precision_at_5 == filtered.chance_label_precision_at_5 == 1.0
    assert (filtered.distinct_scores, filtered.distinct_hit_lists) == (1, 2)
    assert all(search.same_as_without_feature == 1.0 for search in record.searches)
    broken, good = record.queries
    assert {hit.defect for hit in broken.hits} <= {"bent", "broken"}
    assert {hit.defect for hit in good.hits} == {"good"}
    assert {hit.score for hit in (*broken.hits, *good.hits)} == {1.0}


def test_without_the_filter_the_published_feature_returns_any_label(client: QdrantClient) -> None:
    vectors = published_feature(np.ones((len(IMAGES), 4, 4), np.float32))
    assert scored(client, vectors, []).search(label_filter=False, self_match=False).label_precision_at_5 < 1


def test_a_feature_that_separates_defect_types_retrieves_them_in_every_search(client: QdrantClient) -> None:
    record = scored(client, clusters(), IMAGES)
    kinds = {(search.label_filter, search.self_match) for search in record.searches}
    assert len(kinds) == len(record.searches) == 4
    for search in record.searches:
        assert search.measured.precision_at_1 == search.measured.precision_at_5 == 1.0
        assert search.measured.mean_average_precision == 1.0
        assert search.same_as_without_feature == 0.0
        assert search.self_match_at_5 == (1.0 if search.self_match else 0.0)
    assert all(hit.image != query.image for query in record.queries for hit in query.hits)


def test_chance_and_recall_follow_from_what_may_come_back(client: QdrantClient) -> None:
    record = scored(client, clusters(), [])
    # Of 17 others 5 are of the query's type, of which 5 come first; under the filter normal ones compete with none.
    fair = record.search(label_filter=False, self_match=False)
    assert fair.chance.precision_at_5 == pytest.approx(5 / 17, abs=1e-6)
    assert fair.measured.recall_at_5 == 1.0
    filtered = record.search(label_filter=True, self_match=False)
    assert filtered.chance.precision_at_5 == pytest.approx((5 / 11 * 12 + 1.0 * 6) / 18, abs=1e-6)


def test_hits_are_ranked_by_cosine_similarity(client: QdrantClient) -> None:
    vectors = clusters()
    (query,) = scored(client, vectors, [IMAGES[0]]).queries
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = unit @ unit[0]
    expected = [row for row in np.argsort(-similarity) if row != 0][:5]
    assert [hit.image for hit in query.hits] == [IMAGES[row] for row in expected]
    assert [hit.rank for hit in query.hits] == [1, 2, 3, 4, 5]
    np.testing.assert_allclose([hit.score for hit in query.hits], similarity[expected], atol=1e-5)


def test_a_feature_that_is_not_finite_is_refused(client: QdrantClient) -> None:
    vectors = clusters()
    vectors[3, 0] = np.nan
    with pytest.raises(ReproError) as caught:
        rankings(client, "nan", vectors, IMAGES)
    assert str(caught.value) == "feature nan: has values that are not finite; train the cell again"


def test_a_collection_left_by_a_killed_search_is_replaced(client: QdrantClient) -> None:
    left = VectorParams(size=3, distance=Distance.COSINE)
    client.create_collection("feature", vectors_config=left)
    client.create_collection("of others", vectors_config=left)
    assert len(rankings(client, "feature", clusters(), IMAGES)[SOUND]) == len(IMAGES)
    assert [collection.name for collection in client.get_collections().collections] == ["of others"]


def test_a_mean_is_rounded_to_six_decimals_and_zero_without_values() -> None:
    assert _mean([True, False, False]) == 0.333333
    assert _mean([]) == 0.0


def test_no_collection_is_left_and_each_query_is_reported(client: QdrantClient) -> None:
    reported: list[tuple[int, int]] = []
    rankings(client, "passing", clusters(), IMAGES, lambda *done: reported.append(done))
    assert reported == [(query, len(IMAGES)) for query in range(1, len(IMAGES) + 1)]
    assert client.get_collections().collections == []


def test_an_unreachable_server_is_named_with_its_address(tmp_path: Path) -> None:
    with (
        pytest.raises(ReproError, match=r"http://127\.0\.0\.1:9: no Qdrant answers"),
        connect("http://127.0.0.1:9", tmp_path),
    ):
        pass


def test_each_search_of_each_cell_has_its_own_collection_and_reports_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def watched(client: QdrantClient, collection: str, *rest: Any) -> Any:
        seen.append(collection)
        return rankings(client, collection, *rest)

    monkeypatch.setattr("repro.stages.retrieve.rankings", watched)
    folder = RunFolder("smoke", tmp_path)
    for seed in (0, 1):
        cell = Cell("patchcore", "grid", seed)
        folder.cell(cell).mkdir(parents=True)
        np.savez(folder.cell(cell) / "predictions.npz", **vars(random_predictions(3)))
        np.savez(folder.cell(cell) / "embeddings.npz", mean=np.ones((12, 3)), weighted=np.ones((12, 3)))
        retrieve(folder, studies.load("smoke"), cell, None)
    # Three features, and the collection without any.
    assert len(set(seen)) == len(seen) == 8
    messages = capsys.readouterr().err
    for name in ("constant", "published", "patch_embedding", "weighted_embedding"):
        assert f"retrieve patchcore/grid/seed1 {name}: 12 of 12 queries" in messages


def test_the_stage_searches_on_the_server_that_is_named(tmp_path: Path) -> None:
    folder, cell = RunFolder("smoke", tmp_path), Cell("patchcore", "grid", 0)
    folder.cell(cell).mkdir(parents=True)
    np.savez(folder.cell(cell) / "predictions.npz", **vars(random_predictions(3)))
    np.savez(folder.cell(cell) / "embeddings.npz", mean=np.ones((12, 3)), weighted=np.ones((12, 3)))
    with pytest.raises(ReproError, match=r"http://127\.0\.0\.1:9: no Qdrant answers"):
        retrieve(folder, studies.load("smoke"), cell, "http://127.0.0.1:9")


def test_the_queries_shown_are_the_studys_or_else_the_first_anomalous_image() -> None:
    study = studies.load("embedded")
    assert shown_queries(study, "grid", IMAGES) == ["grid/test/broken/000.png"]
    tiles = [name.replace("grid", "tile") for name in IMAGES]
    assert shown_queries(study, "tile", tiles) == ["tile/test/bent/000.png"]


def test_every_query_of_the_study_that_exists_is_shown() -> None:
    names = [*IMAGES, "grid/test/bent/a.b.png"]
    queries = ["grid/good/001", "grid/bent/a.b", "grid/bent/none"]
    study = studies.load("embedded").model_copy(update={"queries": queries})
    assert shown_queries(study, "grid", names) == ["grid/test/good/001.png", "grid/test/bent/a.b.png"]


def test_the_stage_writes_the_scored_searches_by_three_features(tmp_path: Path) -> None:
    study = studies.load("smoke").model_copy(update={"categories": ["grid"], "queries": ["grid/good/000"]})
    folder, cell = RunFolder("smoke", tmp_path), Cell("patchcore", "grid", 0)
    predictions = random_predictions(3)
    folder.cell(cell).mkdir(parents=True)
    np.savez(folder.cell(cell) / "predictions.npz", **vars(predictions))
    rng = np.random.default_rng(0)
    mean, weighted = (rng.normal(size=(12, width)).astype(np.float32) for width in (5, 7))
    np.savez(folder.cell(cell) / "embeddings.npz", mean=mean, weighted=weighted, images=predictions.images)
    retrieve(folder, study, cell, None)
    record = RetrievalRecord.model_validate_json((folder.cell(cell) / "hits.json").read_text(encoding="utf-8"))
    features = (record.published, record.patch_embedding, record.weighted_embedding)
    assert [feature.dimension for feature in features] == [1024, 5, 7]
    assert {feature.points for feature in features} == {12}
    assert [[query.image for query in feature.queries] for feature in features] == [["grid/test/good/000.png"]] * 3
    # As published the query is its own first hit, else it never is.
    assert record.published.queries[0].hits[0].score == 1.0
    assert {hit.defect for hit in record.published.queries[0].hits} == {"good"}
    assert "grid/test/good/000.png" not in [hit.image for hit in record.patch_embedding.queries[0].hits]
    assert list((folder.run / "qdrant").iterdir()) == []


def test_missing_embeddings_are_reported_with_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "embeddings.npz"
    with pytest.raises(ReproError) as caught:
        read_embeddings(path, 3)
    assert str(caught.value) == f"{path}: no such file; run `nox -s evaluate` to make it"


class Trap:
    def __reduce__(self) -> Any:
        return Path.touch, (Path(os.environ["TRAP"]),)


def test_embeddings_that_hold_code_are_refused_and_the_code_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAP", str(tmp_path / "sprung"))
    trap = np.array([Trap()], object)
    np.savez(tmp_path / "embeddings.npz", mean=trap, weighted=trap)
    with pytest.raises(ReproError, match="not a file of embeddings"):
        read_embeddings(tmp_path / "embeddings.npz", 1)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mean": np.ones((3, 2), np.float32)}, "not a file of embeddings"),
        ({"mean": np.ones((3, 2), np.float32), "weighted": np.ones((2, 2), np.float32)}, "no embedding of each of 3"),
        ({"mean": np.ones((3, 2), int), "weighted": np.ones((3, 2), np.float32)}, "no embedding of each of 3"),
        ({"mean": np.ones(3, np.float32), "weighted": np.ones((3, 2), np.float32)}, "no embedding of each of 3"),
    ],
)
def test_embeddings_that_are_not_of_these_images_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    np.savez(tmp_path / "embeddings.npz", **arrays)
    with pytest.raises(ReproError, match=rf"embeddings\.npz: .*{message}.*run `nox -s evaluate`"):
        read_embeddings(tmp_path / "embeddings.npz", 3)
