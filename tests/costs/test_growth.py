import pytest

from repro.costs.growth import seconds_at

SQUARES = [(10, 1.0), (100, 100.0), (1000, 1000.0)]


@pytest.mark.parametrize(
    ("size", "seconds"), [(10, 1.0), (30, 9.0), (100, 100.0), (300, 300.0), (1000, 1000.0), (2000, 2000.0), (5, 0.25)]
)
def test_seconds_follow_a_power_law_between_and_beyond_the_measured_sizes(size: int, seconds: float) -> None:
    assert seconds_at(size, SQUARES) == pytest.approx(seconds)


def test_one_measurement_gives_no_estimate() -> None:
    assert seconds_at(10, [(10, 1.0)]) == seconds_at(10, []) == 0.0
