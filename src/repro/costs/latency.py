"""Latency: seconds of single images in, the record of a model on a machine out.

Protocol: one image at a time, already in memory at the network's input size, up to its anomaly map and score. Warm-up
rounds are discarded, the device is synchronized in each round, and the median and 95th percentile of the other rounds
are reported. Hardware, CPU threads and precision are part of the record.
"""

from collections.abc import Sequence
from statistics import median, quantiles

from repro.errors import ReproError
from repro.records.costs import Latency

WARM_UP = 10
ROUNDS = 100
#: Must be equal for two latencies to be compared, so that the ratio is not one of machines.
CONDITIONS = ("hardware", "threads", "precision", "batch")


def latency(seconds: Sequence[float], *, model: str, image_size: int, hardware: str, threads: int) -> Latency:
    """Summarize at least two rounds in float32; `seconds` are those after the warm-up."""
    return Latency(
        model=model,
        image_size=image_size,
        hardware=hardware,
        threads=threads,
        precision="float32",
        batch=1,
        warm_up=WARM_UP,
        rounds=len(seconds),
        median_seconds=median(seconds),
        p95_seconds=quantiles(seconds, n=20, method="inclusive")[-1],
    )


def ratio(new: Latency, old: Latency) -> float:
    """Ratio of the medians, `new` over `old`; raises ReproError if they were measured under different conditions."""
    different = [name for name in CONDITIONS if getattr(new, name) != getattr(old, name)]
    if different:
        values = ", ".join(f"{name} {getattr(new, name)} and {getattr(old, name)}" for name in different)
        raise ReproError(
            f"not comparable: {values}",
            where=f"latency of {new.model}",
            hint="measure both on one machine in the same way",
        )
    return new.median_seconds / old.median_seconds
