import shutil
import sys
from collections.abc import Callable, Iterator

import pytest
from faults import harness


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--go-on", action="store_true", help="continue a test run that was interrupted")


@pytest.fixture(scope="session")
def undisturbed(request: pytest.FixtureRequest) -> Iterator[Callable[[], dict[str, bytes]]]:
    """Files of a run without faults, made on the first call; clears the folders of the study."""
    results = harness.KEPT / "undisturbed"
    if not request.config.getoption("--go-on"):
        shutil.rmtree(harness.KEPT, ignore_errors=True)
        harness.clear()
    harness.write_study()

    def run() -> dict[str, bytes]:
        if not results.is_dir():
            harness.clear()
            done = harness.run()
            assert done.status == 0, done.lines[-40:]
            results.mkdir()
            for name in harness.COMPARED:
                shutil.copy(harness.FOLDER.report / name, results / name)
        return {name: (results / name).read_bytes() for name in harness.COMPARED}

    yield run
    (harness.KEPT / "faults.md").write_text(harness.table(), encoding="utf-8")
    print(f"\n{harness.table()}", file=sys.stderr)
