"""Supervise: a command and all it starts run as one group of processes, which ends when we do, however that happens."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO

#: Waits in the group for the end of a pipe that we alone hold open: it comes with our death, `kill -9` among them.
WATCH = "import os, signal; os.read(0, 1); os.killpg(0, signal.SIGKILL)"
ERROR = b"error: "


def supervise(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> tuple[int, list[str]]:
    """Run a command to its end; its exit status, and the lines on standard error that begin with `error: `.

    Nothing that it started outlives the call, nor this process.
    """
    watched, ours = os.pipe()
    watch = [sys.executable, "-I", "-S", "-c", WATCH]
    # First the watcher, whose group the command joins: at no time does the command run without it.
    watcher = subprocess.Popen(watch, stdin=watched, process_group=0)
    os.close(watched)
    told: list[str] = []
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            process_group=watcher.pid,
        )
        assert process.stderr is not None
        forward = Thread(target=_forward, args=(process.stderr, told), daemon=True)
        forward.start()
        status = process.wait()
    finally:
        # macOS says so of a group of which only the dead are left.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(watcher.pid, signal.SIGKILL)
        watcher.wait()
        os.close(ours)
    forward.join()
    return status, told


def _forward(stream: IO[bytes], told: list[str]) -> None:
    """Pass on what comes as it comes, lines that are not finished too."""
    rest = b""
    with stream:
        while chunk := os.read(stream.fileno(), 1 << 16):
            sys.stderr.buffer.write(chunk)
            sys.stderr.buffer.flush()
            *lines, rest = (rest + chunk).split(b"\n")
            told += [line.decode(errors="replace").strip() for line in lines if line.startswith(ERROR)]
