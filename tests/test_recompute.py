from repro.differences import Difference
from repro.recompute import TOLERANCE, _say
from repro.runs import Cell

CELL = Cell("patchcore", "leather", 0)
SAME = Difference("predictions.npz", "", 0.0)


def moved(by: float) -> list[Difference]:
    return [SAME, Difference("scores.json", "metrics.aupro", by)]


def test_on_the_same_machine_every_byte_of_a_number_counts() -> None:
    assert _say(CELL, [SAME], []) == 0
    assert _say(CELL, moved(1e-6), []) == 1


def test_elsewhere_metrics_may_move_within_the_tolerance() -> None:
    assert _say(CELL, moved(TOLERANCE / 2), ["threads 1, now 2"]) == 0
    assert _say(CELL, moved(TOLERANCE * 2), ["threads 1, now 2"]) == 1
