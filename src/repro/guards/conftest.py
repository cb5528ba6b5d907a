"""The guards read one report folder, `--report`, and record their assertions in guards.json."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repro.records.base import SCHEMA_VERSION
from repro.records.guards import Assertion, Guards
from repro.records.results import Results
from repro.records.verdicts import Verdict, Verdicts
from repro.runs import PROJECT_ROOT, RunFolder, read_json, read_record, sha256, write_json

REMAKE = "run `nox -s reproduce` to make it again"

OUTCOMES = pytest.StashKey[list[Assertion]]()

State = Callable[[str, object, object], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the guards."""
    parser.addoption(
        "--report",
        default=str(PROJECT_ROOT / "report" / "embedded"),
        help="report folder that the guards assert (default: report/embedded)",
    )
    parser.addoption("--write-guards", metavar="FILE", help="write every assertion and its outcome as JSON")


def _folder(config: pytest.Config) -> Path:
    return Path(config.getoption("report"))


def _load(config: pytest.Config) -> Results:
    return read_record(_folder(config) / "results.json", Results, hint=REMAKE)


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest) -> Results:
    return _load(request.config)


@pytest.fixture(scope="session")
def verdicts(request: pytest.FixtureRequest) -> dict[str, Verdict]:
    content = read_record(_folder(request.config) / "verdicts.json", Verdicts, hint=REMAKE)
    return {verdict.claim: verdict for verdict in content.verdicts}


@pytest.fixture
def state(record_property: Callable[[str, object], None]) -> Iterator[State]:
    """Call it with a sentence, the value and its bound before asserting: the paper prints them."""

    def record(statement: str, value: object, bound: object) -> None:
        record_property("statement", statement)
        record_property("value", str(value))
        record_property("bound", str(bound))

    yield record


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each metric bound of the study and category, for each network, and for a ledger if there is one."""
    if "bound" in metafunc.fixturenames:
        loaded = _load(metafunc.config)
        bounds = [
            (guard.variant, category, guard.metric, guard.minimum)
            for guard in loaded.study.guards
            for category in loaded.study.categories
            # Where cells are missing the report is partial: what they would reach is not tested.
            if guard.category in (None, category)
            and not any(key.startswith(f"{guard.variant}/{category}/") for key in loaded.missing)
        ]
        metafunc.parametrize("bound", bounds, ids=["-".join(map(str, bound[:3])) for bound in bounds])
    if "ledger" in metafunc.fixturenames:
        # A study without a ledger has nothing to assert.
        path = RunFolder(_load(metafunc.config).study.name).ledger
        ledgers = [read_json(path, hint="run `repro verdicts --accept`")] if path.is_file() else []
        metafunc.parametrize("ledger", ledgers, ids=[path.stem] * len(ledgers))
    if "network" in metafunc.fixturenames:
        metafunc.parametrize("network", list(_load(metafunc.config).receptive_field.networks))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    properties = {"statement": "could not be asserted", "value": "error", "bound": ""} | dict(item.user_properties)
    # A test that breaks before it asserts anything has failed as well.
    if report.when == "call" or report.failed:
        item.config.stash.setdefault(OUTCOMES, []).append(
            Assertion(
                test=f"{item.path.name}::{item.name}",
                statement=str(properties["statement"]),
                value=str(properties["value"]),
                bound=str(properties["bound"]),
                outcome="passed" if report.passed else "failed",
            )
        )
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    written = session.config.getoption("write_guards")
    if written is None:
        return
    assertions = session.config.stash.get(OUTCOMES, [])
    failed = sum(assertion.outcome == "failed" for assertion in assertions)
    guards = Guards(
        schema_version=SCHEMA_VERSION,
        results_sha256=sha256(_folder(session.config) / "results.json"),
        passed=len(assertions) - failed,
        failed=failed,
        assertions=tuple(assertions),
    )
    write_json(Path(written), json.loads(guards.model_dump_json()))
