"""Statistics: traced numbers in, means and spreads traced to all of them out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from repro.paper.trace import Source, sources, traced


@dataclass(frozen=True)
class Stat:
    """Mean, least and greatest over `count` seeds."""

    mean: float
    low: float
    high: float
    count: int

    @property
    def sources(self) -> tuple[Source, ...]:
        return sources(self.mean)


@dataclass(frozen=True)
class Spread:
    """Least and greatest of some numbers."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """The spread of numbers, traced to all of them."""
        listed = list(values)
        return cls(traced(min(listed), listed), traced(max(listed), listed))

    @property
    def sources(self) -> tuple[Source, ...]:
        return sources(self.low)


def mean(values: Sequence[float]) -> float:
    """The mean, traced to all values; untraced where none is traced."""
    return float(fmean(values)) if not any(map(sources, values)) else traced(fmean(values), values)


def stat(values: Sequence[float]) -> Stat:
    """Mean, least and greatest of a metric over seeds."""
    return Stat(mean(values), traced(min(values), values), traced(max(values), values), len(values))
