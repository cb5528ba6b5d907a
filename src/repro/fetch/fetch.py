"""Fetch: names in, data sets and weights where anomalib and timm look for them out; the one stage that downloads."""

import shutil
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from repro.errors import ReproError
from repro.fetch import place, published, transfer
from repro.fetch.sources import ORIGINALS_ROOT, Source, chosen
from repro.progress import Progress
from repro.runs import PROJECT_ROOT, sha256

#: A data set is images, which are compressed already: unpacked it is about as large as its archive.
UNPACKED = 1.1


def fetch(
    names: tuple[str, ...],
    given: Path | None = None,
    data_root: Path | None = None,
    patience: transfer.Patience | None = None,
) -> None:
    """Bring what is named, or all of the table, to its place; what is there already is verified and left alone.

    `published` is not of the table: it is fetched where it is named.

    `given` is a local file or folder to take it from instead of the internet. `data_root` is where MVTec AD is to lie.
    Raises ReproError where something else is in a place, the disk is too small, or a file cannot be had; the
    others are fetched all the same.
    """
    if published.NAME in names:
        published.fetch_published(PROJECT_ROOT / ORIGINALS_ROOT, given, patience)
        names = tuple(name for name in names if name != published.NAME)
        if not names:
            return
    wanted = chosen(names)
    folders = {one.name: one.folder() for one in wanted}
    if data_root is not None:
        folders["mvtec"] = data_root.resolve()
    path = PROJECT_ROOT / "datasets" / ".fetch.lock"
    path.parent.mkdir(exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("fetch: another is at work, waiting for it", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        if given is not None:
            _take(wanted, given, folders, named=bool(names))
            return
        missing = [one for one in wanted if not _is_in_place(one, folders[one.name])]
        _check_room(missing, folders)
        failed = []
        for one in missing:
            try:
                _get(one, folders[one.name], patience or transfer.Patience())
            except ReproError as error:
                failed.append(error)
        for one_more in failed[:-1]:
            print(f"error: {one_more}", file=sys.stderr)
        if failed:
            raise failed[-1]
    finally:
        lock.release()


def _get(source: Source, folder: Path, patience: transfer.Patience) -> None:
    file = source.place(folder)
    if not file.is_file() or not _is(file, source):
        part = file.with_name(f"{file.name}.part")
        begun = part.stat().st_size if part.is_file() else 0
        if not begun:
            print(f"fetch {source.name}: licence {source.licence}", flush=True)
        progress = Progress(f"fetch {source.name}", "MB", skipped=begun // 10**6)
        transfer.obtain(source, file, patience, lambda done, total: progress(done // 10**6, total // 10**6))
    _put(source, file, folder)
    if not source.hub:
        file.unlink()


def _is_in_place(source: Source, folder: Path) -> bool:
    found = place.there(source, folder)
    if found:
        print(f"fetch {source.name}: there and sound, {folder}", flush=True)
    return found


def _is(file: Path, source: Source) -> bool:
    """Whether a local file is the table's, whatever its name."""
    return file.stat().st_size == source.bytes and sha256(file) == source.sha256


def _check_room(missing: list[Source], folders: dict[str, Path]) -> None:
    """ReproError where a disk lacks room for all that is to be put on it, before anything is fetched."""
    needs: dict[int, tuple[float, Path]] = {}
    for source in missing:
        file = source.place(folders[source.name])
        part = file.with_name(f"{file.name}.part")
        begun = next((path.stat().st_size for path in (file, part) if path.is_file()), 0)
        need = max(0, source.bytes - begun) + (0 if source.hub else source.bytes * UNPACKED)
        disk = next(parent for parent in file.parents if parent.is_dir())
        device = disk.stat().st_dev
        needs[device] = (needs.get(device, (0.0, disk))[0] + need, disk)
    for need, disk in needs.values():
        free = shutil.disk_usage(disk).free
        if free < need:
            what = ", ".join(source.name for source in missing)
            raise ReproError(
                f"{need / 1e9:.1f} GB are needed for {what}, {free / 1e9:.1f} GB are free",
                where=disk,
                hint="make room, fetch fewer at a time, or name another disk with --data-root",
            )


def _take(wanted: list[Source], given: Path, folders: dict[str, Path], *, named: bool) -> None:
    """Place what a local file or folder has of `wanted`; ReproError where it lacks what was named, or all."""
    if not given.exists():
        raise ReproError("no such file or folder", where=given, hint="name an archive or a folder with --from")
    files = [path for path in (given.iterdir() if given.is_dir() else [given]) if path.is_file()]
    lacking = []
    for source in wanted:
        folder = folders[source.name]
        file = next((path for path in files if _is(path, source)), None)
        if file is None:
            lacking.append(source)
        elif not _is_in_place(source, folder):
            _put(source, file, folder)
    mvtec = next((source for source in lacking if source.name == "mvtec"), None)
    # A file that is nothing else may be an archive of a category.
    if mvtec and (place.categories(given) if given.is_dir() else len(lacking) == len(wanted)):
        new = place.put_categories(given, folders["mvtec"])
        print(f"fetch mvtec: {', '.join(new) or 'nothing new'}, checked, in {folders['mvtec']}", flush=True)
        lacking.remove(mvtec)
    if lacking and (named or len(lacking) == len(wanted)):
        raise ReproError(
            f"does not hold {', '.join(f'{source.file} of SHA-256 {source.sha256}' for source in lacking)}",
            where=given,
            hint=f"get it from {', '.join(source.page for source in lacking)}",
        )


def _put(source: Source, file: Path, folder: Path) -> None:
    place.put(source, file, folder)
    print(f"fetch {source.name}: {source.title}, verified, in {folder}", flush=True)
