import os
import sys
from pathlib import Path

import pytest

from repro import reproduce as module
from repro import study as studies
from repro.reproduce import Choices, reproduce
from repro.runs import RunFolder, write_json, write_text


def test_a_timing_older_than_its_stage_is_forgotten(tmp_path: Path) -> None:
    folder, study = RunFolder("smoke", tmp_path), studies.load("smoke")
    for cell, age in zip(study.cells, (-60, 60), strict=True):
        timing = folder.run / "benchmarks" / "score" / f"{cell.key}.tsv"
        write_json(folder.cell(cell) / "scores.json", {})
        write_text(timing, "s\n1\n")
        made = (folder.cell(cell) / "scores.json").stat().st_mtime
        os.utime(timing, (made + age, made + age))
    module._forget_old_timings(folder, study)
    left = [(folder.run / "benchmarks" / "score" / f"{cell.key}.tsv").is_file() for cell in study.cells]
    assert left == [False, True]


@pytest.mark.parametrize(
    ("words", "status"), [("error: fit a: memory ran out; free some", 2), ("Error in rule fit:", 1)]
)
def test_what_a_stage_said_stands_last(
    words: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code = f"import sys; print({words!r}, file=sys.stderr); print('much more', file=sys.stderr); sys.exit(1)"
    monkeypatch.setattr(module, "_command", lambda folder, choices: [sys.executable, "-c", code])
    monkeypatch.setattr(module, "RunFolder", lambda name: RunFolder(name, tmp_path))
    monkeypatch.setattr(module, "prepare", lambda folder, study: None)
    assert reproduce(Choices(study="smoke")) == status
    *_, last = capfd.readouterr().err.splitlines()
    assert last == (words if status == 2 else "error: the workflow ended early, see above")
