from collections.abc import Iterator

import pytest
import smoke

from repro.runs import PROJECT_ROOT


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--report",
        default=str(PROJECT_ROOT / "report" / "embedded"),
        help="report folder that the guards in tests/report assert (default: report/embedded)",
    )
    parser.addoption("--write-guards", action="store_true", help="write guards.json into the report folder")


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[smoke.Run]:
    """A real run of every stage; about two minutes on two cores."""
    run = smoke.run_from_nothing(tmp_path_factory.mktemp("study"))
    yield run
    smoke.clear(run.folder)
