"""Growth: a step's seconds at a few sizes in, an estimate of its seconds at another size out."""

import math
from collections.abc import Sequence


def seconds_at(size: int, measured: Sequence[tuple[int, float]]) -> float:
    """Interpolate or extrapolate by the power law through the two nearest measurements.

    Args:
        size: above 0, in the unit of the measured sizes.
        measured: size and seconds of each measurement, in order of size.

    Returns:
        Seconds; 0 if there are fewer than two measurements.
    """
    if len(measured) < 2:
        return 0.0
    smaller = sum(measured_size < size for measured_size, _ in measured)
    upper = min(max(1, smaller), len(measured) - 1)
    (low, low_seconds), (high, high_seconds) = measured[upper - 1 : upper + 1]
    exponent = math.log(high_seconds / low_seconds) / math.log(high / low)
    return float(low_seconds * (size / low) ** exponent)
