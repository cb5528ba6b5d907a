"""Unpack: an archive in, a folder of its content out, beside where it is to lie and gone when it is not taken."""

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from repro.errors import ReproError

Report = Callable[[int, int], None]


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """An empty folder beside `folder`, on its file system, so that what is made there is moved by a rename.

    It is removed in the end, and what a killed process left there in the beginning.
    """
    beside = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def unpack(archive: Path, into: Path, report: Report | None = None) -> None:
    """Unpack a tar, however it is compressed, or a zip file.

    `report` is called with bytes of the archive read and in all. Raises ReproError where the archive is damaged, ends
    too early, is neither, or holds what would lie outside `into`; what is in `into` then is not the whole.
    """
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, into)
        else:
            _untar(archive, into, report)
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise ReproError(
            f"cannot be unpacked ({reason})",
            where=archive,
            hint="fix that or get it again; nothing of it was left",
        ) from None


def _untar(archive: Path, into: Path, report: Report | None) -> None:
    total = archive.stat().st_size
    with archive.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:*") as tar:
        for member in tar:
            # Refuses absolute names, names and links that lead outside, and devices.
            tar.extract(member, into, filter="data")
            if report:
                report(min(stream.tell(), total), total)
        # A compressed archive says at its very end whether it is whole, which lies behind the last member.
        while tar.fileobj and tar.fileobj.read(1 << 20):
            pass


def _unzip(archive: Path, into: Path) -> None:
    with zipfile.ZipFile(archive) as container:
        names = container.namelist()
        for name in names:
            path = PurePosixPath(name.replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts or ":" in name:
                raise ValueError(f"{name!r} would lie outside the folder")
        for name in names:
            container.extract(name, into)
