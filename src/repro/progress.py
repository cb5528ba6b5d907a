"""Progress of long work on standard error: how far, how fast, how long still."""

import sys
import time


class Progress:
    """Prints a line at most every `every` seconds, and one at the end.

    Args:
        what: the work, for example `fit efficientad/grid/seed0`.
        unit: what is counted, for example `steps`.
        skipped: units that were done before and say nothing of the pace.
    """

    def __init__(self, what: str, unit: str, every: float = 10.0, skipped: int = 0) -> None:
        self._what, self._unit, self._every, self._skipped = what, unit, every, skipped
        self._begun = self._told = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Say that `done` of `total` units are done."""
        now = time.monotonic()
        if done < total and now - self._told < self._every:
            return
        self._told = now
        taken = now - self._begun
        fresh = done - self._skipped
        left = taken / fresh * (total - done) if fresh > 0 else 0.0
        end = f"{_clock(taken)} in all" if done >= total else f"about {_clock(left)} left"
        print(f"{self._what}: {done} of {total} {self._unit}, {end}", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
