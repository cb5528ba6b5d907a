"""Unpack archives into a temporary folder next to the final one."""

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
    """Make an empty temporary folder next to `folder`, on the same file system, so that content is moved by a rename.

    It is removed at the end, and one that a killed process left at the beginning.
    """
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def unpack(archive: Path, into: Path, report: Report | None = None) -> None:
    """Unpack a tar file of any compression or a zip file.

    `report` is called with the numbers of read and of all bytes of a tar file. Raises ReproError if the archive is
    damaged or truncated, of another kind, or has members outside `into`; `into` is then incomplete.
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
            hint="fix that or get the archive again; nothing was installed",
        ) from None


def _untar(archive: Path, into: Path, report: Report | None) -> None:
    total = archive.stat().st_size
    with archive.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:*") as tar:
        for member in tar:
            # Refuses names and links outside the folder, and devices.
            tar.extract(member, into, filter="data")
            if report:
                report(min(stream.tell(), total), total)
        # The checksum of a compressed archive follows the last member.
        while tar.fileobj and tar.fileobj.read(1 << 20):
            pass


def _unzip(archive: Path, into: Path) -> None:
    with zipfile.ZipFile(archive) as container:
        names = container.namelist()
        for name in names:
            path = PurePosixPath(name.replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts or ":" in name:
                raise ValueError(f"{name!r} is outside the folder")
        for name in names:
            container.extract(name, into)
