"""What stages took: noted by each, read for the report."""

import time
from pathlib import Path

import numpy as np
import pytest

from repro.commands.timing import note
from repro.costs.timings import timings
from repro.errors import ReproError

KEY = "patchcore/grid/seed0"


def test_seconds_and_the_peak_of_memory_are_noted(tmp_path: Path) -> None:
    started = time.monotonic() - 5
    assert np.ones(25_000_000).sum() == 25_000_000
    note(tmp_path / "timings" / "fit" / f"{KEY}.json", started)
    note(tmp_path / "timings" / "fit" / "patchcore/tile/seed0.json", started)
    note(tmp_path / "timings" / "receptive-field.json", started)
    costs = timings(tmp_path, {KEY})
    assert set(costs) == {f"fit {KEY}", "receptive-field"}
    assert 5 <= costs[f"fit {KEY}"]["seconds"] < 10
    assert costs[f"fit {KEY}"]["peak_mb"] > 200


@pytest.mark.parametrize("text", ["", "[]", '{"seconds": 1}', '{"seconds": "x", "peak_mb": 1}'])
def test_a_damaged_timing_is_an_error_that_says_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "timings" / "fit" / f"{KEY}.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ReproError) as caught:
        timings(tmp_path, {KEY})
    assert caught.value.hint == "delete it"
