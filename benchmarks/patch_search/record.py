"""The record of patches.json: cost and recall of searches among many patch vectors on a machine."""

from typing import Literal

from repro.records.base import Record


class PatchSearch(Record):
    """Measurements of one collection: filled, indexed, and searched by single queries."""

    #: `local`: qdrant-client's own, in memory; `edge`: Qdrant's engine in this process; `server`: that at the URL.
    engine: Literal["local", "edge", "server"]
    vectors: int
    #: Whether vectors are searched as 8-bit integers and the best candidates rescored in float32.
    quantised: bool
    #: Until all vectors are inserted and indexed.
    fill_seconds: float
    #: Median over the queries, without and with a filter on the payload.
    query_seconds: float
    filtered_seconds: float
    #: Share of the nearest vectors that were returned, without and with the filter; equally near ones are equivalent.
    recall: float
    filtered_recall: float
    #: Increase of the process's private memory; None for a server.
    memory_mb: float | None
    disk_mb: float | None


class PatchBenchmark(Record):
    """patches.json: a measurement on one machine, not part of any result."""

    schema_version: Literal[1]
    processor: str
    threads: int
    packages: dict[str, str]
    #: Origin of the vectors: `variant` of `study` on its images and their flips and rotations.
    study: str
    variant: str
    dimension: int
    queries: int
    #: Requested neighbours.
    neighbours: int
    searches: tuple[PatchSearch, ...]
