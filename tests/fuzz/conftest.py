"""Number of examples: a few fixed ones in every test run, many in `nox -s fuzz`, which prints its seed."""

from pathlib import Path

import pytest
from bad_input import TRIED
from hypothesis import HealthCheck, settings

from repro.runs import PROJECT_ROOT, write_text

CHECKS = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("quick", derandomize=True, max_examples=3, deadline=None, suppress_health_check=CHECKS)
settings.register_profile("thorough", max_examples=400, deadline=None, suppress_health_check=CHECKS, print_blob=True)
settings.load_profile("quick")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the counts of inputs by kind to runs/bad-input.md."""
    if not TRIED or settings.get_current_profile_name() == "quick":
        return
    kinds = sorted({kind for kind, _ in TRIED})
    rows = [(kind, TRIED[kind, "accepted"], TRIED[kind, "refused"]) for kind in kinds]
    rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    lines = ["| input | tried | accepted | refused |", "|---|--:|--:|--:|"]
    lines += [f"| {kind} | {accepted + refused} | {accepted} | {refused} |" for kind, accepted, refused in rows]
    write_text(Path(PROJECT_ROOT) / "runs" / "bad-input.md", "\n".join(lines) + "\n")
    terminalreporter.write_line("\n".join(lines))
