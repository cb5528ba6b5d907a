"""Retrieve: predictions and embeddings in, Qdrant, hits and their judgement out.

Three features stand side by side: the published one and the patch embedding, pooled evenly and by anomaly. Each is
searched with and without the published label filter, with and without the query itself among what may come back.
Qdrant runs embedded, on disk, or on a server.
"""

import sqlite3
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
from repro.errors import AGAIN, ReproError
from repro.metrics.ranking import DECIMALS, DEPTH, chance, measured
from repro.progress import Progress
from repro.records.predictions import UNREADABLE, load
from repro.records.retrieval import FeatureRecord, Hit, QueryRecord, SearchRecord
from repro.runs import Cell, RunFolder, fingerprint, write_json
from repro.study import Study

PUBLISHED_DIMENSION = 1024


@dataclass(frozen=True)
class Search:
    """What may come back for a query."""

    #: Only images with the query's own label, normal or anomalous.
    label_filter: bool
    #: The query itself, too.
    self_match: bool


PUBLISHED = Search(label_filter=True, self_match=True)
SOUND = Search(label_filter=False, self_match=False)
SEARCHES = tuple(Search(label_filter, self_match) for label_filter in (True, False) for self_match in (True, False))

#: For each search and query, all that came back: rows and their cosine similarity, best first.
Found = dict[Search, list[list[tuple[int, float]]]]


def retrieve(folder: RunFolder, study: Study, cell: Cell, qdrant_url: str | None) -> None:
    """Search a cell's test images by each feature; leave `hits.json`, a RetrievalRecord, in its folder."""
    predictions = load(folder.cell(cell) / "predictions.npz")
    images = [str(image) for image in predictions.images]
    shown = shown_queries(study, cell.category, images)
    features = {"published": (published_feature(predictions.maps), PUBLISHED)}
    # Of recovered maps no model was seen, whose embeddings these are.
    if study.data.source != "published":
        mean, weighted = embeddings(folder.cell(cell) / "embeddings.npz", len(predictions.images))
        features |= {"patch_embedding": (mean, SOUND), "weighted_embedding": (weighted, SOUND)}
    records = {}
    with qdrant(qdrant_url, folder.run / "qdrant") as client:

        def found(name: str, vectors: NDArray[np.float32]) -> Found:
            # Qdrant allows less in a name than a category may hold.
            collection = f"repro-{fingerprint([study.name, cell.key, name])[:16]}"
            return rankings(client, collection, vectors, images, Progress(f"retrieve {cell.key} {name}", "queries"))

        without = found("nothing", np.ones((len(images), 1), np.float32))
        for name, (vectors, search) in features.items():
            record = evaluate(vectors, images, found(name, vectors), without, shown, search)
            records[name] = record.model_dump(mode="json")
    write_json(folder.cell(cell) / "hits.json", records)


