"""GPUs: which of them cells may use, and which has room for one. Asks the system: importing torch takes seconds."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from repro.runs import RunFolder

VISIBLE = "CUDA_VISIBLE_DEVICES"
#: Memory of a GPU in MiB that a cell is given; ten cells share an H100. An allowance, not a measurement.
CELL_MEMORY = 7500
#: Lists the memory of each GPU in MiB, a line each.
MEMORY = ("nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits")


def gpus(accelerator: str, devices: str = "1", system: Path = Path("/dev")) -> list[str]:
    """The GPUs of this machine that cells may use, by number or as $CUDA_VISIBLE_DEVICES names them.

    `accelerator` and `devices` as Lightning takes them: a device chosen by number is the only one. GPUs that are not
    NVIDIA's count as one, however many there are.
    """
    if accelerator == "cpu":
        return []
    if accelerator == "mps" or sys.platform == "darwin" or (system / "kfd").exists():
        return ["0"]
    names = sorted((path.name[6:] for path in system.glob("nvidia[0-9]*")), key=int)
    if names and VISIBLE in os.environ:
        names = [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip() not in ("", "-1")]
    if not names and accelerator == "gpu":
        return ["0"]
    return names if devices == "1" else names[:1]


def shares(command: Sequence[str] = MEMORY) -> int:
    """How many cells a GPU has room for, the smallest where they differ; 1 where its memory is not known."""
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.split()
        return max(1, min(int(memory) for memory in listed) // CELL_MEMORY)
    except (OSError, ValueError, subprocess.SubprocessError):
        return 1


@contextmanager
def one_of(names: list[str], folder: RunFolder) -> Iterator[None]:
    """Make one GPU alone visible to CUDA that has room for a cell; wait where none has.

    Enter it before CUDA is used. A single GPU is left as it is: who shares it is up to the caller.
    """
    if len(names) < 2:
        yield
        return
    before = os.environ.get(VISIBLE)
    name, lock = _acquire(names, shares(), folder.root / "runs")
    os.environ[VISIBLE] = name
    try:
        yield
    finally:
        lock.release()
        if before is None:
            del os.environ[VISIBLE]
        else:
            os.environ[VISIBLE] = before


def _acquire(names: list[str], count: int, folder: Path) -> tuple[str, FileLock]:
    folder.mkdir(parents=True, exist_ok=True)
    waiting = False
    while True:
        # The first share of each GPU first, so that cells spread over them.
        for share, name in itertools.product(range(count), names):
            # The system frees it when the process ends, however it ends.
            lock = FileLock(folder / f".gpu-{name}-{share}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return name, lock
        if not waiting:
            print(f"waiting for one of {len(names)} GPUs", flush=True)
            waiting = True
        time.sleep(1)
