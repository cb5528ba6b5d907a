"""GPUs: which of them cells may use, one each, and which is free. Asks the system: importing torch takes seconds."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from repro.runs import RunFolder

VISIBLE = "CUDA_VISIBLE_DEVICES"


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


@contextmanager
def one_of(names: list[str], folder: RunFolder) -> Iterator[None]:
    """Make one GPU alone visible to CUDA, which no other cell of this checkout uses; wait where all are taken.

    Enter it before torch is imported. A single GPU is left as it is: who shares it is up to the caller.
    """
    if len(names) < 2:
        yield
        return
    before = os.environ.get(VISIBLE)
    name, lock = _acquire(names, folder.root / "runs")
    os.environ[VISIBLE] = name
    try:
        yield
    finally:
        lock.release()
        if before is None:
            del os.environ[VISIBLE]
        else:
            os.environ[VISIBLE] = before


def _acquire(names: list[str], folder: Path) -> tuple[str, FileLock]:
    folder.mkdir(parents=True, exist_ok=True)
    waiting = False
    while True:
        for name in names:
            # The system frees it when the process ends, however it ends.
            lock = FileLock(folder / f".gpu-{name}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return name, lock
        if not waiting:
            print(f"waiting for one of {len(names)} GPUs", flush=True)
            waiting = True
        time.sleep(1)
