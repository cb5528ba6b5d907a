"""Run a small study, inject faults and watch its processes from outside."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from repro import study as studies
from repro.hashes import read
from repro.pipeline import OF_A_CELL, job
from repro.runs import LOCKED, PROJECT_ROOT, WRITING, Cell, RunFolder

NAME = "fault-test"
FOLDER = RunFolder(NAME)
#: Folder of the table of faults and of the results of an undisturbed run.
KEPT = PROJECT_ROOT / "runs" / "faults"
STUDY = KEPT / f"{NAME}.toml"
COMPARED = ("results.json", "paper.pdf")
INJECT = Path(__file__).parent / "inject"
#: Seconds within which all processes of a run must end.
GONE = 2.0


@dataclass(frozen=True)
class Ended:
    status: int
    #: Of standard output and error.
    lines: list[str]

    def assert_error(self, *words: str) -> None:
        """The last line must be an error with these words, without a traceback."""
        assert self.status == 2, self.lines[-30:]
        last = self.lines[-1]
        assert last.startswith("error: "), self.lines[-30:]
        assert all(word in last for word in words), last
        assert not [line for line in self.lines if line.startswith("Traceback")], self.lines[-60:]


def write_study() -> None:
    """Write the smoke study under another name, with more epochs, to interrupt between them, of fewer images."""
    text = (studies.STUDIES / "smoke.toml").read_text(encoding="utf-8")
    text = (
        text.replace('name = "smoke"', f'name = "{NAME}"')
        .replace("epochs = 1\n", "epochs = 3\n")
        .replace("train = 4\n", "train = 2\n")
    )
    STUDY.parent.mkdir(parents=True, exist_ok=True)
    STUDY.write_text(text, encoding="utf-8")


def clear() -> None:
    for place in (FOLDER.run, FOLDER.report):
        shutil.rmtree(place, ignore_errors=True)


def start(*more: str, command: str = "reproduce", faults: Path | None = None, limit: str = "") -> subprocess.Popen[str]:
    """Start `repro reproduce` or a stage in its own process group; `limit` is a shell command that runs before."""
    study = str(STUDY) if command == "reproduce" else NAME
    cores = ["--cores", "1"] if command == "reproduce" else []
    call = [sys.executable, "-m", "repro", command, "--study", study, *cores, *more]
    environment = dict(os.environ)
    environment.pop(LOCKED, None)
    paths = [str(PROJECT_ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    if faults is not None:
        environment["REPRO_FAULTS"] = str(faults)
        paths.insert(0, str(INJECT))
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    log = tempfile.TemporaryFile("w+", dir=KEPT, encoding="utf-8", errors="replace")  # noqa: SIM115 - see `end`
    process = subprocess.Popen(
        ["bash", "-c", f'{limit} exec "$@"', "bash", *call],
        cwd=PROJECT_ROOT,
        env=environment,
        text=True,
        stdout=log,
        stderr=subprocess.STDOUT,
        process_group=0,
        # A shell starts background processes with Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    )
    process.log = log  # type: ignore[attr-defined]
    return process


def end(process: subprocess.Popen[str]) -> Ended:
    """Wait for the end of a process and read its output."""
    process.wait()
    log = process.log  # type: ignore[attr-defined]
    log.seek(0)
    lines = [line.rstrip() for line in log.read().replace("\r", "\n").split("\n") if line.strip()]
    log.close()
    with (KEPT / "all.log").open("a", encoding="utf-8") as stream:
        stream.write("\n".join([*lines, f"--- status {process.returncode}", ""]))
    return Ended(process.returncode, lines)


def has_printed(process: subprocess.Popen[str], words: str) -> bool:
    """Whether the output so far has these words; does not move the file position, which the process shares."""
    log = process.log  # type: ignore[attr-defined]
    return words.encode() in os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0)


def run(*more: str, command: str = "reproduce", limit: str = "") -> Ended:
    return end(start(*more, command=command, limit=limit))


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The process and its descendants."""
    try:
        root = psutil.Process(process.pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def stage_of(process: psutil.Process) -> str | None:
    """The name of a stage, e.g. `fit efficientad` or `figures`; None if the process is no stage."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return None
    if "repro" not in words[:3] or words[1:2] != ["-m"] or words[3] == "reproduce":
        return None
    cell = words[words.index("--cell") + 1].split("/")[0] if "--cell" in words else ""
    return f"{words[3]} {cell}".strip()


def at_work(process: subprocess.Popen[str]) -> tuple[str | None, psutil.Process | None]:
    """The stage that is running, and the process that does its work: a fork of the server where there is one."""
    members = family(process)
    named = [(stage, member) for member in members if (stage := stage_of(member))]
    if not named:
        return None, None
    servers = [member for member in members if is_server(member)]
    if not servers:
        return named[0]
    forks = [member for member in servers if member.parent() in servers]
    return (named[0][0], forks[0]) if forks else (None, None)


def is_server(process: psutil.Process) -> bool:
    """Whether the process is that of `repro.serve` or a fork of it, which has its command line."""
    try:
        return process.cmdline()[1:3] == ["-m", "repro.serve"]
    except psutil.Error:
        return False


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    living = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                living.append(process)
        except psutil.NoSuchProcess:
            continue
    return living


def assert_gone(processes: list[psutil.Process]) -> float:
    """Wait until all processes ended; return the seconds, fail after `GONE`."""
    began = time.monotonic()
    while remaining := alive(processes):
        assert time.monotonic() - began < GONE, [" ".join(process.cmdline()) for process in remaining]
        time.sleep(0.02)
    return time.monotonic() - began


class Finished:
    """Remembers the files of finished stages of cells and checks that they are never made again."""

    def __init__(self) -> None:
        self._path = KEPT / "finished.json"
        self._seen: dict[str, Any] = json.loads(self._path.read_text()) if self._path.is_file() else {}
        self.stages = len(self._seen)

    def check(self) -> None:
        """Fail if a file of a finished stage was replaced."""
        for place in sorted((FOLDER.run / "cells").glob("*/*/seed*")):
            cell = Cell.from_key(place.relative_to(FOLDER.run / "cells").as_posix())
            for stage in OF_A_CELL:
                cell_job = job(FOLDER, stage.name, cell)
                record = read(cell_job)
                # A record without outputs is that of a killed stage, even if all its files exist.
                if record is None or not record.outputs:
                    continue
                now = [[path.stat().st_ino, path.stat().st_mtime_ns] for path in cell_job.outputs if path.is_file()]
                key = f"{stage.name} {cell.key}"
                assert len(now) == len(record.outputs), f"{key} lost a file"
                assert self._seen.setdefault(key, now) == now, f"{key} was done again"
        self.stages = len(self._seen)
        self._path.write_text(json.dumps(self._seen))


def assert_no_partial_files() -> None:
    """All files must be complete, but for temporary ones: each JSON parses, each archive is intact."""
    import zipfile

    for place in (FOLDER.run, FOLDER.report):
        for path in place.rglob("*"):
            if path.name.startswith(WRITING):
                continue
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix in (".npz", ".ckpt") and "lightning" not in path.parts:
                with zipfile.ZipFile(path) as archive:
                    assert archive.testzip() is None, path


def compared() -> dict[str, bytes]:
    return {name: (FOLDER.report / name).read_bytes() for name in COMPARED}


def record(kind: str, where: str, outcome: str, seconds: float | None = None) -> None:
    """Append a row to the table of faults."""
    path = KEPT / "faults.jsonl"
    row = {"kind": kind, "where": where, "outcome": outcome, "seconds": seconds}
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")


def table() -> str:
    """Format the faults so far by kind: places, number, outcomes."""
    path = KEPT / "faults.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        kinds.setdefault(row["kind"], []).append(row)
    lines = ["| fault | where | times | outcome |", "|---|---|---|---|"]
    for kind, faults in kinds.items():
        places = Counter(row["where"] for row in faults)
        where = ", ".join(f"{place} ({count})" if count > 1 else place for place, count in places.items())
        slowest = max((row["seconds"] for row in faults if row["seconds"] is not None), default=None)
        ended = "" if slowest is None else f"; all processes gone within {max(slowest, 0.01):.2f} s"
        lines.append(
            f"| {kind} | {where} | {len(faults)} | {', '.join(sorted({row['outcome'] for row in faults}))}{ended} |"
        )
    return "\n".join([*lines, f"| all | | {len(rows)} | |", ""])


@contextmanager
def mounted(place: Path, *arguments: str) -> Iterator[None]:
    """Mount a file system during the block; needs root."""
    subprocess.run(["mount", *arguments, str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def seeded() -> random.Random:
    """Random numbers from $REPRO_FAULTS_SEED, or from a new seed that is printed."""
    seed = int(os.environ.get("REPRO_FAULTS_SEED", time.time_ns() % 10**6))
    print(f"seed of the faults: {seed} (repeat with REPRO_FAULTS_SEED={seed})", file=sys.stderr)
    return random.Random(seed)
