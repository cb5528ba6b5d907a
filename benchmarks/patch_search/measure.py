"""Patches: trained cells in, report/patches.json out: Qdrant among all patches of the images, not one vector each."""

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

from patch_search.record import Patches, PatchSearch
from patch_search.search import NEIGHBOURS, QUERIES, Payload, measure
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
#: Vectors that the engine of qdrant-client is asked to hold at most: it copies its tables with each that comes in.
LOCAL_LIMIT = 100_000
PACKAGES = ("numpy", "qdrant-client", "qdrant-edge-py", "torch")


def patches(folder: RunFolder, study: Study, sizes: Sequence[int], url: str | None, report: Path) -> Patches:
    """Measure the engines with collections of these sizes; leave patches.json in `report`, each as soon as it is there.

    The vectors are those that PatchCore, preferably of the sound protocol, compares, of all images of the study and of
    their flips and rotations. The queries are among them, but in no collection. Raises ReproError where the study is
    not trained or has fewer patches, or where no server answers at `url`. What the file holds of other collections
    stays where study, machine and packages are the same.
    """
    patchcore = [name for name, one in study.variants.items() if one.model == "patchcore"]
    if not patchcore:
        raise ReproError("has no PatchCore", where=study.name, hint="name another study with --study")
    variant = min(patchcore, key=lambda name: study.variants[name].protocol != "sound")
    place = folder.run / "patches"
    place.mkdir(parents=True, exist_ok=True)
    if url is not None:
        with connect(url, place):
            pass
    with tempfile.TemporaryDirectory(dir=place) as scratch:
        file = Path(scratch) / "vectors.npy"
        payload = describe(folder, study, variant, max(sizes) + QUERIES, file)
        plans = [
            (kind, size, quantised)
            for size in sizes
            for kind, quantised in _engines(url)
            if kind != "local" or size <= LOCAL_LIMIT
        ]
        found = Patches(
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
        found = _with(found, _earlier(report / FILE, found))
        for kind, size, quantised in plans:
            # In a process of its own each: memory that another collection left behind would be counted.
            alone = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=alone) as pool:
                one = pool.submit(measure, file, payload, kind, size, quantised, url).result()
            found = _with(found, [one])
            write_json(report / FILE, found.model_dump(mode="json"))
    return found


def _with(found: Patches, more: Sequence[PatchSearch]) -> Patches:
    """With further searches, each in the place of an earlier one of its kind."""
    merged = {(one.vectors, one.engine, one.quantised): one for one in (*found.searches, *more)}
    return found.model_copy(update={"searches": tuple(merged[key] for key in sorted(merged))})


def _earlier(path: Path, found: Patches) -> Sequence[PatchSearch]:
    """What the file holds of the same vectors, machine and packages."""
    if not path.is_file():
        return ()
    earlier = read_record(path, Patches, hint="delete it")
    return earlier.searches if earlier.model_copy(update={"searches": ()}) == found else ()


def describe(folder: RunFolder, study: Study, variant: str, count: int, file: Path) -> Payload:
    """Write `count` patch vectors, float32 [count, D], to a .npy file in random order; gives their payload."""
    rows: np.memmap[Any, Any] | None = None
    payload: Payload = [{} for _ in range(count)]
    done = 0
    progress = Progress("describe patches", "patches")
    for vectors, about in _described(folder, study, variant):
        if rows is None:
            rows = np.lib.format.open_memmap(file, "w+", np.float32, (count, vectors.shape[1]))
            order = np.random.default_rng(0).permutation(count)
        some = order[done : done + len(vectors)]
        rows[some] = vectors[: len(some)]
        for row in some.tolist():
            payload[row] = about
        done += len(some)
        progress(done, count)
        if done == count:
            rows.flush()
            return payload
    hint = "ask for less with --sizes"
    words = f"has {done:,} patches, flips and rotations counted, and {count:,} are asked for"
    raise ReproError(words, where=study.name, hint=hint)


def _described(folder: RunFolder, study: Study, variant: str) -> Iterator[tuple[NDArray[np.float32], dict[str, str]]]:
    """Patch vectors [h w, D] and their payload: of the images as they are, then turned and mirrored."""
    entry = MODELS[study.variants[variant].model]
    root = Path(read_json(folder.data_root, hint=f"run `repro data --study {study.name}` first")["root"])
    modules, names = {}, {}
    for category in study.categories:
        checkpoint = folder.cell(Cell(variant, category, study.seeds_of(variant)[0])) / "checkpoint.ckpt"
        if not checkpoint.is_file():
            raise ReproError("no such file", where=checkpoint, hint="run `nox -s train` first")
        modules[category] = load(study.variants[variant], checkpoint).cpu().eval()
        files = read_json(folder.manifest(category), hint="run `nox -s train` first")["files"]
        names[category] = [name for name in files if "/ground_truth/" not in name]
    for turn in range(8):
        for number in range(max(map(len, names.values()))):
            for category, those in names.items():
                if number < len(those):
                    with Image.open(root / those[number]) as image:
                        pixels = to_dtype(to_image(image.convert("RGB")), torch.float32, scale=True)
                    pixels = torch.rot90(pixels.flip(2) if turn >= 4 else pixels, turn % 4, (1, 2))
                    defect = those[number].split("/")[-2]
                    yield _vectors(modules[category], entry, pixels), {"category": category, "defect": defect}


def _vectors(module: Any, entry: Any, pixels: torch.Tensor) -> NDArray[np.float32]:
    with torch.no_grad():
        heard = entry.networks(module)[0](module.pre_processor(pixels[None]))
        embedding: NDArray[np.float32] = entry.embedding(module, heard)[0].flatten(1).T.numpy()
    return embedding


def _engines(url: str | None) -> list[tuple[Literal["local", "edge", "server"], bool]]:
    here: list[tuple[Literal["local", "edge", "server"], bool]] = [("local", False), ("edge", True), ("edge", False)]
    return [*here, ("server", False), ("server", True)] if url else here
