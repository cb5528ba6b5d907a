import shutil
import sys
from collections.abc import Callable, Iterator

import pytest
from faults import harness


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--go-on", action="store_true", help="go on with the faults of a session that was interrupted")


@pytest.fixture(scope="session")
def undisturbed(request: pytest.FixtureRequest) -> Iterator[Callable[[], dict[str, bytes]]]:
    """What a run without faults gives, made when it is first asked for; what the study's folders held goes."""
    kept = harness.KEPT / "undisturbed"
    if not request.config.getoption("--go-on"):
        shutil.rmtree(harness.KEPT, ignore_errors=True)
        harness.clear()
    harness.write_study()

    def made() -> dict[str, bytes]:
        if not kept.is_dir():
            harness.clear()
            done = harness.run()
            assert done.status == 0, done.lines[-40:]
            kept.mkdir()
            for name in harness.COMPARED:
                shutil.copy(harness.FOLDER.report / name, kept / name)
        return {name: (kept / name).read_bytes() for name in harness.COMPARED}

    yield made
    (harness.KEPT / "faults.md").write_text(harness.table(), encoding="utf-8")
    print(f"\n{harness.table()}", file=sys.stderr)
