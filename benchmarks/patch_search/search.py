"""Patch search: patch vectors on disk in, one engine's record out: time, memory and recall. Needs no torch."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from patch_search.engines import engine
from patch_search.record import Patches, PatchSearch
from repro.data.layout import GOOD
from repro.progress import Progress

QUERIES = 100
NEIGHBOURS = 10
#: Cosines that differ by less are equal: rounding of float32.
EQUAL = 1e-5

#: Of each vector its image's `category` and `defect`.
Payload = list[dict[str, str]]


def measure(
    file: Path, payload: Payload, kind: Literal["local", "edge", "server"], size: int, quantised: bool, url: str | None
) -> PatchSearch:
    """Fill an engine with the first `size` vectors of a file and search it with the last ones."""
    # Only what is read of it comes into memory, and only for as long as there is room: that is not counted.
    stored = np.load(file, mmap_mode="r", allow_pickle=False)
    vectors, queries = stored[:size], np.array(stored[-QUERIES:])
    filters = [{"category": one["category"], "defect": GOOD} for one in payload[-QUERIES:]]
    payload = payload[:size]
    folder = Path(tempfile.mkdtemp(dir=file.parent))
    before = _private_mb()
    with engine(kind, folder, vectors.shape[1], quantised=quantised, url=url) as one:
        words = f"fill {kind}{', 8-bit' if quantised else ''}"
        begun = time.perf_counter()
        one.fill(vectors, payload, Progress(words, "vectors"))
        filled = time.perf_counter() - begun
        held = _private_mb()
        seconds: list[list[float]] = [[], []]
        found: list[list[list[int]]] = [[], []]
        for query, only in zip(queries, filters, strict=True):
            for side, condition in enumerate((None, only)):
                begun = time.perf_counter()
                found[side].append(one.nearest(query, NEIGHBOURS, condition))
                seconds[side].append(time.perf_counter() - begun)
        disk = sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()) / 1e6
    shutil.rmtree(folder)
    return PatchSearch(
        engine=kind,
        vectors=size,
        quantised=quantised,
        fill_seconds=filled,
        query_seconds=median(seconds[0]),
        filtered_seconds=median(seconds[1]),
        recall=recall(vectors, queries, found[0]),
        filtered_recall=recall(vectors, queries, found[1], _allowed(payload, filters)),
        memory_mb=None if kind == "server" or before is None or held is None else held - before,
        disk_mb=disk if kind == "edge" else None,
    )


def recall(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    found: Sequence[Sequence[int]],
    allowed: NDArray[np.bool_] | None = None,
) -> float:
    """Share of the nearest by cosine that were found, over all queries, by comparison with every vector.

    `vectors` [N, D], `queries` [Q, D], rows `found` for each query, as many as were asked for where there are so many;
    `allowed`, bool [Q, N], says which may be found. A vector as near as the last of the nearest counts like it.
    """
    unit = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    best = np.full((len(queries), 0), -np.inf)
    for start in range(0, len(vectors), 65_536):
        part = vectors[start : start + 65_536]
        cosines = unit @ (part / np.linalg.norm(part, axis=1, keepdims=True)).T
        if allowed is not None:
            cosines[~allowed[:, start : start + 65_536]] = -np.inf
        best = np.sort(np.concatenate([best, cosines], axis=1), axis=1)[:, -NEIGHBOURS:]
    right, wanted = 0, 0
    for query, rows, nearest in zip(unit, found, best, strict=True):
        wanted += int(np.isfinite(nearest).sum())
        if len(rows):
            those = vectors[list(rows)]
            cosines = those @ query / np.linalg.norm(those, axis=1)
            right += int((cosines >= nearest[np.isfinite(nearest)].min() - EQUAL).sum())
    return right / wanted


def _allowed(payload: Payload, filters: Payload) -> NDArray[np.bool_]:
    kinds = np.array([f"{one['category']}/{one['defect']}" for one in payload])
    return np.stack([kinds == f"{one['category']}/{one['defect']}" for one in filters])


def table(found: Patches) -> str:
    """The searches as a table in Markdown."""
    head = (
        "| Engine | Vectors | Searched as | Filled and indexed | A query | With filter | Recall | With filter "
        "| Memory | Disk |\n|:--|--:|:--|--:|--:|--:|--:|--:|--:|--:|\n"
    )
    lines = [
        f"| {one.engine} | {one.vectors:,} | {'8-bit integers' if one.quantised else 'float32'} "
        f"| {one.fill_seconds:.0f} s | {1000 * one.query_seconds:.1f} ms | {1000 * one.filtered_seconds:.1f} ms "
        f"| {one.recall:.3f} | {one.filtered_recall:.3f} | {_megabytes(one.memory_mb)} | {_megabytes(one.disk_mb)} |\n"
        for one in found.searches
    ]
    return head + "".join(lines)


def _private_mb() -> float | None:
    """Memory that only this process holds and no file backs, in MB; None where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("RssAnon")), None)


def _megabytes(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} MB"
