"""Compare: two folders with files of the same cell in, the differences of their numbers out. Needs no torch."""

import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from repro.errors import ReproError
from repro.pipeline import OF_A_CELL
from repro.runs import read_json, sha256

#: Output files of the stages of a cell, in the order in which they run.
FILES = tuple(dict.fromkeys(pattern.removeprefix("{cell}/") for stage in OF_A_CELL for pattern in stage.outputs))
#: Keys of fit.json that describe the machine and the versions, not a result.
CIRCUMSTANCES = ("device", "threads", "packages")

#: The keys of a JSON value, from the outermost to its own.
JsonPath = tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """The difference of one quantity of a file."""

    file: str
    #: A name in the file, for example `maps` or `metrics.image_auroc`; empty for the file as a whole.
    name: str
    #: Largest absolute difference of numbers; 0 if they are equal.
    largest: float
    #: The same divided by the range of the values, for an array; 0 otherwise.
    relative: float = 0.0
    #: Differing entries that are not numbers, and entries that one side lacks.
    other: int = 0

    @property
    def none(self) -> bool:
        return self.largest == 0 and self.other == 0


def differences(first: Path, second: Path, files: tuple[str, ...] = FILES) -> list[Difference]:
    """Compare two folders of one cell, file by file; a file with the same bytes is a single entry without difference.

    Files in neither folder are skipped. Raises ReproError if a file is in only one folder or cannot be read.
    """
    results = []
    for file in files:
        paths = first / file, second / file
        missing = [path for path in paths if not path.is_file()]
        if len(missing) == 2:
            continue
        if missing:
            raise ReproError("no such file", where=missing[0], hint="run `nox -s evaluate` to make it")
        same = sha256(paths[0]) == sha256(paths[1])
        results += [Difference(file, "", 0.0)] if same else _differences_of_file(file, *paths)
    return results


def _differences_of_file(file: str, first: Path, second: Path) -> list[Difference]:
    try:
        if file.endswith(".npz"):
            return list(_differences_of_arrays(file, first, second))
        if file.endswith(".ckpt"):
            # Another version of anomalib may store more, an optimizer's state for example.
            missing = Counter(_tensors(first)) - Counter(_tensors(second))
            return [Difference(file, "tensors", 0.0, other=missing.total())]
        return list(_differences_of_json(file, read_json(first, hint=""), read_json(second, hint="")))
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ReproError(f"cannot be compared ({error})", where=first, hint="run `repro verify`") from None


def _differences_of_arrays(file: str, first: Path, second: Path) -> Iterator[Difference]:
    with np.load(first, allow_pickle=False) as first_arrays, np.load(second, allow_pickle=False) as second_arrays:
        for name in first_arrays.files:
            a, b = first_arrays[name], second_arrays[name]
            if a.shape != b.shape:
                yield Difference(file, name, 0.0, other=max(a.size, b.size))
            elif a.dtype.kind == "f":
                largest = float(np.abs(a.astype(np.float64) - b).max(initial=0))
                spread = float(np.ptp(a)) if a.size else 0.0
                yield Difference(file, name, largest, largest / spread if spread else 0.0)
            else:
                yield Difference(file, name, 0.0, other=int((a != b).sum()))


def _tensors(path: Path) -> list[tuple[int, int]]:
    """Size and CRC of each tensor storage in a checkpoint, read as a zip archive without unpickling it."""
    with zipfile.ZipFile(path) as archive:
        return [(entry.file_size, entry.CRC) for entry in archive.infolist() if "/data/" in entry.filename]


def _differences_of_json(file: str, first: Any, second: Any) -> Iterator[Difference]:
    """One difference for each pair of outer keys: the largest of the numbers below them."""
    first_values, second_values = dict(_leaves(first)), dict(_leaves(second))
    groups: dict[str, list[JsonPath]] = {}
    for path in first_values | second_values:
        if path[0] not in CIRCUMSTANCES and path[-1] != "fingerprint":
            name = ".".join(key for key in path[:2] if not key.isdigit())
            groups.setdefault(name, []).append(path)
    for name, paths in groups.items():
        largest, other = 0.0, 0
        for path in paths:
            a, b = first_values.get(path, "-"), second_values.get(path, "-")
            if _is_number(a) and _is_number(b):
                largest = max(largest, abs(a - b))
            else:
                other += a != b
        yield Difference(file, name, largest, other=other)


def _leaves(content: Any, path: JsonPath = ()) -> Iterator[tuple[JsonPath, Any]]:
    """Numbers, strings and so on with their paths; an empty container is given as text."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        if isinstance(value, dict | list) and value:
            yield from _leaves(value, (*path, str(key)))
        else:
            yield (*path, str(key)), json.dumps(value) if isinstance(value, dict | list) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
