"""Read all figures of one model and category, in parallel where asked; what cannot be read does not stop the others."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from repro.errors import DataError, ReproError
from repro.panels.originals import COMMIT, REPOSITORY, RESULTS, Original, check, images_folder, originals
from repro.panels.panel import Panel, open_figure, read_panel
from repro.panels.quality import Quality, pooled

#: Lossless formats that figures are read from.
ENDINGS = (".png", ".webp")
#: Figures that wait for each worker, so that none is idle and few are in memory.
AHEAD = 2


@dataclass(frozen=True, eq=False)
class RecoveredSet:
    """What was read of one model and category, and what was wrong with the rest, by name of the image."""

    model: str
    category: str
    panels: tuple[Panel, ...]
    problems: tuple[ReproError, ...]

    @property
    def quality(self) -> Quality:
        return pooled(panel.quality for panel in self.panels)

    def raise_problems(self, where: object) -> None:
        """Raise one error that lists every problem, if there are any."""
        if self.problems:
            lines = [str(problem) for problem in self.problems]
            raise DataError(
                lines, where=where, hint="repair or replace these, then run the same command again; the others are fine"
            )


def set_folder(root: Path, model: str, category: str) -> Path:
    """Find the folder of a set's figures, DEFECT/NNN.png or .webp, in a folder laid out in one of three ways.

    As MODEL/CATEGORY; as the study's folder `results`; as its whole repository. ReproError where there is none.
    """
    inside = images_folder(model, category)
    places = [root / model / category, root / inside.removeprefix(f"{RESULTS}/"), root / inside]
    for place in places:
        if place.is_dir():
            return place
    hint = f"name a folder that holds {model}/{category}/DEFECT/NNN.png, or a copy of {REPOSITORY} at {COMMIT[:12]}"
    raise ReproError(f"has no figures of {model} on {category}", where=root, hint=hint)


def recover_set(
    root: Path, model: str, category: str, *, workers: int = 1, table: Sequence[Original] | None = None
) -> Iterator[Panel | ReproError]:
    """Yield what each figure of a set shows, in the order of the table, or the error where one cannot be read.

    Only a few figures are in memory at a time. Unknown files come first, as errors.

    Args:
        root: folder with the figures, in a layout of `set_folder`.
        model, category: the set.
        workers: processes that read; with 1, this one does.
        table: the figures that the set consists of, with their hashes; the published ones by default.
    """
    folder = set_folder(root, model, category)
    wanted = [
        one for one in (originals() if table is None else table) if (one.model, one.category) == (model, category)
    ]
    here: dict[str, list[Path]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        here.setdefault(path.relative_to(folder).with_suffix("").as_posix(), []).append(path)
    for place in sorted(here.keys() - {f"{one.defect}/{one.number}" for one in wanted}):
        for path in here[place]:
            hint = "remove it, or name it as the study does"
            yield ReproError(f"is not the name of a figure of {model} on {category}", where=path, hint=hint)
    yield from _read_all([(one, here.get(f"{one.defect}/{one.number}", []), folder) for one in wanted], workers)


def collect(model: str, category: str, results: Iterable[Panel | ReproError]) -> RecoveredSet:
    """Part what `recover_set` yields into panels and problems."""
    every = list(results)
    return RecoveredSet(
        model,
        category,
        panels=tuple(one for one in every if isinstance(one, Panel)),
        problems=tuple(one for one in every if isinstance(one, ReproError)),
    )


_Task = tuple[Original, list[Path], Path]
_Sent = Panel | tuple[str, str, str]


def _read_all(tasks: Sequence[_Task], workers: int) -> Iterator[Panel | ReproError]:
    if workers <= 1:
        yield from map(_read, tasks)
        return
    # Started afresh, as libraries with threads of their own may be loaded here.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[_Sent]] = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(_read_elsewhere, task))
                if len(waiting) > AHEAD * workers:
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _read(task: _Task) -> Panel | ReproError:
    original, paths, folder = task
    place = folder / original.defect / f"{original.number}.png"
    if not paths:
        hint = f"take {original.path} from {REPOSITORY} at {COMMIT[:12]}"
        return ReproError(f"the figure of {original.name} is missing", where=place, hint=hint)
    if len(paths) > 1:
        found = " and ".join(path.name for path in paths)
        hint = "remove all but one"
        return ReproError(f"the figure of {original.name} is there more than once ({found})", where=place, hint=hint)
    (path,) = paths
    try:
        if path.suffix not in ENDINGS:
            hint = f"give a lossless copy ({' or '.join(ENDINGS)})"
            raise ReproError(f"is of a kind that is not read ({path.suffix})", where=path, hint=hint)
        figure = open_figure(path)
        panel = read_panel(figure, original.name, path)
        check(path, figure, original)
    except ReproError as error:
        return error
    return panel


def _read_elsewhere(task: _Task) -> _Sent:
    """Read in another process; an error with more than one argument does not travel, its parts do."""
    read = _read(task)
    return (read.what, read.where, read.hint) if isinstance(read, ReproError) else read


def _result(future: Future[_Sent]) -> Panel | ReproError:
    read = future.result()
    if isinstance(read, Panel):
        return read
    what, where, hint = read
    return ReproError(what, where=where, hint=hint)
