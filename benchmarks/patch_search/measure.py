"""Measure Qdrant's engines on all patches of the images of a trained study, and write report/patches.json."""

import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms.v2.functional import to_dtype, to_image

from patch_search.record import PatchBenchmark, PatchSearch
from patch_search.search import NEIGHBOURS, QUERIES, Payload, measure
from repro.data.layout import defect_of
from repro.errors import ReproError
from repro.machine import processor, versions
from repro.models.registry import MODELS
from repro.progress import Progress
from repro.records.base import SCHEMA_VERSION
from repro.runs import Cell, RunFolder, read_json, read_record, write_json
from repro.search.client import connect
from repro.stages.predict import load
from repro.study import Study

FILE = "patches.json"
#: Largest collection of the local engine, which copies its tables with each inserted vector.
LOCAL_LIMIT = 100_000
PACKAGES = ("numpy", "qdrant-client", "qdrant-edge-py", "torch")


def benchmark(folder: RunFolder, study: Study, sizes: Sequence[int], url: str | None, report: Path) -> PatchBenchmark:
    """Measure the engines with collections of these sizes, and write patches.json in `report` after each.

    The vectors are the patch embeddings of PatchCore, if possible of the sound protocol, for all images of the study
    with flips and rotations. The queries are in no collection. Earlier measurements of other collections in the file
    are kept if study, machine and packages are the same. Raises ReproError if the study is not trained or has fewer
    patches, or if no server answers at `url`.
    """
    patchcore = [name for name, variant in study.variants.items() if variant.model == "patchcore"]
    if not patchcore:
        raise ReproError("has no PatchCore", where=study.name, hint="name another study with --study")
    variant = min(patchcore, key=lambda name: study.variants[name].protocol != "sound")
    scratch = folder.run / "patches"
    scratch.mkdir(parents=True, exist_ok=True)
    if url is not None:
        with connect(url, scratch):
            pass
    with tempfile.TemporaryDirectory(dir=scratch) as temporary:
        file = Path(temporary) / "vectors.npy"
        payload = write_vectors(folder, study, variant, max(sizes) + QUERIES, file)
        plans = [
            (kind, size, quantised)
            for size in sizes
            for kind, quantised in _engines(url)
            if kind != "local" or size <= LOCAL_LIMIT
        ]
        result = PatchBenchmark(
            schema_version=SCHEMA_VERSION,
            processor=processor(),
            threads=torch.get_num_threads(),
            packages=versions(PACKAGES),
            study=study.name,
            variant=variant,
            dimension=np.load(file, mmap_mode="r", allow_pickle=False).shape[1],
            queries=QUERIES,
            neighbours=NEIGHBOURS,
            searches=(),
        )
        result = _merge(result, _earlier(report / FILE, result))
        for kind, size, quantised in plans:
            # A new process each, so that memory of another collection is not counted.
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                search = pool.submit(measure, file, payload, kind, size, quantised, url).result()
            result = _merge(result, [search])
            write_json(report / FILE, result.model_dump(mode="json"))
    return result


def _merge(result: PatchBenchmark, searches: Sequence[PatchSearch]) -> PatchBenchmark:
    """Add searches, each in place of an earlier one of the same kind."""
    merged = {(search.vectors, search.engine, search.quantised): search for search in (*result.searches, *searches)}
    return result.model_copy(update={"searches": tuple(merged[key] for key in sorted(merged))})


def _earlier(path: Path, result: PatchBenchmark) -> Sequence[PatchSearch]:
    """Read the searches of the file if its vectors, machine and packages are the same."""
    if not path.is_file():
        return ()
    earlier = read_record(path, PatchBenchmark, hint="delete it")
    return earlier.searches if earlier.model_copy(update={"searches": ()}) == result else ()


def write_vectors(folder: RunFolder, study: Study, variant: str, count: int, file: Path) -> Payload:
    """Write `count` patch vectors, float32 [count, D], to a .npy file in random order and return their payload."""
    rows: np.memmap[Any, Any] | None = None
    payload: Payload = [{} for _ in range(count)]
    done = 0
    progress = Progress("embed patches", "patches")
    for vectors, image_payload in _embeddings(folder, study, variant):
        if rows is None:
            rows = np.lib.format.open_memmap(file, "w+", np.float32, (count, vectors.shape[1]))
            order = np.random.default_rng(0).permutation(count)
        targets = order[done : done + len(vectors)]
        rows[targets] = vectors[: len(targets)]
        for row in targets.tolist():
            payload[row] = image_payload
        done += len(targets)
        progress(done, count)
        if done == count:
            rows.flush()
            return payload
    what = f"has only {done:,} of the requested {count:,} patches, with flips and rotations"
    raise ReproError(what, where=study.name, hint="give smaller --sizes")


def _embeddings(folder: RunFolder, study: Study, variant: str) -> Iterator[tuple[NDArray[np.float32], dict[str, str]]]:
    """Iterate over patch vectors [h w, D] and payload of each image, then of the rotated and mirrored images."""
    entry = MODELS[study.variants[variant].model]
    root = Path(read_json(folder.data_root, hint=f"run `repro data --study {study.name}` first")["root"])
    modules, names = {}, {}
    for category in study.categories:
        checkpoint = folder.cell(Cell(variant, category, study.seeds_of(variant)[0])) / "checkpoint.ckpt"
        if not checkpoint.is_file():
            raise ReproError("no such file", where=checkpoint, hint="run `nox -s train` first")
        modules[category] = load(study.variants[variant], checkpoint).cpu().eval()
        manifest = read_json(folder.manifest(category), hint="run `nox -s train` first")
        names[category] = [name for name in manifest["files"] if "/ground_truth/" not in name]
    for turn in range(8):
        for number in range(max(map(len, names.values()))):
            for category, files in names.items():
                if number >= len(files):
                    continue
                with Image.open(root / files[number]) as image:
                    pixels = to_dtype(to_image(image.convert("RGB")), torch.float32, scale=True)
                pixels = torch.rot90(pixels.flip(2) if turn >= 4 else pixels, turn % 4, (1, 2))
                payload = {"category": category, "defect": defect_of(files[number])}
                yield _vectors(modules[category], entry, pixels), payload


def _vectors(module: Any, entry: Any, pixels: torch.Tensor) -> NDArray[np.float32]:
    with torch.no_grad():
        features = entry.networks(module)[0](module.pre_processor(pixels[None]))
        embedding: NDArray[np.float32] = entry.embedding(module, features)[0].flatten(1).T.numpy()
    return embedding


def _engines(url: str | None) -> list[tuple[Literal["local", "edge", "server"], bool]]:
    local: list[tuple[Literal["local", "edge", "server"], bool]] = [("local", False), ("edge", True), ("edge", False)]
    return [*local, ("server", False), ("server", True)] if url else local
