"""guards.json: what pytest asserted of a results.json."""

from typing import Literal

from repro.records.base import Record


class Assertion(Record):
    #: pytest's id of the test.
    test: str
    #: What is asserted, in a sentence.
    statement: str
    value: str
    bound: str
    outcome: Literal["passed", "failed"]


class Guards(Record):
    """guards.json: what pytest asserted of a results.json."""

    schema_version: Literal[1]
    results_sha256: str
    passed: int
    failed: int
    assertions: tuple[Assertion, ...]
