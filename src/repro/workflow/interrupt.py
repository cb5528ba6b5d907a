"""Interrupt: Ctrl-C ends a stage soon, even while its main thread is deep in one operation of a library."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread, main_thread

#: Seconds that an orderly end is given.
PATIENCE = 0.5
STOPPED = "stopped; the same command goes on where this one left off"


@contextmanager
def promptly() -> Iterator[None]:
    """Where Ctrl-C has not ended the block in an orderly way after `PATIENCE`, end the process, with status 130.

    Python itself waits until the operation under way returns, which for a training step's gradients takes seconds.
    """
    if current_thread() is not main_thread():
        yield
        return
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    over = Event()
    before = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    Thread(target=_watch, args=(told, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        os.close(tell)


def _watch(told: int, over: Event) -> None:
    while number := os.read(told, 1):
        if number[0] == signal.SIGINT and not over.wait(PATIENCE):
            print(STOPPED, file=sys.stderr, flush=True)
            os._exit(130)
    os.close(told)
