"""Guard: pytest asserts a report's results; every assertion goes to guards.json, failed ones too."""

import subprocess
import sys

from repro.errors import ReproError
from repro.records import Guards, Results
from repro.runs import RunFolder, read_record


def guard(folder: RunFolder) -> Guards:
    """Run tests/report on a report folder and read back the guards.json that it leaves there."""
    tests = folder.root / "tests" / "report"
    if not tests.is_dir():
        raise ReproError("no such folder", where=tests, mend="run from a checkout of the project")
    # Read here first: a file that is damaged or missing is told in one line, not in pytest's many.
    read_record(folder.report / "results.json", Results, mend="run `nox -s reproduce` to make it anew")
    written = folder.report / "guards.json"
    command = [sys.executable, "-m", "pytest", str(tests), "-q", "--no-header", "-p", "no:cacheprovider"]
    outcome = subprocess.run([*command, "--report", str(folder.report), "--write-guards"], cwd=folder.root, check=False)
    # 1 is pytest's word for failed tests: the paper shows them, so they are no error here.
    if outcome.returncode not in (0, 1):
        raise ReproError("pytest could not run the guards", where=tests, mend="read its output above")
    return read_record(written, Guards, mend="run `nox -s guard` again")
