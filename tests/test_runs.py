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


def test_a_cell_and_its_key_are_one() -> None:
    cell = Cell("patchcore", "metal nut", 3)
    assert Cell.from_key(cell.key) == cell


NO_CELLS = ("", "patchcore", "patchcore/grid", "patchcore/grid/0", "a/b/c/seed0", "a/b/seed")
NO_CELLS += ("../../seed0", "a/../seed0", "a/b/seed²", "a/b/seed0\n")


@pytest.mark.parametrize("key", NO_CELLS)
def test_what_is_no_cell_is_refused(key: str) -> None:
    with pytest.raises(ReproError, match="write variant/category/seedN"):
        Cell.from_key(key)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    write_json(path, {"old": 1})

    def fail() -> None:
        with writing(path) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert read_json(path, hint="") == {"old": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.json"]


def test_where_there_are_no_hard_links_a_file_is_copied_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source.png", tmp_path / "there" / "target.png"
    source.write_bytes(b"whole")
    link_or_copy(source, target)
    assert target.samefile(source)
    target.unlink()

    def no_link(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    def half(_: Path, beside: Path) -> None:
        beside.write_bytes(b"wh")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", no_link)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copy2", half)
        with pytest.raises(ReproError, match=r"target\.png: cannot be written \(No space left"):
            link_or_copy(source, target)
    assert list(target.parent.iterdir()) == []
    link_or_copy(source, target)
    assert not target.samefile(source)
    assert target.read_bytes() == b"whole"
    assert target.stat().st_mtime_ns == source.stat().st_mtime_ns


def test_equal_content_gives_equal_bytes_whatever_the_order_of_keys() -> None:
    assert to_json({"a": 1, "b": [1.5, "ä"]}) == to_json({"b": [1.5, "ä"], "a": 1})


def test_nan_never_reaches_a_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "nan.json", {"metric": float("nan")})
    assert not list(tmp_path.iterdir())


def test_unchanged_content_keeps_the_time_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "same.json"
    write_json_if_changed(path, {"a": 1})
    before = path.stat().st_mtime_ns
    write_json_if_changed(path, {"a": 1})
    assert path.stat().st_mtime_ns == before
    write_json_if_changed(path, {"a": 2})
    assert read_json(path, hint="") == {"a": 2}


def test_a_file_that_is_not_json_is_told_with_its_mend(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("{")
    with pytest.raises(ReproError, match=r"broken\.json: not JSON .*make it again"):
        read_json(path, hint="make it again")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "No space left on device); free some space there, then run the same command again"),
        (errno.EROFS, "Read-only file system); make the folder writable"),
    ],
)
def test_a_disk_that_does_not_take_a_file_is_one_line_and_leaves_the_old_one(
    tmp_path: Path, number: int, told: str
) -> None:
    path = tmp_path / "kept.json"
    write_json(path, {"old": 1})
    with pytest.raises(ReproError) as error, writing(path) as beside:
        beside.write_text("half")
        raise OSError(number, os.strerror(number))
    assert str(error.value).startswith(f"{path}: cannot be written ({told}")
    assert read_json(path, hint="") == {"old": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.json"]


def test_a_file_larger_than_the_system_allows_is_one_line(tmp_path: Path) -> None:
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


def test_one_at_a_time_works_in_a_folder_and_its_death_lets_go(tmp_path: Path) -> None:
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


def test_the_stages_of_a_run_are_held_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder("study", tmp_path)
    with lock(folder):
        monkeypatch.setenv(LOCKED, "study")
        with lock(folder):
            pass


def test_what_killed_stages_left_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    folder = RunFolder("study", tmp_path)
    kept = folder.run / "cells" / "kept.json"
    write_json(kept, {})
    for left in (kept.parent / f"{WRITING}x.json", folder.report / "figures" / f"{WRITING}y.svg"):
        left.parent.mkdir(parents=True, exist_ok=True)
        left.touch()
    remove_partial_files(folder)
    assert [path for place in (folder.run, folder.report) for path in place.rglob("*") if path.is_file()] == [kept]


@pytest.mark.parametrize("name", ["", "..", "../x", "/etc", "a/b", "x.toml", "A", "a\n"])
def test_a_study_that_would_lead_out_of_its_folder_is_refused(name: str) -> None:
    with pytest.raises(ReproError, match="is not the name of a study"):
        RunFolder(name)


def test_an_error_is_one_line_whatever_a_name_holds() -> None:
    told = str(ReproError("is wrong", where="a\nb\x1b[2J\u2028", hint="fix it"))
    assert told == "a\\nb\\x1b[2J\\u2028: is wrong; fix it"
