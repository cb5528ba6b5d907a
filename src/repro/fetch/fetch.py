"""Fetch data sets and weights and install them where anomalib and timm look for them; the only stage that downloads."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from repro.errors import ReproError
from repro.fetch import install, published, transfer
from repro.fetch.sources import ORIGINALS_ROOT, Source, select
from repro.progress import Progress
from repro.runs import PROJECT_ROOT, sha256

#: Size of an unpacked data set relative to its archive: images are compressed already.
UNPACKED = 1.1


def fetch(
    names: tuple[str, ...],
    local: Path | None = None,
    data_root: Path | None = None,
    retry: transfer.Retry | None = None,
) -> None:
    """Fetch and install what is named, or the whole table; what is installed already is only verified.

    `published` is not in the table: it is fetched only if it is named.

    `local` is a file or folder to use instead of the internet, `data_root` the folder for MVTec AD. Raises ReproError
    if something else is in the folder of a source, the disk is too small, or a file is unavailable; all others are
    fetched nevertheless.
    """
    if published.NAME in names:
        published.fetch_published(PROJECT_ROOT / ORIGINALS_ROOT, local, retry)
        names = tuple(name for name in names if name != published.NAME)
        if not names:
            return
    selected = select(names)
    folders = {source.name: source.folder() for source in selected}
    if data_root is not None:
        folders["mvtec"] = data_root.resolve()
    with _lock():
        if local is None:
            _fetch_missing(selected, folders, retry or transfer.Retry())
        else:
            _install_local(selected, local, folders, named=bool(names))


@contextmanager
def _lock() -> Iterator[None]:
    """Let one fetch at a time run."""
    path = PROJECT_ROOT / "datasets" / ".fetch.lock"
    path.parent.mkdir(exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("fetch: waiting for another fetch to end", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fetch_missing(selected: list[Source], folders: dict[str, Path], retry: transfer.Retry) -> None:
    missing = [source for source in selected if not _is_installed(source, folders[source.name])]
    _check_disk_space(missing, folders)
    errors = []
    for source in missing:
        try:
            _download(source, folders[source.name], retry)
        except ReproError as error:
            errors.append(error)
    for other in errors[:-1]:
        print(f"error: {other}", file=sys.stderr)
    if errors:
        raise errors[-1]


def _download(source: Source, folder: Path, retry: transfer.Retry) -> None:
    file = source.path(folder)
    if not file.is_file() or not _matches(file, source):
        part = transfer.partial(file)
        begun = part.stat().st_size if part.is_file() else 0
        if not begun:
            print(f"fetch {source.name}: licence {source.licence}", flush=True)
        progress = Progress(f"fetch {source.name}", "MB", skipped=begun // 10**6)
        transfer.download(source, file, retry, lambda done, total: progress(done // 10**6, total // 10**6))
    _install(source, file, folder)
    if not source.hub:
        file.unlink()


def _is_installed(source: Source, folder: Path) -> bool:
    installed = install.is_installed(source, folder)
    if installed:
        print(f"fetch {source.name}: already in {folder}, verified", flush=True)
    return installed


def _matches(file: Path, source: Source) -> bool:
    """Whether a local file is that of the table, whatever its name."""
    return file.stat().st_size == source.bytes and sha256(file) == source.sha256


def _check_disk_space(missing: list[Source], folders: dict[str, Path]) -> None:
    """Raise ReproError before anything is fetched if a disk has too little space for all of it."""
    needs: dict[int, tuple[float, Path]] = {}
    for source in missing:
        file = source.path(folders[source.name])
        begun = next((path.stat().st_size for path in (file, transfer.partial(file)) if path.is_file()), 0)
        need = max(0, source.bytes - begun) + (0 if source.hub else source.bytes * UNPACKED)
        disk = next(parent for parent in file.parents if parent.is_dir())
        device = disk.stat().st_dev
        needs[device] = (needs.get(device, (0.0, disk))[0] + need, disk)
    for need, disk in needs.values():
        free = shutil.disk_usage(disk).free
        if free < need:
            names = ", ".join(source.name for source in missing)
            raise ReproError(
                f"{need / 1e9:.1f} GB are needed for {names}, {free / 1e9:.1f} GB are free",
                where=disk,
                hint="free some space, fetch fewer at a time, or name another disk with --data-root",
            )


def _install_local(selected: list[Source], local: Path, folders: dict[str, Path], *, named: bool) -> None:
    """Install what a local file or folder has; ReproError if it lacks all, or any that was `named`."""
    if not local.exists():
        raise ReproError("no such file or folder", where=local, hint="name an archive or a folder with --from")
    files = [path for path in (local.iterdir() if local.is_dir() else [local]) if path.is_file()]
    lacking = []
    for source in selected:
        folder = folders[source.name]
        file = next((path for path in files if _matches(path, source)), None)
        if file is None:
            lacking.append(source)
        elif not _is_installed(source, folder):
            _install(source, file, folder)
    mvtec = next((source for source in lacking if source.name == "mvtec"), None)
    # A file that matches no source may be the archive of a category.
    if mvtec and (install.categories(local) if local.is_dir() else len(lacking) == len(selected)):
        new = install.install_categories(local, folders["mvtec"])
        print(f"fetch mvtec: {', '.join(new) or 'nothing new'}, verified, in {folders['mvtec']}", flush=True)
        lacking.remove(mvtec)
    if lacking and (named or len(lacking) == len(selected)):
        raise ReproError(
            f"does not hold {', '.join(f'{source.file} with SHA-256 {source.sha256}' for source in lacking)}",
            where=local,
            hint=f"get it from {', '.join(source.page for source in lacking)}",
        )


def _install(source: Source, file: Path, folder: Path) -> None:
    install.install(source, file, folder)
    print(f"fetch {source.name}: {source.title}, verified, in {folder}", flush=True)
