"""The record of patches.json: what a search among many patch vectors takes on a machine, and what it finds."""

from typing import Literal

from repro.records.base import Record


class PatchSearch(Record):
    """One collection: filled, indexed, and searched by single queries."""

    #: `local`: qdrant-client's own, in memory; `edge`: Qdrant's engine in this process; `server`: the one at the URL.
    engine: Literal["local", "edge", "server"]
    vectors: int
    #: Whether vectors are searched as 8-bit integers, and the best of them again as they are.
    quantised: bool
    #: Until all vectors are in and indexed.
    fill_seconds: float
    #: Medians over the queries, without and with a filter on the payload.
    query_seconds: float
    filtered_seconds: float
    #: Share of the nearest that were found, without and with the filter; of equally near ones any counts.
    recall: float
    filtered_recall: float
    #: Memory that only this process holds, above what it held before; of a server it is not known.
    memory_mb: float | None
    disk_mb: float | None


class Patches(Record):
    """patches.json: a measurement of a machine, not part of any result."""

    schema_version: Literal[1]
    processor: str
    threads: int
    packages: dict[str, str]
    #: Where the vectors come from: `variant` of `study`, from its images and their flips and rotations.
    study: str
    variant: str
    dimension: int
    queries: int
    #: Neighbours asked for.
    neighbours: int
    searches: tuple[PatchSearch, ...]
