"""Latency: seconds of single images in, the record of a model on a machine out; only like is compared with like.

The protocol: one image at a time, in memory and of the size that the network takes, to its anomaly map and score; the
first rounds do not count; a device's queue is waited for in every round; of the others the median and the 95th
percentile. Hardware, CPU threads and precision are part of the record.
"""

from collections.abc import Sequence
from statistics import median, quantiles

from repro.errors import ReproError
from repro.records.costs import Latency

WARM_UP = 10
ROUNDS = 100
#: What must be equal where two latencies are compared; else the ratio would be of machines, not of models or versions.
CONDITIONS = ("hardware", "threads", "precision", "batch")


def latency(seconds: Sequence[float], *, model: str, image_size: int, hardware: str, threads: int) -> Latency:
    """The record of at least two rounds in float32."""
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


def ratio(one: Latency, other: Latency) -> float:
    """The median of `one` over that of `other`; ReproError where they were not measured under the same conditions."""
    unlike = [name for name in CONDITIONS if getattr(one, name) != getattr(other, name)]
    if unlike:
        said = ", ".join(f"{name} {getattr(one, name)} and {getattr(other, name)}" for name in unlike)
        raise ReproError(
            f"not comparable: {said}", where=f"latency of {one.model}", hint="measure both on one machine in one way"
        )
    return one.median_seconds / other.median_seconds
