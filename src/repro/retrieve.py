"""Retrieve: predictions and embeddings in, Qdrant, hits and their judgement out.

Two features stand side by side: the published one, with the published filter, and the pooled patch embedding.
Qdrant runs embedded, on disk, or on a server.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient
from qdrant_client.models import Distance, FieldCondition, Filter, HasIdCondition, MatchValue, PointStruct, VectorParams

from repro.data.layout import GOOD, defect_of
from repro.errors import ReproError
from repro.progress import Progress
from repro.records import FeatureRecord, Hit, QueryRecord
from repro.runs import Cell, RunFolder, fingerprint, write_json
from repro.score import load
from repro.study import Study

PUBLISHED_DIMENSION = 1024
HITS = 5
DECIMALS = 6


@dataclass(frozen=True)
class Search:
    """What may come back for a query."""

    #: Only images with the query's own label, normal or anomalous.
    label_filter: bool
    #: The query itself, too.
    self_match: bool


PUBLISHED = Search(label_filter=True, self_match=True)
SOUND = Search(label_filter=False, self_match=False)


def retrieve(folder: RunFolder, study: Study, cell: Cell, qdrant_url: str | None) -> None:
    """Search a cell's test images by both features; leave `hits.json`, a RetrievalRecord, in its folder."""
    predictions = load(folder.cell(cell) / "predictions.npz")
    with np.load(folder.cell(cell) / "embeddings.npz", allow_pickle=False) as arrays:
        embeddings = arrays["embeddings"]
    images = [str(image) for image in predictions.images]
    shown = shown_queries(study, cell.category, images)
    features = {
        "published": (published_feature(predictions.maps), PUBLISHED),
        "patch_embedding": (embeddings, SOUND),
    }
    records = {}
    with qdrant(qdrant_url, folder.run / "qdrant") as client:
        for name, (vectors, search) in features.items():
            # Qdrant allows less in a name than a category may hold.
            collection = f"repro-{fingerprint([study.name, cell.key, name])[:16]}"
            progress = Progress(f"retrieve {cell.key} {name}", "queries")
            records[name] = judge(client, collection, vectors, images, search, shown, progress).model_dump(mode="json")
    write_json(folder.cell(cell) / "hits.json", records)


def shown_queries(study: Study, category: str, images: list[str]) -> list[str]:
    """The study's queries in a category; where it names none there, the first anomalous image."""
    chosen = []
    for query in study.queries:
        named, *rest = query.split("/")
        if named == category:
            chosen += [image for image in images if image.rsplit(".", 1)[0] == "/".join([category, "test", *rest])]
    return chosen or [image for image in images if defect_of(image) != GOOD][:1]


def published_feature(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """The published feature of maps [N, H, W]: pooled to one number, padded to 1024, divided by its norm, [N, 1024].

    One number divided by its own size is +1 or -1, so that this is all a vector can hold.
    """
    pooled = maps.mean(axis=(1, 2), dtype=np.float64)
    vectors = np.zeros((len(maps), PUBLISHED_DIMENSION), np.float32)
    vectors[:, 0] = pooled / np.abs(pooled)
    return vectors


@contextmanager
def qdrant(url: str | None, scratch: Path) -> Iterator[QdrantClient]:
    """A client of the server at `url`, or of an embedded Qdrant that stores below `scratch` while the block runs."""
    if url is None:
        scratch.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=scratch, prefix="qdrant-") as folder:
            client = QdrantClient(path=folder)
            try:
                yield client
            finally:
                client.close()
        return
    mend = "start the server or leave --qdrant-url out to search embedded"
    try:
        client = QdrantClient(url=url, timeout=10, check_compatibility=False)
        client.get_collections()
    except Exception as error:
        # qdrant-client lets through what its transports raise; all of it means the server cannot be used.
        raise ReproError(f"no Qdrant answers ({type(error).__name__})", where=url, mend=mend) from None
    try:
        yield client
    finally:
        client.close()


