"""Rankings of a cell's test images by cosine similarity, each image in turn as the query."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient
from qdrant_client.models import Distance, FieldCondition, Filter, HasIdCondition, MatchValue, PointStruct, VectorParams

from repro.data.layout import GOOD, defect_of
from repro.errors import ReproError


@dataclass(frozen=True)
class Search:
    """Which images are candidates for a query."""

    #: Only images with the query's label, normal or anomalous.
    label_filter: bool
    #: The query as well.
    self_match: bool


PUBLISHED = Search(label_filter=True, self_match=True)
SOUND = Search(label_filter=False, self_match=False)
SEARCHES = tuple(Search(label_filter, self_match) for label_filter in (True, False) for self_match in (True, False))

#: All candidates of a query, best first: index of the image and cosine similarity.
Ranking = list[tuple[int, float]]
#: By search, the ranking of each query.
Rankings = dict[Search, list[Ranking]]


def rankings(
    client: QdrantClient,
    collection: str,
    vectors: NDArray[np.float32],
    images: list[str],
    progress: Callable[[int, int], None] | None = None,
) -> Rankings:
    """Search with every image of a cell as the query, in all four ways.

    Args:
        client: of an embedded Qdrant or of a server.
        collection: name of a collection to create; deleted afterwards.
        vectors: [N, D], one for each of `images`.
        images: names relative to the data root.
        progress: called after each query.

    Raises ReproError where a vector is not finite: its cosine similarity is not defined.
    """
    if not np.isfinite(vectors).all():
        raise ReproError("has values that are not finite", where=f"feature {collection}", hint="train the cell again")
    labels = [defect_of(image) != GOOD for image in images]
    _create(client, collection, vectors, labels)
    ranked: Rankings = {search: [] for search in SEARCHES}
    for query in range(len(images)):
        for search in SEARCHES:
            ranked[search].append(_rank(client, collection, vectors, labels, query, search))
        if progress:
            progress(query + 1, len(images))
    client.delete_collection(collection)
    return ranked


def _create(client: QdrantClient, collection: str, vectors: NDArray[np.float32], labels: list[bool]) -> None:
    # A search that was killed leaves its collection.
    if client.collection_exists(collection):
        client.delete_collection(collection)
    client.create_collection(collection, vectors_config=VectorParams(size=vectors.shape[1], distance=Distance.COSINE))
    points = [
        PointStruct(id=index, vector=vector.tolist(), payload={"anomalous": label})
        for index, (vector, label) in enumerate(zip(vectors, labels, strict=True))
    ]
    client.upload_points(collection, points, wait=True)


def _rank(
    client: QdrantClient,
    collection: str,
    vectors: NDArray[np.float32],
    labels: list[bool],
    query: int,
    search: Search,
) -> Ranking:
    label = FieldCondition(key="anomalous", match=MatchValue(value=labels[query]))
    answer = client.query_points(
        collection,
        query=vectors[query].tolist(),
        query_filter=Filter(
            must=[label] if search.label_filter else None,
            must_not=None if search.self_match else [HasIdCondition(has_id=[query])],
        ),
        limit=len(labels),
        with_payload=False,
    )
    return [(int(point.id), float(point.score)) for point in answer.points]
