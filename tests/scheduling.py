"""Which tests share a process where pytest-xdist runs them side by side."""

from xdist.scheduler import LoadScopeScheduling

#: Files with tests that need the smoke study, which is run once.
SMOKE = ("test_end_to_end.py", "test_export.py", "test_needs.py")


class Scheduling(LoadScopeScheduling):
    """Each test alone, those of the smoke study together; xdist's own groups set what pytest 9 no longer reads."""

    def _split_scope(self, nodeid: str) -> str:
        return "smoke" if nodeid.split("::")[0].endswith(SMOKE) else nodeid
