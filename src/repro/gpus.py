"""GPUs: which of them cells may take, one each, and which is free. Asks the system: asking torch takes seconds."""

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
    """The GPUs of this machine that cells may take, by number or as $CUDA_VISIBLE_DEVICES names them.

    `accelerator` and `devices` as Lightning takes them: a device chosen by number is the only one. A GPU that is not
    NVIDIA's is counted once, however many there are.
    """
    if accelerator == "cpu":
        return []
    if accelerator == "mps" or sys.platform == "darwin" or (system / "kfd").exists():
        return ["0"]
    found = sorted((path.name[6:] for path in system.glob("nvidia[0-9]*")), key=int)
    if found and VISIBLE in os.environ:
        found = [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip() not in ("", "-1")]
    if not found and accelerator == "gpu":
        return ["0"]
    return found if devices == "1" else found[:1]


@contextmanager
def one_of(free: list[str], folder: RunFolder) -> Iterator[None]:
    """Show CUDA one GPU alone, that no other cell of this checkout uses; wait where all are taken.

    Enter it before torch is imported. Of a single GPU nothing is said: what shares it is left to the caller.
    """
    if len(free) < 2:
        yield
        return
    before = os.environ.get(VISIBLE)
    name, lock = _take(free, folder.root / "runs")
    os.environ[VISIBLE] = name
    try:
        yield
    finally:
        lock.release()
        if before is None:
            del os.environ[VISIBLE]
        else:
            os.environ[VISIBLE] = before


def _take(free: list[str], folder: Path) -> tuple[str, FileLock]:
    told = False
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        for name in free:
            lock = FileLock(folder / f".gpu-{name}.lock")
            try:
                # The system lets it go when the process ends, however it ends.
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return name, lock
        if not told:
            print(f"waiting for one of {len(free)} GPUs", flush=True)
            told = True
        time.sleep(1)
