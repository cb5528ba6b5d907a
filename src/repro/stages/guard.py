"""Guard: assert a report's results with pytest and record every assertion."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from repro.closure import PACKAGE
from repro.errors import ReproError
from repro.records.guards import Guards
from repro.records.results import Results
from repro.runs import RunFolder, read_record, write_json

#: The tests that assert a report.
GUARDS = PACKAGE / "guards"


def guard(folder: RunFolder) -> Guards:
    """Run the guards on a report folder and write guards.json to it, with failed assertions.

    Raises ReproError where pytest cannot run them.
    """
    # A damaged or missing file gets one line instead of pytest's many.
    read_record(folder.report / "results.json", Results, hint="run `nox -s reproduce` to make it again")
    command = [sys.executable, "-m", "pytest", str(GUARDS), "--import-mode=importlib", "-q", "--no-header"]
    # Both would leave folders behind.
    command += ["-p", "no:cacheprovider", "-p", "no:benchmark"]
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "guards.json"
        options = ["--report", str(folder.report), "--write-guards", str(output)]
        outcome = subprocess.run([*command, *options], cwd=folder.root, check=False)
        # pytest exits with 1 for failed tests, which the paper shows.
        if outcome.returncode not in (0, 1) or not output.is_file():
            raise ReproError("pytest could not run the guards", where=GUARDS, hint="read its output above")
        guards = read_record(output, Guards, hint="run `nox -s guard` again")
    write_json(folder.report / "guards.json", json.loads(guards.model_dump_json()))
    return guards
