import resource
import subprocess
from pathlib import Path
from typing import Any

import example_report
import pytest

from repro.errors import ReproError
from repro.runs import PROJECT_ROOT, RunFolder, read_json
from repro.stages.guard import guard


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A report beside the guards of this checkout."""
    (tmp_path / "tests").symlink_to(PROJECT_ROOT / "tests")
    return example_report.build(tmp_path)


def test_every_assertion_is_kept_failed_ones_too(folder: RunFolder) -> None:
    guards = guard(folder)
    assert guards.failed > 0
    assert len(guards.assertions) == guards.passed + guards.failed
    assert read_json(folder.report / "guards.json", hint="") == guards.model_dump(mode="json")


def test_a_full_disk_is_reported_and_the_old_outcome_kept(folder: RunFolder) -> None:
    before = (folder.report / "guards.json").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))

    def run(*arguments: Any, **options: Any) -> Any:
        done = subprocess_run(*arguments, **options)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 10, hard))
        return done

    subprocess_run = subprocess.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "run", run)
        try:
            with pytest.raises(ReproError, match=r"guards\.json: cannot be written \(File too large\)"):
                guard(folder)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (folder.report / "guards.json").read_bytes() == before


def test_guards_that_end_without_output_are_reported(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0))
    with pytest.raises(ReproError, match="pytest could not run the guards; read its output above"):
        guard(folder)
