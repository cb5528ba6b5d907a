import tomllib

import pytest
from packaging.requirements import Requirement

from repro.errors import ReproError
from repro.integrity.audit import faults, pins, requirements, vulnerabilities
from repro.runs import PROJECT_ROOT

PINNED = {"torch": "2.7.0", "numpy": "2.3.1"}
REQUIRED = [Requirement("torch>=2.7"), Requirement("numpy>=2.3")]


def test_pins_that_match_the_installation_have_no_faults() -> None:
    assert faults(PINNED, PINNED, REQUIRED) == []


@pytest.mark.parametrize(
    ("pinned", "installed", "message"),
    [
        ({}, {"scipy": "1.0"}, "scipy 1.0 is installed and not pinned"),
        ({"scipy": "1.0"}, {}, "scipy is pinned and nothing needs it"),
        ({"scipy": "1.0"}, {"scipy": "1.1"}, "scipy is pinned to 1.0, installed is 1.1"),
        ({"numpy": "2.2"}, {"numpy": "2.2"}, "numpy is pinned to 2.2, pyproject.toml requires >=2.3"),
    ],
)
def test_each_fault_of_a_pin_is_reported(pinned: dict[str, str], installed: dict[str, str], message: str) -> None:
    assert faults(PINNED | pinned, PINNED | installed, REQUIRED) == [message]


@pytest.mark.parametrize("line", ["torch", "torch>=2", "torch==2.*", "torch==2; python_version < '3.12'", "a==1\nA==1"])
def test_a_pin_must_be_one_exact_version(line: str) -> None:
    with pytest.raises(ReproError, match=r"constraints\.txt, line"):
        pins(f"# a comment\n{line}\n")


def test_the_committed_pins_are_exact_and_fit_pyproject() -> None:
    pinned = pins((PROJECT_ROOT / "constraints.txt").read_text(encoding="utf-8"))
    required = requirements(tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    assert len(required) > 30
    assert faults(pinned, pinned, required) == []


def test_a_package_unknown_to_the_service_is_not_counted_as_checked() -> None:
    report = {
        "dependencies": [
            {"name": "a", "skip_reason": "not found"},
            {"name": "b", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]},
            {"name": "c", "version": "1", "vulns": []},
        ]
    }
    assert vulnerabilities(report) == (2, ["b 1: CVE-1, fixed in 2"])