def judge(
    client: QdrantClient,
    collection: str,
    vectors: NDArray[np.float32],
    images: list[str],
    search: Search,
    shown: list[str],
    progress: Callable[[int, int], None] | None = None,
) -> FeatureRecord:
    """Search every image of a cell with every image as the query.

    Args:
        client: of an embedded or a served Qdrant.
        collection: name of the collection to make; removed in the end.
        vectors: [N, D], one a row of `images`.
        images: names relative to the data root, in the order in which they are inserted.
        search: what may come back.
        shown: images whose hits are kept for the paper.
        progress: told after each query.

    Raises ReproError where a vector is not finite: cosine similarity is then not defined.
    """
    if not np.isfinite(vectors).all():
        raise ReproError("holds values that are not finite", where=f"feature {collection}", mend="train the cell again")
    defects = [defect_of(image) for image in images]
    _fill(client, collection, vectors, images)
    found = []
    for query in range(len(images)):
        found.append(_hits(client, collection, vectors, defects, query, search))
        if progress:
            progress(query + 1, len(images))
    client.delete_collection(collection)
    pairs = [(query, hit) for query, hits in enumerate(found) for hit, _ in hits]
    chance = [_chance(defects, query, search) for query in range(len(images))]
    return FeatureRecord(
        dimension=vectors.shape[1],
        label_filter=search.label_filter,
        self_match=search.self_match,
        distinct_vectors=len(np.unique(vectors.round(DECIMALS), axis=0)),
        points=len(images),
        distinct_scores=len({round(score, DECIMALS) for hits in found for _, score in hits}),
        defect_precision_at_5=_share([defects[query] == defects[hit] for query, hit in pairs]),
        label_precision_at_5=_share([(defects[query] == GOOD) == (defects[hit] == GOOD) for query, hit in pairs]),
        chance_defect_precision_at_5=_share([defect for defect, _ in chance]),
        chance_label_precision_at_5=_share([label for _, label in chance]),
        self_match_at_5=_share([any(hit == query for hit, _ in hits) for query, hits in enumerate(found)]),
        distinct_hit_lists=len({tuple(hit for hit, _ in hits) for hits in found}),
        queries=tuple(
            QueryRecord(
                image=images[query],
                defect=defects[query],
                hits=tuple(
                    Hit(rank=rank, image=images[hit], defect=defects[hit], score=round(score, DECIMALS))
                    for rank, (hit, score) in enumerate(found[query], start=1)
                ),
            )
            for query in range(len(images))
            if images[query] in shown
        ),
    )


def _fill(client: QdrantClient, collection: str, vectors: NDArray[np.float32], images: list[str]) -> None:
    if client.collection_exists(collection):
        client.delete_collection(collection)
    client.create_collection(collection, vectors_config=VectorParams(size=vectors.shape[1], distance=Distance.COSINE))
    points = [
        PointStruct(id=row, vector=vector.tolist(), payload={"anomalous": defect_of(image) != GOOD})
        for row, (vector, image) in enumerate(zip(vectors, images, strict=True))
    ]
    client.upload_points(collection, points, wait=True)


def _hits(
    client: QdrantClient,
    collection: str,
    vectors: NDArray[np.float32],
    defects: list[str],
    query: int,
    search: Search,
) -> list[tuple[int, float]]:
    """Row and similarity of the first hits of one query, best first."""
    label = FieldCondition(key="anomalous", match=MatchValue(value=defects[query] != GOOD))
    answer = client.query_points(
        collection,
        query=vectors[query].tolist(),
        query_filter=Filter(
            must=[label] if search.label_filter else None,
            must_not=None if search.self_match else [HasIdCondition(has_id=[query])],
        ),
        limit=HITS,
        with_payload=False,
    )
    return [(int(point.id), float(point.score)) for point in answer.points]


def _eligible(defects: list[str], query: int, search: Search) -> list[int]:
    """Rows that may come back for a query, in the order in which they were inserted."""
    return [
        row
        for row, defect in enumerate(defects)
        if (search.self_match or row != query)
        and (not search.label_filter or (defect == GOOD) == (defects[query] == GOOD))
    ]


def _chance(defects: list[str], query: int, search: Search) -> tuple[float, float]:
    """Share of the eligible rows that have the query's defect type, and its label."""
    rows = _eligible(defects, query, search)
    same_defect = [defects[row] == defects[query] for row in rows]
    same_label = [(defects[row] == GOOD) == (defects[query] == GOOD) for row in rows]
    return _share(same_defect), _share(same_label)


def _share(values: list[bool] | list[float]) -> float:
    return round(float(np.mean(values)), DECIMALS) if len(values) else 0.0
