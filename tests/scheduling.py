"""Tests that must share a process when pytest-xdist runs tests in parallel."""

from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

#: Files with tests that need the smoke study, which runs once.
SMOKE = {
    path.relative_to(Path(__file__).parents[1]).as_posix()
    for path in Path(__file__).parent.rglob("test_*.py")
    if "smoke_run" in path.read_text(encoding="utf-8")
}


class Scheduling(LoadScopeScheduling):
    """Schedules each test on its own, but tests of the smoke study together; groups of xdist fail with pytest 9."""

    def _split_scope(self, nodeid: str) -> str:
        return "smoke" if nodeid.split("::")[0] in SMOKE else nodeid
