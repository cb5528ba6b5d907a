"""Recompute: train, predict and score one cell again in a temporary folder, and compare it with the existing files."""

import random
import shutil
import tempfile
from collections.abc import Mapping, Sequence
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

#: Output files of `fit`, `predict` and `score`.
MADE = tuple(file for file in FILES if file not in ("hits.json", "recover.json"))
#: Largest accepted difference of a metric on another machine or with other threads, see docs/determinism.md.
TOLERANCE = 0.02


def recompute(folder: RunFolder, study: Study, seed: int, device: Device, threads: int | None = None) -> int:
    """Draw a cell with `seed`, compute it again and compare; return 1 if it differs, else 0.

    `threads` defaults to the number with which the cell was trained. On the same machine with the same versions all
    numbers must be equal to the byte; otherwise metrics must agree within `TOLERANCE`. Raises ReproError if the cell
    is not finished.
    """
    if study.data.source == "published":
        raise ReproError("trains nothing", where=f"study {study.name}", hint="run `repro verify`")
    cell = random.Random(seed).choice(study.cells)
    print(f"recompute {cell.key}, drawn with seed {seed}", flush=True)
    existing = folder.cell(cell)
    for file in MADE:
        if not (existing / file).is_file():
            raise ReproError("no such file", where=existing / file, hint="run `nox -s evaluate` first")
    before = read_json(existing / "fit.json", hint="run `nox -s evaluate` first")
    torch.set_num_threads(threads or before["threads"])
    with tempfile.TemporaryDirectory(prefix="repro-check-") as root:
        temporary = RunFolder(folder.study, Path(root))
        for path in (folder.data_root, folder.manifest(cell.category)):
            copy = temporary.root / path.relative_to(folder.root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        fit(temporary, study, cell, device)
        predict(temporary, study, cell, device)
        score(temporary, cell)
        now = read_json(temporary.cell(cell) / "fit.json", hint="")
        results = differences(existing, temporary.cell(cell), MADE)
    return _report(cell, results, _changed_circumstances(folder, before, now))


def _changed_circumstances(folder: RunFolder, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Device, threads, processor and versions that differ from those with which the cell was made."""
    environment = folder.report / "environment.json"
    old_processor = read_json(environment, hint="")["processor"] if environment.is_file() else processor()
    pairs = {key: (before[key], now[key]) for key in ("device", "threads")} | {
        "processor": (old_processor, processor())
    }
    pairs |= {name: (before["packages"].get(name), version) for name, version in now["packages"].items()}
    return [f"{name} {old}, now {new}" for name, (old, new) in pairs.items() if old != new]


def _report(cell: Cell, results: Sequence[Difference], circumstances: Sequence[str]) -> int:
    """Print the differences and whether they are accepted; return 1 if not, else 0."""
    differing = [result for result in results if not result.none]
    for result in differing:
        entries = f", {result.other} other entries differ" if result.other else ""
        print(f"{result.file} {result.name}: largest difference {result.largest:.3g}{entries}")
    if not differing:
        print(f"{cell.key}: the same to the byte: {', '.join(dict.fromkeys(result.file for result in results))}")
        return 0
    if not circumstances:
        print(f"{cell.key}: DIFFERS, though machine, threads and versions are the same; run `repro verify`")
        return 1
    print(f"made under other circumstances: {'; '.join(circumstances)}")
    metrics = [result for result in results if result.file == "scores.json" and result.name.startswith("metrics.")]
    worst = max((metric.largest for metric in metrics), default=0.0)
    word = "within" if worst <= TOLERANCE else "BEYOND"
    print(f"{cell.key}: metrics differ by at most {worst:.4f}, {word} the tolerance of {TOLERANCE}")
    return 0 if worst <= TOLERANCE else 1
