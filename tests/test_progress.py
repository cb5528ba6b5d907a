import pytest

from repro import progress
from repro.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_reports_the_remaining_time_at_the_rate_so_far(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    report = Progress("fit", "steps", every=10)
    clock[0] = 30.0
    report(20, 100)
    clock[0] = 35.0
    report(25, 100)
    clock[0] = 150.0
    report(100, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["fit: 20 of 100 steps, about 2 min 00 s left", "fit: 100 of 100 steps, 2 min 30 s in all"]


def test_gives_no_remaining_time_from_the_first_units(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    report = Progress("select coreset", "patches", every=10)
    clock[0] = 11.0
    report(25, 32768)
    assert capsys.readouterr().err == "select coreset: 25 of 32768 patches, too early to say how long still\n"
