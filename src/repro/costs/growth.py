"""Growth: what a step took at some sizes in, about what it takes at another out."""

import math
from collections.abc import Sequence


def seconds_at(size: int, measured: Sequence[tuple[int, float]]) -> float:
    """A power of the size through the two nearest that were measured; 0 where fewer than two were.

    Args:
        size: above 0, in the unit of the measured sizes.
        measured: size and seconds of each measurement, by rising size.
    """
    if len(measured) < 2:
        return 0.0
    after = min(max(1, sum(at < size for at, _ in measured)), len(measured) - 1)
    (low, short), (high, long) = measured[after - 1 : after + 1]
    power = math.log(long / short) / math.log(high / low)
    return float(short * (size / low) ** power)
