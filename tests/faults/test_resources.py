"""Lack of disk space, memory or permissions and Ctrl-C are reported in one line, and the run can be resumed.

The folders of the study are on small file systems, which are filled or made read-only while a stage runs.
"""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from faults import harness
from faults.harness import FOLDER, Finished, assert_gone, at_work, end, family, mounted, record, start

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="file systems can be mounted by root on Linux only"
)
FULL, READ_ONLY, FILES, MEMORY, KEYS, TWO = "disk full", "read-only", "ulimit -f", "ulimit -v", "Ctrl-C", "two runs"
#: Faults during each stage, each in a separate run.
PLAN = {
    "": [FULL, KEYS],
    "fit efficientad": [TWO, FULL, KEYS],
    "fit patchcore": [MEMORY, FILES, READ_ONLY, FULL],
    "predict efficientad": [KEYS],
    "predict patchcore": [FULL],
    "score patchcore": [FULL],
    "retrieve efficientad": [FULL],
    "results": [READ_ONLY],
    "guard": [FULL],
    "figures": [FULL, KEYS],
    "render": [FULL],
}
MESSAGES = {
    # SQLite, which Qdrant uses, gives another reason.
    FULL: ("cannot be written (", "); free some space there"),
    READ_ONLY: ("cannot be written (Read-only file system); make the folder writable",),
    FILES: ("cannot be written (File too large); raise the limit",),
    MEMORY: ("memory ran out",),
}
Undisturbed = Callable[[], dict[str, bytes]]
AGAIN = "then run the same command again; what is finished is kept"
STOPPED = "stopped; the same command resumes where this one ended"


def test_lack_of_resources_is_reported_in_one_line_and_nothing_is_lost(undisturbed: Undisturbed) -> None:
    harness.clear()
    (harness.KEPT / "finished.json").unlink(missing_ok=True)
    plan = {stage: list(kinds) for stage, kinds in PLAN.items()}
    with ExitStack() as mounts:
        for place in (FOLDER.run, FOLDER.report):
            place.mkdir(parents=True)
            mounts.enter_context(mounted(place, "-t", "tmpfs", "-o", "size=600m", "tmpfs"))
            # Snakemake deletes empty folders, but a mount cannot be deleted.
            (place / "mounted").touch()
        finished = Finished()
        while any(plan.values()):
            process = start()
            try:
                _inject(process, plan)
            finally:
                for member in family(process):
                    with suppress(psutil.NoSuchProcess):
                        member.kill()
            finished.check()
            harness.assert_no_partial_files()
        done = harness.run()
        assert done.status == 0, done.lines[-40:]
        finished.check()
        result = harness.compared()
    assert result == undisturbed()


def _inject(process: subprocess.Popen[str], plan: dict[str, list[str]]) -> None:
    """Wait for a stage with a planned fault, inject it, and check how the run ends."""
    stage, worker = at_work(process)
    while not plan.get(stage or ""):
        assert process.poll() is None, (end(process).lines[-30:], plan)
        time.sleep(0.1)
        stage, worker = at_work(process)
    kind, where = plan[stage or ""].pop(0), stage or "draw images"
    processes = family(process)
    if kind == TWO:
        for command in ("reproduce", "render"):
            harness.run(command=command).assert_error("another run is at work here; wait for it to end")
        record("two runs at once", where, "exit 2, one line")
        process.kill()
        assert_gone(processes)
        end(process)
    elif kind == KEYS:
        time.sleep(2)
        processes, began = family(process), time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait()
        assert_gone(processes)
        seconds = time.monotonic() - began
        assert seconds < harness.GONE
        done = end(process)
        assert (done.status, done.lines[-1]) == (130, STOPPED), done.lines[-20:]
        record("Ctrl-C", where, "exit 130, says how to go on", seconds)
    else:
        with _shortage(kind, worker):
            done = end(process)
        assert_gone(processes)
        done.assert_error(*MESSAGES[kind], AGAIN)
        record(kind, where, "exit 2, one line, resumed")


