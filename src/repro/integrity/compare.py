"""Differences: the files of one cell, made twice, in; how far their numbers lie apart out. Needs no torch."""

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

#: What the stages of a cell leave, in the order in which they run.
FILES = tuple(dict.fromkeys(pattern.removeprefix("{cell}/") for stage in OF_A_CELL for pattern in stage.outputs))
#: Of fit.json: what says where and with what it was made, no result.
CIRCUMSTANCES = ("device", "threads", "packages")


@dataclass(frozen=True)
class Difference:
    """One quantity of a file."""

    file: str
    #: A name in the file, for example `maps` or `metrics.image_auroc`; empty where the whole file is meant.
    name: str
    #: Largest absolute difference of numbers; 0 where none differs.
    largest: float
    #: The same over the range of the values, of an array; 0 elsewhere.
    relative: float = 0.0
    #: Entries that are no numbers and differ, or that one side lacks.
    other: int = 0

    @property
    def none(self) -> bool:
        return self.largest == 0 and self.other == 0


def differences(one: Path, other: Path, files: tuple[str, ...] = FILES) -> list[Difference]:
    """Compare two folders of one cell, file by file; a file with the same bytes is one entry of zeros.

    ReproError where a file is in one folder alone, or is not what its name says.
    """
    found = []
    for file in files:
        first, second = one / file, other / file
        if not first.is_file() and not second.is_file():
            continue
        for path in (first, second):
            if not path.is_file():
                raise ReproError("no such file", where=path, hint="run `nox -s evaluate` to make it")
        found += [Difference(file, "", 0.0)] if sha256(first) == sha256(second) else _of(file, first, second)
    return found


def _of(file: str, first: Path, second: Path) -> list[Difference]:
    try:
        if file.endswith(".npz"):
            return list(_arrays(file, first, second))
        if file.endswith(".ckpt"):
            # Another version of anomalib may keep more, an optimizer's state for example.
            lacking = Counter(_tensors(first)) - Counter(_tensors(second))
            return [Difference(file, "tensors", 0.0, other=lacking.total())]
        return list(_numbers(file, read_json(first, hint=""), read_json(second, hint="")))
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ReproError(f"cannot be compared ({error})", where=first, hint="run `repro verify`") from None


def _arrays(file: str, first: Path, second: Path) -> Iterator[Difference]:
    with np.load(first, allow_pickle=False) as one, np.load(second, allow_pickle=False) as other:
        for name in one.files:
            a, b = one[name], other[name]
            if a.shape != b.shape:
                yield Difference(file, name, 0.0, other=max(a.size, b.size))
            elif a.dtype.kind == "f":
                largest = float(np.abs(a.astype(np.float64) - b).max(initial=0))
                spread = float(np.ptp(a)) if a.size else 0.0
                yield Difference(file, name, largest, largest / spread if spread else 0.0)
            else:
                yield Difference(file, name, 0.0, other=int((a != b).sum()))


def _tensors(path: Path) -> list[tuple[int, int]]:
    """Size and CRC of each storage of a file of torch's, which is a zip archive; nothing in it is run."""
    with zipfile.ZipFile(path) as archive:
        return [(one.file_size, one.CRC) for one in archive.infolist() if "/data/" in one.filename]


def _numbers(file: str, one: Any, other: Any) -> Iterator[Difference]:
    """By the first two keys of a file, the largest difference of the numbers below them."""
    first, second = dict(_leaves(one)), dict(_leaves(other))
    groups: dict[str, list[tuple[str, ...]]] = {}
    for place in {**first, **second}:
        if place[0] not in CIRCUMSTANCES and place[-1] != "fingerprint":
            groups.setdefault(".".join(part for part in place[:2] if not part.isdigit()), []).append(place)
    for name, places in groups.items():
        largest, unlike = 0.0, 0
        for place in places:
            a, b = first.get(place, "-"), second.get(place, "-")
            if _is_number(a) and _is_number(b):
                largest = max(largest, abs(a - b))
            else:
                unlike += a != b
        yield Difference(file, name, largest, other=unlike)


def _leaves(content: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in pairs:
        if isinstance(value, dict | list) and value:
            yield from _leaves(value, (*place, str(key)))
        else:
            yield (*place, str(key)), json.dumps(value) if isinstance(value, dict | list) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
