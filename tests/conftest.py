from collections.abc import Iterator
from typing import Any

import pytest
import smoke


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from scheduling import Scheduling

    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the smoke study comes first, while another process does the rest."""
    items.sort(key=lambda item: "smoke_run" not in item.fixturenames)


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[smoke.Run]:
    """A real run of every stage; about two minutes."""
    run = smoke.run_from_nothing(tmp_path_factory.mktemp("study"))
    yield run
    smoke.clear(run.folder)