@contextmanager
def _shortage(kind: str, stage: psutil.Process | None) -> Iterator[None]:
    """Make a resource insufficient during the block."""
    places = (FOLDER.run, FOLDER.report)
    if kind == FULL:
        fillers = [place / "filler" for place in places]
        for filler in fillers:
            _fill(filler)
        yield
        for filler in fillers:
            filler.unlink()
    elif kind == READ_ONLY:
        for place in places:
            subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        yield
        for place in places:
            subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
    else:
        assert stage is not None
        if kind == FILES:
            resource.prlimit(stage.pid, resource.RLIMIT_FSIZE, (1 << 16, resource.RLIM_INFINITY))
        else:
            # Wait until torch is loaded.
            while stage.memory_info().rss < 250 << 20:
                time.sleep(0.05)
            resource.prlimit(stage.pid, resource.RLIMIT_AS, (stage.memory_info().vms, resource.RLIM_INFINITY))
        yield


def _fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as stream:
        while stream.write(bytes(1 << 20)):
            pass
    with suppress(OSError), path.open("ab", buffering=0) as stream:
        while stream.write(bytes(1 << 12)):
            pass


CELL = "patchcore/leather/seed0"


@pytest.fixture
def unfitted(undisturbed: Undisturbed) -> Iterator[Path]:
    """The folder of a PatchCore cell that is not trained; the images of the study exist."""
    if not FOLDER.study_file.is_file():
        process = start()
        while not at_work(process)[0]:
            time.sleep(0.2)
        process.kill()
        end(process)
    cell = FOLDER.run / "cells" / CELL
    (cell / "checkpoint.ckpt").unlink(missing_ok=True)
    (cell / "fit.json").unlink(missing_ok=True)
    yield cell


def test_a_memory_limit_during_the_selection_of_the_coreset_is_reported(unfitted: Path) -> None:
    script = str(harness.INJECT / "short_of_memory.py")
    command = [sys.executable, script, "fit", "--study", harness.NAME, "--cell", CELL]
    done = subprocess.run(command, cwd=FOLDER.root, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"error: fit {CELL}: memory ran out; free some"), done.stderr
    assert "Traceback" not in done.stderr
    assert not (unfitted / "checkpoint.ckpt").exists()
    record("memory limit in coreset selection", "fit patchcore", "exit 2, one line")


@pytest.mark.parametrize("megabytes", [400, 1200, 2000, 2800])
def test_a_memory_limit_from_the_start_is_reported_or_suffices(unfitted: Path, megabytes: int) -> None:
    done = harness.run("--cell", CELL, command="fit", limit=f"ulimit -v {megabytes << 10};")
    if done.status == 0:
        assert (unfitted / "checkpoint.ckpt").is_file()
        record(f"ulimit -v {megabytes} MB", "fit patchcore", "sufficed")
    else:
        done.assert_error("memory ran out")
        assert not (unfitted / "checkpoint.ckpt").exists()
        record(f"ulimit -v {megabytes} MB", "fit patchcore", "exit 2, one line")


def test_ctrl_c_stops_a_stage_that_runs_alone(unfitted: Path) -> None:
    cell = unfitted.parents[2] / "efficientad" / "leather" / "seed0"
    for checkpoint in cell.glob("resume-*"):
        checkpoint.unlink()
    process = start("--cell", "efficientad/leather/seed0", command="fit")
    while not list(cell.glob("resume-*")):
        assert process.poll() is None, end(process).lines[-20:]
        time.sleep(0.2)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    # Wait for the last line only: afterwards the kernel frees small pages, which stages in the workflow do not use.
    while not harness.has_printed(process, STOPPED) and process.poll() is None:
        time.sleep(0.01)
    seconds = time.monotonic() - began
    done = end(process)
    assert (done.status, done.lines[-1]) == (130, STOPPED), done.lines[-20:]
    assert seconds < harness.GONE
    record("Ctrl-C of a stage that runs alone", "fit efficientad", "exit 130, says at once how to go on")
