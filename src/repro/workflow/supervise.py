"""Supervise: run a command and all it starts as one process group, which ends with this process, however it ends."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO

#: Waits in the group for the end of a pipe that this process alone holds open: it closes when it dies, even by SIGKILL.
WATCH = "import os, signal; os.read(0, 1); os.killpg(0, signal.SIGKILL)"
#: The first line of an error that is Snakemake's own and not a stage's; the next one says what it is.
OWN = re.compile(r"(\w+(?:Exception|Error))(?: in .*)?:$")
HINT = "what is finished is kept: run the same command again; if it says the same, delete .snakemake"


def supervise(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> tuple[int, list[str]]:
    """Run a command; return its exit status, and of its standard error the lines that begin with `error: `.

    Without such a line, what Snakemake says of an error of its own is returned as one. Nothing that the command starts
    outlives the call, nor this process.
    """
    watched, held = os.pipe()
    watch = [sys.executable, "-I", "-S", "-c", WATCH]
    # The watcher first, whose group the command joins: at no time does the command run unwatched.
    watcher = subprocess.Popen(watch, stdin=watched, process_group=0)
    os.close(watched)
    errors: list[str] = []
    own: list[str] = []
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
        forward = Thread(target=_forward, args=(process.stderr, errors, own), daemon=True)
        forward.start()
        status = process.wait()
    finally:
        # macOS raises these for a group of zombies only.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(watcher.pid, signal.SIGKILL)
        watcher.wait()
        os.close(held)
    forward.join()
    return status, errors or own


def _forward(stream: IO[bytes], errors: list[str], own: list[str]) -> None:
    """Forward output as it comes, incomplete lines too, and collect the error lines and Snakemake's own error."""
    heading = ""
    rest = b""
    with stream:
        while chunk := os.read(stream.fileno(), 1 << 16):
            sys.stderr.buffer.write(chunk)
            sys.stderr.buffer.flush()
            *lines, rest = (rest + chunk).split(b"\n")
            for line in (raw.decode(errors="replace").strip() for raw in lines):
                if line.startswith("error: "):
                    errors.append(line)
                elif heading and line:
                    own.append(f"error: Snakemake: {heading}: {line}; {HINT}")
                    heading = ""
                elif found := OWN.match(line):
                    heading = found[1]
