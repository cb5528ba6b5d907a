import tomllib

import pytest
from packaging.requirements import Requirement

from repro.errors import ReproError
from repro.integrity.audit import faults, pins, requirements, vulnerable
from repro.runs import PROJECT_ROOT

PINNED = {"torch": "2.7.0", "numpy": "2.3.1"}
ASKED = [Requirement("torch>=2.7"), Requirement("numpy>=2.3")]


def test_pins_that_are_what_is_installed_are_sound() -> None:
    assert faults(PINNED, PINNED, ASKED) == []


@pytest.mark.parametrize(
    ("pinned", "installed", "told"),
    [
        ({}, {"scipy": "1.0"}, "scipy 1.0 is installed and not pinned"),
        ({"scipy": "1.0"}, {}, "scipy is pinned and nothing needs it"),
        ({"scipy": "1.0"}, {"scipy": "1.1"}, "scipy is pinned to 1.0, installed is 1.1"),
        ({"numpy": "2.2"}, {"numpy": "2.2"}, "numpy is pinned to 2.2, pyproject.toml asks for >=2.3"),
    ],
)
def test_each_fault_of_a_pin_is_told(pinned: dict[str, str], installed: dict[str, str], told: str) -> None:
    assert faults(PINNED | pinned, PINNED | installed, ASKED) == [told]


@pytest.mark.parametrize("line", ["torch", "torch>=2", "torch==2.*", "torch==2; python_version < '3.12'", "a==1\nA==1"])
def test_only_exact_versions_are_pins(line: str) -> None:
    with pytest.raises(ReproError, match=r"constraints\.txt, line"):
        pins(f"# a comment\n{line}\n")


def test_the_committed_pins_are_exact_and_fit_pyproject() -> None:
    pinned = pins((PROJECT_ROOT / "constraints.txt").read_text(encoding="utf-8"))
    asked = requirements(tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    assert len(asked) > 30
    assert faults(pinned, pinned, asked) == []


def test_a_package_that_no_service_knows_is_not_counted_as_sound() -> None:
    report = {
        "dependencies": [
            {"name": "a", "skip_reason": "not found"},
            {"name": "b", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]},
            {"name": "c", "version": "1", "vulns": []},
        ]
    }
    assert vulnerable(report) == (2, ["b 1: CVE-1, fixed in 2"])
