"""A metric over the seeds of one variant and category, as the paper prints it."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean


@dataclass(frozen=True)
class Stat:
    """Mean and half the range over `count` seeds."""

    mean: float
    half_range: float
    count: int


def stat(values: Sequence[float]) -> Stat:
    """Mean and half the range of a metric over seeds."""
    return Stat(fmean(values), (max(values) - min(values)) / 2, len(values))
