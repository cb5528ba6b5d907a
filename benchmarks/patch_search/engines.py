"""Nearest-neighbour search among many vectors with three engines of Qdrant behind one interface.

`local` is qdrant-client's own, written in numpy for tests and small collections: it compares a query with every vector,
ignores requests for an index or quantisation, and reads the payload of every point to filter. `edge` is the engine of
the server in this process, `server` the one at a URL: both search a graph and quantise.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient
from qdrant_client import models as qdrant

from repro.errors import ReproError

#: Points in a request: 1,000 vectors of 152 numbers are 3 MB of JSON; a server refuses requests above 32 MB.
BATCH = 1000
#: Candidates of the quantised search that are compared exactly, for each neighbour.
OVERSAMPLING = 2.0
#: Seconds between two requests for the state of a server's index.
POLL = 1.0
COLLECTION = "repro-patches"

Progress = Callable[[int, int], None]


class Engine(Protocol):
    """A collection in an engine; the payload of a point is `category` and `defect` of its image."""

    def fill(self, vectors: NDArray[np.float32], payload: Sequence[dict[str, str]], progress: Progress) -> None:
        """Insert vectors [N, D] in batches, with rows as identifiers, and wait until they are indexed."""

    def nearest(self, vector: NDArray[np.float32], count: int, only: dict[str, str] | None) -> list[int]:
        """Return the rows of the `count` nearest vectors by cosine similarity whose payload matches `only`."""


@contextmanager
def engine(kind: str, folder: Path, dimension: int, *, quantised: bool, url: str | None = None) -> Iterator[Engine]:
    """Open an empty collection and delete it at the end; `folder` is the storage of `edge`."""
    if kind == "edge":
        shard = _Edge(folder, dimension, quantised=quantised)
        try:
            yield shard
        finally:
            shard.close()
        return
    client = QdrantClient(":memory:") if url is None else QdrantClient(url=url, timeout=120, check_compatibility=False)
    try:
        yield _Client(client, dimension, quantised=quantised, served=url is not None)
    finally:
        client.delete_collection(COLLECTION)
        client.close()


class _Client:
    def __init__(self, client: QdrantClient, dimension: int, *, quantised: bool, served: bool) -> None:
        self._client, self._quantised, self._served = client, quantised, served
        if client.collection_exists(COLLECTION):
            client.delete_collection(COLLECTION)
        scalar = qdrant.ScalarQuantizationConfig(type=qdrant.ScalarType.INT8, quantile=0.99, always_ram=True)
        client.create_collection(
            COLLECTION,
            vectors_config=qdrant.VectorParams(size=dimension, distance=qdrant.Distance.COSINE, on_disk=quantised),
            quantization_config=qdrant.ScalarQuantization(scalar=scalar) if quantised else None,
        )
        if served:
            # Before the points are inserted, so that the graph stays connected under a filter.
            for field in ("category", "defect"):
                client.create_payload_index(COLLECTION, field, qdrant.PayloadSchemaType.KEYWORD)

    def fill(self, vectors: NDArray[np.float32], payload: Sequence[dict[str, str]], progress: Progress) -> None:
        for start in range(0, len(vectors), BATCH):
            stop = min(start + BATCH, len(vectors))
            batch = qdrant.Batch(
                ids=list(range(start, stop)), vectors=vectors[start:stop].tolist(), payloads=list(payload[start:stop])
            )
            with warnings.catch_warnings():
                # The local engine warns of so many points; that is what is measured here.
                warnings.filterwarnings("ignore", message="Local mode is not recommended")
                self._client.upsert(COLLECTION, batch, wait=stop == len(vectors))
            progress(stop, len(vectors))
        while self._served and self._client.get_collection(COLLECTION).status != qdrant.CollectionStatus.GREEN:
            time.sleep(POLL)

    def nearest(self, vector: NDArray[np.float32], count: int, only: dict[str, str] | None) -> list[int]:
        must: list[Any] = [
            qdrant.FieldCondition(key=key, match=qdrant.MatchValue(value=value)) for key, value in (only or {}).items()
        ]
        rescore = qdrant.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
        response = self._client.query_points(
            COLLECTION,
            query=vector.tolist(),
            limit=count,
            query_filter=qdrant.Filter(must=must) if must else None,
            search_params=qdrant.SearchParams(quantization=rescore) if self._quantised and self._served else None,
            with_payload=False,
        )
        return [int(point.id) for point in response.points]


class _Edge:
    def __init__(self, folder: Path, dimension: int, *, quantised: bool) -> None:
        try:
            import qdrant_edge as edge
        except ImportError:
            raise ReproError("is not installed", where="qdrant-edge-py", hint="run `nox -s patches`") from None
        self._edge, self._quantised = edge, quantised
        scalar = edge.ScalarQuantizationConfig(edge.ScalarType.Int8, quantile=0.99, always_ram=True)
        vectors = edge.EdgeVectorParams(dimension, edge.Distance.Cosine, on_disk=quantised)
        config = edge.EdgeConfig(vectors, quantization_config=scalar if quantised else None)
        self._shard = edge.EdgeShard.create(str(folder), config)
        for field in ("category", "defect"):
            self._shard.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Keyword))

    def fill(self, vectors: NDArray[np.float32], payload: Sequence[dict[str, str]], progress: Progress) -> None:
        edge = self._edge
        for start in range(0, len(vectors), BATCH):
            stop = min(start + BATCH, len(vectors))
            points = [edge.Point(row, vectors[row].tolist(), payload[row]) for row in range(start, stop)]
            self._shard.update(edge.UpdateOperation.upsert_points(points))
            progress(stop, len(vectors))
        self._shard.flush()
        self._shard.optimize()

    def nearest(self, vector: NDArray[np.float32], count: int, only: dict[str, str] | None) -> list[int]:
        edge = self._edge
        must = [edge.FieldCondition(key, match=edge.MatchValue(value)) for key, value in (only or {}).items()]
        rescore = edge.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
        request = edge.SearchRequest(
            edge.Query.Nearest(vector.tolist()),
            count,
            filter=edge.Filter(must=must) if must else None,
            params=edge.SearchParams(quantization=rescore) if self._quantised else None,
        )
        return [int(point.id) for point in self._shard.search(request)]

    def close(self) -> None:
        self._shard.close()
