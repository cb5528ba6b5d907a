"""Recompute: one cell of a study trained, run and scored again in a folder of its own, and set beside what stands."""

import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch

from repro.errors import ReproError
from repro.integrity.compare import FILES, Difference, differences
from repro.machine import processor
from repro.models.engine import Device
from repro.runs import Cell, RunFolder, read_json
from repro.stages.fit import fit
from repro.stages.predict import predict
from repro.stages.score import score
from repro.study import Study

#: What `fit`, `predict` and `score` leave.
MADE = tuple(file for file in FILES if file not in ("hits.json", "recover.json"))
#: How far a metric may move on another machine or with other threads, see docs/determinism.md.
TOLERANCE = 0.02


def recompute(folder: RunFolder, study: Study, seed: int, device: Device, threads: int | None = None) -> int:
    """Draw a cell with `seed`, compute it again and compare; 1 where it differs, else 0.

    It is computed with as many threads as then, unless `threads` says otherwise. On the same machine with the same
    versions every byte of a number has to agree; else metrics have to agree within `TOLERANCE`. Raises ReproError
    where the cell is not finished.
    """
    if study.data.source == "published":
        raise ReproError("trains nothing", where=f"study {study.name}", hint="run `repro verify`")
    cell = random.Random(seed).choice(study.cells)
    print(f"recompute {cell.key}, drawn with seed {seed}", flush=True)
    standing = folder.cell(cell)
    then = read_json(standing / "fit.json", hint="run `nox -s evaluate` first")
    for file in MADE:
        if not (standing / file).is_file():
            raise ReproError("no such file", where=standing / file, hint="run `nox -s evaluate` first")
    torch.set_num_threads(threads or then["threads"])
    with tempfile.TemporaryDirectory(prefix="repro-check-") as root:
        again = RunFolder(folder.study, Path(root))
        for path in (folder.data_root, folder.manifest(cell.category)):
            copy = again.root / path.relative_to(folder.root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        fit(again, study, cell, device)
        predict(again, study, cell, device)
        score(again, cell)
        now = read_json(again.cell(cell) / "fit.json", hint="")
        found = differences(standing, again.cell(cell), MADE)
    return _say(cell, found, _circumstances(folder, then, now))


def _circumstances(folder: RunFolder, then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What is not as it was when the cell was made."""
    there = folder.report / "environment.json"
    machine = read_json(there, hint="")["processor"] if there.is_file() else processor()
    pairs = {key: (then[key], now[key]) for key in ("device", "threads")} | {"processor": (machine, processor())}
    pairs |= {name: (then["packages"].get(name), version) for name, version in now["packages"].items()}
    return [f"{name} {old}, now {new}" for name, (old, new) in pairs.items() if old != new]


def _say(cell: Cell, found: list[Difference], circumstances: list[str]) -> int:
    moved = [one for one in found if not one.none]
    for one in moved:
        unlike = f", {one.other} entries unlike" if one.other else ""
        print(f"{one.file} {one.name}: largest difference {one.largest:.3g}{unlike}")
    if not moved:
        print(f"{cell.key}: the same to the byte, as {', '.join(dict.fromkeys(one.file for one in found))} say")
        return 0
    if not circumstances:
        print(f"{cell.key}: DIFFERS, though machine, threads and versions are the same; run `repro verify`")
        return 1
    print(f"made in other circumstances: {'; '.join(circumstances)}")
    metrics = [one for one in found if one.file == "scores.json" and one.name.startswith("metrics.")]
    worst = max((metric.largest for metric in metrics), default=0.0)
    word = "within" if worst <= TOLERANCE else "BEYOND"
    print(f"{cell.key}: metrics differ by at most {worst:.4f}, {word} the tolerance of {TOLERANCE}")
    return 0 if worst <= TOLERANCE else 1
