"""Interrupt: Ctrl-C ends a stage soon, even while its main thread is inside one long operation of a library."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread, main_thread

#: Seconds that a clean exit may take.
PATIENCE = 0.5
STOPPED = "stopped; the same command resumes where this one ended"


@contextmanager
def promptly() -> Iterator[None]:
    """End the process with status 130 where Ctrl-C has not ended the block after `PATIENCE`.

    Python itself waits until the operation under way returns, which for a training step's gradients takes seconds.
    """
    if current_thread() is not main_thread():
        yield
        return
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    over = Event()
    before = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    Thread(target=_watch, args=(read_end, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        os.close(write_end)


def _watch(read_end: int, over: Event) -> None:
    while number := os.read(read_end, 1):
        if number[0] == signal.SIGINT and not over.wait(PATIENCE):
            print(STOPPED, file=sys.stderr, flush=True)
            os._exit(130)
    os.close(read_end)
