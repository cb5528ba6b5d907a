import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from repro.errors import ReproError
from repro.runs import (
    LOCKED,
    WRITING,
    Cell,
    RunFolder,
    link_or_copy,
    lock,
    read_json,
    remove_partial_files,
    to_json,
    write_json,
    write_json_if_changed,
    writing,
)


def test_a_cell_is_read_back_from_its_key() -> None:
    cell = Cell("patchcore", "metal nut", 3)
    assert Cell.from_key(cell.key) == cell


NOT_CELLS = ("", "patchcore", "patchcore/grid", "patchcore/grid/0", "a/b/c/seed0", "a/b/seed")
NOT_CELLS += ("../../seed0", "a/../seed0", "a/b/seed²", "a/b/seed0\n")


@pytest.mark.parametrize("key", NOT_CELLS)
def test_a_malformed_key_is_rejected(key: str) -> None:
    with pytest.raises(ReproError, match="write variant/category/seedN"):
        Cell.from_key(key)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    write_json(path, {"old": 1})

    def fail() -> None:
        with writing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert read_json(path, hint="") == {"old": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.json"]


def test_without_hard_links_a_file_is_copied_completely_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source.png", tmp_path / "folder" / "target.png"
    source.write_bytes(b"complete")
    link_or_copy(source, target)
    assert target.samefile(source)
    target.unlink()

    def no_link(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    def half(_: Path, temporary: Path) -> None:
        temporary.write_bytes(b"comp")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", no_link)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copy2", half)
        with pytest.raises(ReproError, match=r"target\.png: cannot be written \(No space left"):
            link_or_copy(source, target)
    assert list(target.parent.iterdir()) == []
    link_or_copy(source, target)
    assert not target.samefile(source)
    assert target.read_bytes() == b"complete"
    assert target.stat().st_mtime_ns == source.stat().st_mtime_ns


def test_equal_content_gives_equal_bytes_for_any_order_of_keys() -> None:
    assert to_json({"a": 1, "b": [1.5, "ä"]}) == to_json({"b": [1.5, "ä"], "a": 1})


def test_nan_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "nan.json", {"metric": float("nan")})
    assert not list(tmp_path.iterdir())


def test_unchanged_content_keeps_the_modification_time(tmp_path: Path) -> None:
    path = tmp_path / "same.json"
    write_json_if_changed(path, {"a": 1})
    before = path.stat().st_mtime_ns
    write_json_if_changed(path, {"a": 1})
    assert path.stat().st_mtime_ns == before
    write_json_if_changed(path, {"a": 2})
    assert read_json(path, hint="") == {"a": 2}


def test_a_file_that_is_not_json_is_reported_with_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("{")
    with pytest.raises(ReproError, match=r"broken\.json: not JSON .*make it again"):
        read_json(path, hint="make it again")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "No space left on device); free some space there, then run the same command again"),
        (errno.EROFS, "Read-only file system); make the folder writable"),
    ],
)
def test_a_disk_error_is_reported_in_one_line_and_leaves_the_old_file(
    tmp_path: Path, number: int, message: str
) -> None:
    path = tmp_path / "kept.json"
    write_json(path, {"old": 1})
    with pytest.raises(ReproError) as error, writing(path) as temporary:
        temporary.write_text("half")
        raise OSError(number, os.strerror(number))
    assert str(error.value).startswith(f"{path}: cannot be written ({message}")
    assert read_json(path, hint="") == {"old": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.json"]


def test_a_file_that_exceeds_the_size_limit_is_reported_in_one_line(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(ReproError, match=r"large\.json: cannot be written \(File too large\); raise the limit"):
            write_json(tmp_path / "large.json", "x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


HOLDER = """
import sys, time
from pathlib import Path
from repro.runs import RunFolder, lock
with lock(RunFolder("study", Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_of_a_folder_is_exclusive_and_freed_when_its_holder_is_killed(tmp_path: Path) -> None:
    folder = RunFolder("study", tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ReproError, match="another run is at work here; wait for it to end, or stop it"):
            lock(folder).__enter__()
        with lock(RunFolder("other", tmp_path)):
            pass
        other.send_signal(signal.SIGKILL)
    with lock(folder):
        pass
    assert not folder.run.exists()


def test_the_stages_of_a_run_use_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder("study", tmp_path)
    with lock(folder):
        monkeypatch.setenv(LOCKED, "study")
        with lock(folder):
            pass


def test_only_partial_files_of_killed_stages_are_removed(tmp_path: Path) -> None:
    folder = RunFolder("study", tmp_path)
    kept = folder.run / "cells" / "kept.json"
    write_json(kept, {})
    for partial in (kept.parent / f"{WRITING}x.json", folder.report / "figures" / f"{WRITING}y.svg"):
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.touch()
    remove_partial_files(folder)
    assert [path for place in (folder.run, folder.report) for path in place.rglob("*") if path.is_file()] == [kept]


@pytest.mark.parametrize("name", ["", "..", "../x", "/etc", "a/b", "x.toml", "A", "a\n"])
def test_a_study_name_that_is_no_folder_name_is_rejected(name: str) -> None:
    with pytest.raises(ReproError, match="is not the name of a study"):
        RunFolder(name)


def test_an_error_is_one_line_even_with_control_characters() -> None:
    message = str(ReproError("is wrong", where="a\nb\x1b[2J\u2028", hint="fix it"))
    assert message == "a\\nb\\x1b[2J\\u2028: is wrong; fix it"
