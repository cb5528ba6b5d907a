"""Forecast: an estimate and this machine in, what a dry run prints and whether the run has room, out."""

import shutil
from pathlib import Path

import psutil

from repro.costs.estimate import Estimate
from repro.errors import ReproError
from repro.runs import RunFolder
from repro.study import Study

#: Cells that a dry run names one by one.
MOST_NAMED = 20
#: Free disk and memory must exceed what is needed by this factor: formulas err, and others use the machine.
MARGIN = 1.1


def forecast(folder: RunFolder, study: Study, found: Estimate) -> str:
    """What a dry run prints: the cells, and the hours, disk and memory that those left will take."""
    variants, categories = len(study.variants), len(study.categories)
    left = sum(share.to_train for share in found.shares)
    lines = [
        "dry run: nothing is started, nothing is written",
        f"cells   {len(study.cells)}: {_several(variants, 'variant')} of {_several(categories, 'category')}, "
        f"{_seeds(study)}; {left} to train, {len(study.cells) - left} trained",
    ]
    if len(study.cells) <= MOST_NAMED:
        lines += [f"        {cell.key}" for cell in study.cells]
    if not any(share.core_seconds != 0 for share in found.shares):
        return "\n".join([*lines, "nothing but the report is left to make"])
    width = max(len(share.variant) for share in found.shares) + 2
    lines += [
        f"images  {found.counted}",
        "",
        f"{'variant':{width}}{'cells':>6}{'to train':>10}{'time':>8}{'disk':>10}  memory",
    ]
    for one in found.shares:
        time = "?" if one.core_seconds is None else _duration(one.core_seconds / found.cores)
        held = f"{one.beside} x {_size(one.memory)}" if one.memory else "none"
        lines.append(f"{one.variant:{width}}{one.cells:6}{one.to_train:10}{time:>8}{_size(one.disk):>10}  {held}")
    lines += ["", f"time    {_time(found)}"]
    lines += [f"disk    {_size(found.disk)} to be written, {_size(_free(folder))} free in {_existing(folder.run)}"]
    lines += [f"memory  {_size(found.memory)} at most, {_size(_available())} available"]
    return "\n".join(lines)


def check_room(folder: RunFolder, found: Estimate) -> None:
    """ReproError where the disk or the memory of this machine is too small for what is left of a study."""
    free, available = _free(folder), _available()
    if found.disk * MARGIN > free:
        raise ReproError(
            f"about {_size(found.disk)} will be written and {_size(free)} are free",
            where=_existing(folder.run),
            hint=f"free {_size(int(found.disk * MARGIN) - free)}, or run fewer categories with --categories",
        )
    if found.memory * MARGIN > available:
        largest = max(found.shares, key=lambda one: one.memory * one.beside)
        fitting = int(available // (largest.memory * MARGIN))
        fewer = f"run with --cores {fitting}" if 0 < fitting < largest.beside else "use a machine with more memory"
        raise ReproError(
            f"about {_size(found.memory)} of memory are needed ({largest.beside} x {_size(largest.memory)}) and "
            f"{_size(available)} are available",
            where=f"variant {largest.variant}",
            hint=f"close other programs, or {fewer}",
        )


def _time(found: Estimate) -> str:
    if found.timed is None:
        return "not known: nothing like this was ever timed here"
    source = f"from {found.timed}, scaled by images, their size, steps and cores"
    if found.seconds is None:
        return f"not known: no such cell was ever timed on {'a GPU' if found.gpu else 'a CPU'} ({source})"
    return f"about {_duration(found.seconds)} on {_several(found.cores, 'core')}: an estimate {source}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e8 else f"{number / 1e6:.0f} MB"


def _several(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _seeds(study: Study) -> str:
    numbers = sorted({len(study.seeds_of(variant)) for variant in study.variants})
    return _several(numbers[0], "seed") if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]} seeds"


def _existing(path: Path) -> Path:
    """The nearest folder that is there."""
    return next(one for one in (path, *path.parents) if one.is_dir())


def _free(folder: RunFolder) -> int:
    return shutil.disk_usage(_existing(folder.run)).free


def _available() -> int:
    return int(psutil.virtual_memory().available)
