#!/usr/bin/env -S python -m nox -f
"""The sessions of the project: `nox --list` names them, `nox -s reproduce` is the main one."""

from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "tests"]

# One environment for all that needs torch: it is several gigabytes large.
HEAVY = {"venv_location": ".nox/study"}
LIGHT = {"venv_location": ".nox/paper"}
CONSTRAINTS = "--constraint=constraints.txt"
PROJECT = nox.project.load_toml("pyproject.toml")


def install_study(session: nox.Session) -> None:
    """The project with all that trains, measures and draws, at the versions in constraints.txt."""
    groups = nox.project.dependency_groups(PROJECT, "test")
    session.install(CONSTRAINTS, "--editable=.[study]", *groups)


@nox.session(**HEAVY)
def reproduce(session: nox.Session) -> None:
    """Train, evaluate, search, draw and write the paper: report/<study>/paper.pdf."""
    install_study(session)
    session.run("repro", "reproduce", *session.posargs)


@nox.session(**HEAVY)
def train(session: nox.Session) -> None:
    """Train the cells of a study that are missing or out of date."""
    install_study(session)
    session.run("repro", "reproduce", "--until=train", *session.posargs)


@nox.session(**HEAVY)
def evaluate(session: nox.Session) -> None:
    """Bring results.json and verdicts.json up to date."""
    install_study(session)
    session.run("repro", "reproduce", "--until=evaluate", *session.posargs)


@nox.session(**HEAVY)
def figures(session: nox.Session) -> None:
    """Bring the figures up to date."""
    install_study(session)
    session.run("repro", "reproduce", "--until=figures", *session.posargs)


@nox.session(**LIGHT)
def render(session: nox.Session) -> None:
    """Write the paper from the JSON and figures of a report folder; needs no torch."""
    session.install(CONSTRAINTS, "--editable=.")
    session.run("repro", "render", *session.posargs)


@nox.session(**HEAVY)
def guard(session: nox.Session) -> None:
    """Assert what must hold of a results.json, with pytest; exit 1 where it does not."""
    install_study(session)
    session.run("repro", "guard", *session.posargs)


@nox.session(**HEAVY)
def regression(session: nox.Session) -> None:
    """Compare a results.json with the committed baseline; exit 1 on a regression."""
    install_study(session)
    session.run("repro", "regression", *session.posargs)


@nox.session(**HEAVY)
def tests(session: nox.Session) -> None:
    """Run the tests, one real end-to-end study among them."""
    install_study(session)
    session.run("pytest", *session.posargs)


@nox.session(venv_location=".nox/lint")
def lint(session: nox.Session) -> None:
    """Lint, check the format and the types."""
    groups = nox.project.dependency_groups(PROJECT, "lint")
    session.install(CONSTRAINTS, *groups, "numpy", "pydantic", "jinja2")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")


@nox.session(**HEAVY)
def bench(session: nox.Session) -> None:
    """Measure the costly steps with pytest-benchmark; nothing depends on the times."""
    install_study(session)
    Path("report").mkdir(exist_ok=True)
    session.run("pytest", "tests/bench", "--benchmark-enable", "--benchmark-json=report/bench.json", *session.posargs)


if __name__ == "__main__":
    nox.main()
