from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import QdrantClient

from repro import study as studies
from repro.errors import ReproError
from repro.retrieve import PUBLISHED, SOUND, judge, published_feature, qdrant, shown_queries

IMAGES = [f"grid/test/{defect}/{row:03d}.png" for defect in ("bent", "broken", "good") for row in range(6)]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[QdrantClient]:
    with qdrant(None, tmp_path) as client:
        yield client


def clusters(seed: int = 0) -> np.ndarray:
    """A vector an image, those of a defect type close together."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(np.eye(3, 8), 6, axis=0)
    return (centres + rng.normal(scale=0.05, size=centres.shape)).astype(np.float32)


def test_the_published_feature_is_a_sign_and_zeros() -> None:
    maps = np.stack([np.full((4, 4), value, np.float32) for value in (0.2, 7.0, -3.0)])
    vectors = published_feature(maps)
    assert vectors.shape == (3, 1024)
    assert vectors[:, 0].tolist() == [1.0, 1.0, -1.0]
    assert not vectors[:, 1:].any()


def test_the_published_search_answers_every_image_of_a_label_with_the_same_list(client: QdrantClient) -> None:
    vectors = published_feature(np.ones((len(IMAGES), 4, 4), np.float32))
    found = judge(
        client, "published", vectors, IMAGES, PUBLISHED, ["grid/test/broken/003.png", "grid/test/good/005.png"]
    )
    assert (found.distinct_vectors, found.distinct_scores) == (1, 1)
    assert found.label_precision_at_5 == found.chance_label_precision_at_5 == 1.0
    assert found.distinct_hit_lists == 2
    broken, good = found.queries
    assert {hit.defect for hit in broken.hits} <= {"bent", "broken"}
    assert {hit.defect for hit in good.hits} == {"good"}
    assert {hit.score for hit in (*broken.hits, *good.hits)} == {1.0}


def test_the_sound_search_finds_the_defect_type_and_never_the_query(client: QdrantClient) -> None:
    found = judge(client, "sound", clusters(), IMAGES, SOUND, IMAGES)
    assert found.defect_precision_at_5 == 1.0
    assert found.self_match_at_5 == 0.0
    assert found.chance_defect_precision_at_5 == pytest.approx(5 / 17, abs=1e-6)
    assert all(hit.image != query.image for query in found.queries for hit in query.hits)


def test_hits_are_ranked_by_cosine_similarity(client: QdrantClient) -> None:
    vectors = clusters()
    (query,) = judge(client, "ranked", vectors, IMAGES, SOUND, [IMAGES[0]]).queries
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = unit @ unit[0]
    expected = [row for row in np.argsort(-similarity) if row != 0][:5]
    assert [hit.image for hit in query.hits] == [IMAGES[row] for row in expected]
    np.testing.assert_allclose([hit.score for hit in query.hits], similarity[expected], atol=1e-5)


def test_a_feature_that_is_not_finite_is_refused(client: QdrantClient) -> None:
    vectors = clusters()
    vectors[3, 0] = np.nan
    with pytest.raises(ReproError, match="not finite"):
        judge(client, "nan", vectors, IMAGES, SOUND, [])


def test_no_collection_stays_behind(client: QdrantClient) -> None:
    judge(client, "passing", clusters(), IMAGES, SOUND, [])
    assert client.get_collections().collections == []


def test_an_unreachable_server_is_told_with_its_address(tmp_path: Path) -> None:
    with (
        pytest.raises(ReproError, match=r"http://127\.0\.0\.1:9: no Qdrant answers"),
        qdrant("http://127.0.0.1:9", tmp_path),
    ):
        pass


def test_the_queries_shown_are_the_studys_or_else_the_first_anomalous_image() -> None:
    study = studies.load("embedded")
    assert shown_queries(study, "grid", IMAGES) == ["grid/test/broken/000.png"]
    tiles = [name.replace("grid", "tile") for name in IMAGES]
    assert shown_queries(study, "tile", tiles) == ["tile/test/bent/000.png"]
