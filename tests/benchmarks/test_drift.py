from pathlib import Path

import drift
import numpy as np
import pytest

from repro.runs import Cell, RunFolder, write_json

CELL = Cell("patchcore", "leather", 0)


def test_the_table_lists_what_changed_by_how_much_and_what_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift.Run, "folder", property(lambda self: RunFolder(self.name, tmp_path)))
    runs = drift.Run("one-thread"), drift.Run("two-threads", threads=2)
    for run in runs:
        cell = run.folder.cell(CELL)
        write_json(cell / "fit.json", {"steps": 4, "threads": run.threads, "packages": {"anomalib": "2.7.0"}})
        np.savez(cell / "predictions.npz", maps=np.array([0.0, 1.0 + run.threads], np.float32))
    *_, changed = rows = drift.table(runs[0], runs[1:], [CELL]).splitlines()
    assert rows[2] == "| two threads (anomalib 2.7.0, threads 2) | patchcore | fit.json | none | |"
    assert changed == "| two threads (anomalib 2.7.0, threads 2) | patchcore | predictions.npz: maps | 1 | 5.0e-01 |"
    assert len(rows) == 4
