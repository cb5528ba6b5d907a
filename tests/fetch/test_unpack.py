import io
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from repro.errors import ReproError
from repro.fetch.unpack import scratch, unpack


def tar(path: Path, *members: tuple[str, bytes | None], mode: str = "w:xz") -> Path:
    """A tar file; a member without content is a link to /etc."""
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc"
                archive.addfile(member)
            else:
                member.size, member.mode = len(content), 0
                archive.addfile(member, io.BytesIO(content))
    return path


def zipped(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_unpacks_a_tar_file_and_reports_progress(mode: str, tmp_path: Path) -> None:
    reports: list[tuple[int, int]] = []
    archive = tar(tmp_path / "a.tar", ("a/b.txt", b"b" * 5000), ("a/c.txt", b"c"), mode=mode)
    unpack(archive, tmp_path / "out", lambda *report: reports.append(report))
    assert (tmp_path / "out" / "a" / "b.txt").read_bytes() == b"b" * 5000
    assert all(done <= total == archive.stat().st_size for done, total in reports)


def test_unpacks_a_zip_file(tmp_path: Path) -> None:
    unpack(zipped(tmp_path / "a.zip", ("a/b.txt", b"b")), tmp_path / "out")
    assert (tmp_path / "out" / "a" / "b.txt").read_bytes() == b"b"


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped-from-an-archive", "a/../../escaped"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_refuses_members_outside_the_folder(name: str, kind: str, tmp_path: Path) -> None:
    pack = tar if kind == "tar" else zipped
    (tmp_path / "out").mkdir()
    try:
        unpack(pack(tmp_path / "archive", (name, b"x")), tmp_path / "out")
    except ReproError:
        pass
    else:
        # tarfile makes absolute names relative.
        assert kind == "tar"
        assert name.startswith("/")
    assert not (tmp_path / "escaped").exists()
    assert not Path("/tmp/escaped-from-an-archive").exists()


def test_refuses_a_link_to_the_outside(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match="link"):
        unpack(tar(tmp_path / "a.tar", ("passwords", None)), tmp_path / "out")


@pytest.mark.parametrize("kind", ["tar", "zip", "noise"])
def test_a_damaged_archive_is_reported_in_one_line(kind: str, tmp_path: Path) -> None:
    content = bytes(range(256)) * 50
    archive = tar(tmp_path / "a", ("b", content)) if kind == "tar" else zipped(tmp_path / "a", ("b", content))
    intact = archive.read_bytes()
    archive.write_bytes({"tar": intact[:-60], "zip": intact[:40] + b"?" * 20 + intact[60:], "noise": content}[kind])
    with pytest.raises(ReproError, match="cannot be unpacked") as error:
        unpack(archive, tmp_path / "out")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("cut", [1, 8, 100, 1000])
@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_truncated_archive_is_refused_even_if_its_members_are_complete(mode: str, cut: int, tmp_path: Path) -> None:
    noise = [(f"{number}.bin", random.Random(number).randbytes(500)) for number in range(9)]
    archive = tar(tmp_path / "a.tar", *noise, mode=mode)
    archive.write_bytes(archive.read_bytes()[:-cut])
    with pytest.raises(ReproError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_an_archive_with_another_checksum_is_refused(mode: str, tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar", ("a.bin", random.Random(1).randbytes(500)), mode=mode)
    damaged = bytearray(archive.read_bytes())
    damaged[-7] ^= 0xFF
    archive.write_bytes(damaged)
    with pytest.raises(ReproError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "out")


def test_the_scratch_folder_is_removed_after_failures_and_when_one_was_left(tmp_path: Path) -> None:
    left = tmp_path / ".data.unpacking" / "half"
    left.mkdir(parents=True)
    with pytest.raises(RuntimeError), scratch(tmp_path / "data") as made:
        assert not list(made.iterdir())
        raise RuntimeError
    assert not list(tmp_path.iterdir())
