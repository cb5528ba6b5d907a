"""Forecast: an estimate and the room on this machine in, the text of a dry run out, or an error if room is lacking."""

import shutil
from pathlib import Path

import psutil

from repro.costs.estimate import Estimate
from repro.errors import ReproError
from repro.runs import RunFolder
from repro.study import Study

#: A dry run lists the cells if there are no more than this.
MOST_LISTED = 20
#: Free disk space and memory must exceed the estimate by this factor, for its error and for other programs.
MARGIN = 1.1


def forecast(folder: RunFolder, study: Study, estimate: Estimate) -> str:
    """Describe for a dry run the cells, and the time, disk space and memory that the unfinished ones will take."""
    variants, categories = len(study.variants), len(study.categories)
    to_train = sum(variant.to_train for variant in estimate.variants)
    lines = [
        "dry run: nothing is started, nothing is written",
        f"cells   {len(study.cells)}: {_count(variants, 'variant')} of {_count(categories, 'category')}, "
        f"{_seeds(study)}; {to_train} to train, {len(study.cells) - to_train} trained",
    ]
    if len(study.cells) <= MOST_LISTED:
        lines += [f"        {cell.key}" for cell in study.cells]
    if all(variant.core_seconds == 0 for variant in estimate.variants):
        return "\n".join([*lines, "all cells are finished; only the report is left to make"])
    width = max(len(variant.variant) for variant in estimate.variants) + 2
    lines += [
        f"images  {estimate.images_source}",
        "",
        f"{'variant':{width}}{'cells':>6}{'to train':>10}{'time':>8}{'disk':>10}  memory",
    ]
    for row in estimate.variants:
        time = "?" if row.core_seconds is None else _duration(row.core_seconds / estimate.cores)
        memory = f"{row.processes} x {_size(row.process_memory)}" if row.memory else "none"
        lines.append(f"{row.variant:{width}}{row.cells:6}{row.to_train:10}{time:>8}{_size(row.disk):>10}  {memory}")
    lines += ["", f"time    {_time(estimate)}"]
    lines += [f"disk    {_size(estimate.disk)} to be written, {_size(_free(folder))} free in {_existing(folder.run)}"]
    lines += [f"memory  {_size(estimate.memory)} at most, {_size(_available())} available"]
    return "\n".join(lines)


def check_room(folder: RunFolder, estimate: Estimate) -> None:
    """Raise ReproError if this machine has too little disk space or memory for the unfinished cells of a study."""
    free, available = _free(folder), _available()
    if estimate.disk * MARGIN > free:
        raise ReproError(
            f"about {_size(estimate.disk)} will be written and {_size(free)} are free",
            where=_existing(folder.run),
            hint=f"free {_size(int(estimate.disk * MARGIN) - free)}, or run fewer categories with --categories",
        )
    if estimate.memory * MARGIN > available:
        largest = max(estimate.variants, key=lambda variant: variant.memory)
        fitting = int(available // (largest.process_memory * MARGIN))
        fewer = f"run with --cores {fitting}" if 0 < fitting < largest.processes else "use a machine with more memory"
        raise ReproError(
            f"about {_size(estimate.memory)} of memory are needed ({largest.processes} x "
            f"{_size(largest.process_memory)}) and {_size(available)} are available",
            where=f"variant {largest.variant}",
            hint=f"close other programs, or {fewer}",
        )


def _time(estimate: Estimate) -> str:
    if estimate.timings_source is None:
        return "unknown: there are no timings of earlier runs"
    source = f"from {estimate.timings_source}, scaled by images, their size, steps and cores"
    if estimate.seconds is None:
        return f"unknown: no comparable cell was timed on {'a GPU' if estimate.gpu else 'a CPU'} ({source})"
    return f"about {_duration(estimate.seconds)} on {_count(estimate.cores, 'core')}: an estimate {source}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e8 else f"{number / 1e6:.0f} MB"


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _seeds(study: Study) -> str:
    numbers = sorted({len(study.seeds_of(variant)) for variant in study.variants})
    return _count(numbers[0], "seed") if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]} seeds"


def _existing(path: Path) -> Path:
    """The nearest existing folder."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _free(folder: RunFolder) -> int:
    return shutil.disk_usage(_existing(folder.run)).free


def _available() -> int:
    return int(psutil.virtual_memory().available)
