"""Run the smoke study in several environments that should give equal results, and tabulate the differences.

`nox -s drift`: with one thread, again with one, with two, and with another version of anomalib.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.errors import ReproError
from repro.integrity.compare import FILES, Difference, differences
from repro.runs import PROJECT_ROOT, Cell, RunFolder, read_json, write_text
from repro.study import STUDIES, load

#: The release before the pinned one.
OTHER_ANOMALIB = "2.6.2"


@dataclass(frozen=True)
class Run:
    """A run of the study and its environment."""

    name: str
    threads: int = 1
    #: Version of anomalib for training; None: the installed one. Checkpoints of another version hold more than weights,
    #: so they are compared but not evaluated.
    anomalib: str | None = None

    @property
    def folder(self) -> RunFolder:
        return RunFolder(f"drift-{self.name}")


FIRST = Run("one-thread")
RUNS = (
    FIRST,
    Run("again"),
    Run("two-threads", threads=2),
    Run("other-anomalib", anomalib=OTHER_ANOMALIB),
)


def execute(run: Run, scratch: Path) -> None:
    """Run the missing parts of the smoke study; ReproError if it fails."""
    folder = run.folder
    path = scratch / f"{folder.study}.toml"
    text = (STUDIES / "smoke.toml").read_text(encoding="utf-8")
    write_text(path, text.replace('name = "smoke"', f'name = "{folder.study}"'))
    environment = os.environ | {"OMP_NUM_THREADS": str(run.threads)}
    if run.anomalib:
        overlay = scratch / f"anomalib-{run.anomalib}"
        if not overlay.is_dir():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(overlay)]
            _call([*pip, f"anomalib=={run.anomalib}"], environment)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(overlay), os.environ.get("PYTHONPATH")]))
    until = "train" if run.anomalib else "evaluate"
    command = [sys.executable, "-m", "repro", "reproduce", "--study", str(path), f"--until={until}"]
    _call([*command, "--accelerator=cpu", f"--cores={run.threads}"], environment)


def table(first: Run, others: Iterable[Run], cells: Sequence[Cell]) -> str:
    """Format a Markdown table of the differences of files and metrics between the first and each other run."""
    lines = ["| against one thread | cell | what | largest difference | of its range |", "|---|---|---|---|---|"]
    for other in others:
        for cell in cells:
            fit = read_json(other.folder.cell(cell) / "fit.json", hint="run `nox -s drift`")
            name = f"{other.name.replace('-', ' ')} (anomalib {fit['packages']['anomalib']}, threads {fit['threads']})"
            files = ("checkpoint.ckpt", "fit.json") if other.anomalib else FILES
            compared = differences(first.folder.cell(cell), other.folder.cell(cell), files)
            rows = [_row(difference) for difference in compared if not difference.none]
            changed = {difference.file for difference in compared if not difference.none}
            equal = dict.fromkeys(difference.file for difference in compared if difference.file not in changed)
            if equal:
                rows.insert(0, f"{', '.join(equal)} | none | |")
            lines += [f"| {name} | {cell.variant} | {row}" for row in rows]
    return "\n".join(lines) + "\n"


def _row(difference: Difference) -> str:
    largest = f"{difference.other} entries" if difference.other else f"{difference.largest:.2g}"
    relative = f"{difference.relative:.1e}" if difference.relative else ""
    return f"{difference.file}: {difference.name} | {largest} | {relative} |"


def _call(command: list[str], environment: dict[str, str]) -> None:
    if subprocess.run(command, env=environment, cwd=PROJECT_ROOT, check=False).returncode:
        raise ReproError(
            "failed, see above", where=" ".join(command[1:4]), hint="fix it, then run `nox -s drift` again"
        )


def main() -> None:
    """Complete all runs, print the table and write it to runs/drift/drift.md."""
    scratch = PROJECT_ROOT / "runs" / "drift"
    for number, run in enumerate(RUNS, 1):
        print(f"run {number} of {len(RUNS)}: {run.name}", flush=True)
        execute(run, scratch)
    text = table(FIRST, RUNS[1:], load("smoke").cells)
    write_text(scratch / "drift.md", text)
    print(text, end="")


if __name__ == "__main__":
    try:
        main()
    except ReproError as error:
        sys.exit(f"error: {error}")
