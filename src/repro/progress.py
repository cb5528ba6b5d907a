"""Progress of long work on standard error: how far, how fast, how long still."""

import sys
import time

#: The share that must be done before the rest is estimated: the first units wait for preparations.
EARLY = 0.01


class Progress:
    """Prints a line at most every `every` seconds, and one at the end.

    Args:
        what: the work, for example `fit efficientad/grid/seed0`.
        unit: what is counted, for example `steps`.
        skipped: units that were done before and do not count for the pace.
    """

    def __init__(self, what: str, unit: str, every: float = 10.0, skipped: int = 0) -> None:
        self._what, self._unit, self._every, self._skipped = what, unit, every, skipped
        self._begun = self._printed = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Report that `done` of `total` units are done."""
        now = time.monotonic()
        if done < total and now - self._printed < self._every:
            return
        self._printed = now
        taken = now - self._begun
        fresh = done - self._skipped
        if done >= total:
            end = f"{_clock(taken)} in all"
        elif fresh > 0 and done >= total * EARLY:
            end = f"about {_clock(taken / fresh * (total - done))} left"
        else:
            end = "too early to say how long still"
        print(f"{self._what}: {done} of {total} {self._unit}, {end}", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