def embeddings(path: Path, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mean and the weighted embedding of each image, [count, D]; ReproError where the file holds something else."""
    hint = "run `nox -s evaluate` to make it"
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            found = arrays["mean"], arrays["weighted"]
    except FileNotFoundError:
        raise ReproError("no such file", where=path, hint=hint) from None
    except UNREADABLE as error:
        raise ReproError(f"not a file of embeddings ({error})", where=path, hint=hint) from None
    if any(one.dtype.kind != "f" or one.ndim != 2 or len(one) != count or not one.size for one in found):
        raise ReproError(f"holds no embedding of each of {count} images", where=path, hint=hint)
    return found


def shown_queries(study: Study, category: str, images: list[str]) -> list[str]:
    """The study's queries in a category; where it names none that is there, the first anomalous image.

    The paper says so, and `repro data` names the queries that are not there.
    """
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
            try:
                client = QdrantClient(path=folder)
                try:
                    yield client
                finally:
                    client.close()
            except sqlite3.OperationalError as error:
                raise ReproError(
                    f"cannot be written ({error})", where=scratch, hint=f"free some space there, {AGAIN}"
                ) from None
        return
    hint = "start the server or leave --qdrant-url out to search embedded"
    try:
        client = QdrantClient(url=url, timeout=10, check_compatibility=False)
        client.get_collections()
    except Exception as error:
        # qdrant-client lets through what its transports raise; all of it means the server cannot be used.
        raise ReproError(f"no Qdrant answers ({type(error).__name__})", where=url, hint=hint) from None
    try:
        yield client
    finally:
        client.close()


def rankings(
    client: QdrantClient,
    collection: str,
    vectors: NDArray[np.float32],
    images: list[str],
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Search with every image of a cell as the query, in all four ways.

    Args:
        client: of an embedded or a served Qdrant.
        collection: name of the collection to make; removed in the end.
        vectors: [N, D], one a row of `images`.
        images: names relative to the data root, in the order in which they are inserted.
        progress: called after each query.

    Raises ReproError where a vector is not finite: cosine similarity is then not defined.
    """
    if not np.isfinite(vectors).all():
        raise ReproError("holds values that are not finite", where=f"feature {collection}", hint="train the cell again")
    labels = [defect_of(image) != GOOD for image in images]
    _fill(client, collection, vectors, labels)
    found: Found = {search: [] for search in SEARCHES}
    for query in range(len(images)):
        for search in SEARCHES:
            found[search].append(_hits(client, collection, vectors, labels, query, search))
        if progress:
            progress(query + 1, len(images))
    client.delete_collection(collection)
    return found


def evaluate(
    vectors: NDArray[np.float32], images: list[str], found: Found, without: Found, shown: list[str], shown_by: Search
) -> FeatureRecord:
    """What the rankings of a feature are worth.

    Args:
        vectors: [N, D], one a row of `images`.
        images: names relative to the data root.
        found: the rankings of these vectors.
        without: those of a collection whose vectors are all the same.
        shown: images whose hits are kept for the paper.
        shown_by: the search whose hits are kept.
    """
    defects = [defect_of(image) for image in images]
    return FeatureRecord(
        dimension=vectors.shape[1],
        distinct_vectors=len(np.unique(vectors.round(DECIMALS), axis=0)),
        points=len(images),
        searches=tuple(_search(search, defects, found[search], without[search]) for search in SEARCHES),
        queries=tuple(
            QueryRecord(
                image=images[query],
                defect=defects[query],
                hits=tuple(
                    Hit(rank=rank, image=images[hit], defect=defects[hit], score=round(score, DECIMALS))
                    for rank, (hit, score) in enumerate(found[shown_by][query][:DEPTH], start=1)
                ),
            )
            for query in range(len(images))
            if images[query] in shown
        ),
    )


def _search(
    search: Search, defects: list[str], found: list[list[tuple[int, float]]], without: list[list[tuple[int, float]]]
) -> SearchRecord:
    same_defect = [[defects[row] == defects[query] for row, _ in ranking] for query, ranking in enumerate(found)]
    same_label = [
        [(defects[row] == GOOD) == (defects[query] == GOOD) for row, _ in ranking]
        for query, ranking in enumerate(found)
    ]
    first = [tuple(row for row, _ in ranking[:DEPTH]) for ranking in found]
    return SearchRecord(
        label_filter=search.label_filter,
        self_match=search.self_match,
        measured=measured(same_defect),
        chance=chance(same_defect),
        label_precision_at_5=_share([one for row in same_label for one in row[:DEPTH]]),
        chance_label_precision_at_5=_share([float(np.mean(row)) for row in same_label if row]),
        self_match_at_5=_share([query in rows for query, rows in enumerate(first)]),
        distinct_scores=len({round(score, DECIMALS) for ranking in found for _, score in ranking[:DEPTH]}),
        distinct_hit_lists=len(set(first)),
        same_as_without_feature=_share(
            [rows == tuple(row for row, _ in other[:DEPTH]) for rows, other in zip(first, without, strict=True)]
        ),
    )


def _fill(client: QdrantClient, collection: str, vectors: NDArray[np.float32], labels: list[bool]) -> None:
    if client.collection_exists(collection):
        client.delete_collection(collection)
    client.create_collection(collection, vectors_config=VectorParams(size=vectors.shape[1], distance=Distance.COSINE))
    points = [
        PointStruct(id=row, vector=vector.tolist(), payload={"anomalous": label})
        for row, (vector, label) in enumerate(zip(vectors, labels, strict=True))
    ]
    client.upload_points(collection, points, wait=True)


def _hits(
    client: QdrantClient,
    collection: str,
    vectors: NDArray[np.float32],
    labels: list[bool],
    query: int,
    search: Search,
) -> list[tuple[int, float]]:
    """Row and similarity of all that may come back for one query, best first."""
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


def _share(values: list[bool] | list[float]) -> float:
    return round(float(np.mean(values)), DECIMALS) if len(values) else 0.0
