"""Measure one engine on patch vectors of a file: time, memory and recall. Does not import torch."""

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
from patch_search.record import PatchBenchmark, PatchSearch
from repro.data.layout import GOOD
from repro.progress import Progress

QUERIES = 100
NEIGHBOURS = 10
#: Tolerance of equal cosines: rounding of float32.
TOLERANCE = 1e-5

#: For each vector `category` and `defect` of its image.
Payload = list[dict[str, str]]


def measure(
    file: Path, payload: Payload, kind: Literal["local", "edge", "server"], size: int, quantised: bool, url: str | None
) -> PatchSearch:
    """Fill an engine with the first `size` vectors of a file and search it with the last `QUERIES`."""
    # Pages of a memory map are not private memory, so they are not counted.
    stored = np.load(file, mmap_mode="r", allow_pickle=False)
    vectors, queries = stored[:size], np.array(stored[-QUERIES:])
    filters = [{"category": image["category"], "defect": GOOD} for image in payload[-QUERIES:]]
    payload = payload[:size]
    folder = Path(tempfile.mkdtemp(dir=file.parent))
    before = _private_mb()
    with engine(kind, folder, vectors.shape[1], quantised=quantised, url=url) as collection:
        progress = Progress(f"fill {kind}{', 8-bit' if quantised else ''}", "vectors")
        start = time.perf_counter()
        collection.fill(vectors, payload, progress)
        fill_seconds = time.perf_counter() - start
        after = _private_mb()
        # Without and with the filter.
        seconds: list[list[float]] = [[], []]
        rows: list[list[list[int]]] = [[], []]
        for query, only in zip(queries, filters, strict=True):
            for index, condition in enumerate((None, only)):
                start = time.perf_counter()
                rows[index].append(collection.nearest(query, NEIGHBOURS, condition))
                seconds[index].append(time.perf_counter() - start)
        disk = sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()) / 1e6
    shutil.rmtree(folder)
    return PatchSearch(
        engine=kind,
        vectors=size,
        quantised=quantised,
        fill_seconds=fill_seconds,
        query_seconds=median(seconds[0]),
        filtered_seconds=median(seconds[1]),
        recall=recall(vectors, queries, rows[0]),
        filtered_recall=recall(vectors, queries, rows[1], _allowed(payload, filters)),
        memory_mb=None if kind == "server" or before is None or after is None else after - before,
        disk_mb=disk if kind == "edge" else None,
    )


def recall(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    returned: Sequence[Sequence[int]],
    allowed: NDArray[np.bool_] | None = None,
) -> float:
    """Compute the share of the nearest vectors by cosine that were returned, over all queries, by brute force.

    `vectors` are [N, D], `queries` [Q, D], `returned` are rows of `vectors` for each query. `allowed`, bool [Q, N],
    marks the vectors that pass the filter. A vector as near as the last of the nearest counts as one of them.
    """
    unit = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    best = np.full((len(queries), 0), -np.inf)
    for start in range(0, len(vectors), 65_536):
        part = vectors[start : start + 65_536]
        cosines = unit @ (part / np.linalg.norm(part, axis=1, keepdims=True)).T
        if allowed is not None:
            cosines[~allowed[:, start : start + 65_536]] = -np.inf
        best = np.sort(np.concatenate([best, cosines], axis=1), axis=1)[:, -NEIGHBOURS:]
    correct, total = 0, 0
    for query, rows, nearest in zip(unit, returned, best, strict=True):
        nearest = nearest[np.isfinite(nearest)]
        total += len(nearest)
        if len(rows):
            neighbours = vectors[list(rows)]
            cosines = neighbours @ query / np.linalg.norm(neighbours, axis=1)
            correct += int((cosines >= nearest.min() - TOLERANCE).sum())
    return correct / total


def _allowed(payload: Payload, filters: Payload) -> NDArray[np.bool_]:
    kinds = np.array([f"{image['category']}/{image['defect']}" for image in payload])
    return np.stack([kinds == f"{only['category']}/{only['defect']}" for only in filters])


def table(benchmark: PatchBenchmark) -> str:
    """Format the searches as a Markdown table."""
    head = (
        "| Engine | Vectors | Searched as | Filled and indexed | A query | With filter | Recall | With filter "
        "| Memory | Disk |\n|:--|--:|:--|--:|--:|--:|--:|--:|--:|--:|\n"
    )
    lines = [
        f"| {search.engine} | {search.vectors:,} | {'8-bit integers' if search.quantised else 'float32'} "
        f"| {search.fill_seconds:.0f} s | {1000 * search.query_seconds:.1f} ms "
        f"| {1000 * search.filtered_seconds:.1f} ms | {search.recall:.3f} | {search.filtered_recall:.3f} "
        f"| {_megabytes(search.memory_mb)} | {_megabytes(search.disk_mb)} |\n"
        for search in benchmark.searches
    ]
    return head + "".join(lines)


def _private_mb() -> float | None:
    """Read the private memory of this process, in MB; None if the system does not report it."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("RssAnon")), None)


def _megabytes(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} MB"
