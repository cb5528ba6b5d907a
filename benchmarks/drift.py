"""Drift: the smoke study run several times in circumstances that should not matter, and a table of what moved.

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

#: The release before the one that the study is pinned to.
OTHER_ANOMALIB = "2.6.2"


@dataclass(frozen=True)
class Circumstances:
    """One run of the study."""

    name: str
    threads: int = 1
    #: Version to train with; None: the one that is installed. Its checkpoints hold more than weights, so that they are
    #: compared and not run.
    anomalib: str | None = None

    @property
    def folder(self) -> RunFolder:
        return RunFolder(f"drift-{self.name}")


FIRST = Circumstances("one-thread")
RUNS = (
    FIRST,
    Circumstances("again"),
    Circumstances("two-threads", threads=2),
    Circumstances("other-anomalib", anomalib=OTHER_ANOMALIB),
)


def run(one: Circumstances, scratch: Path) -> None:
    """Run the smoke study, or what of it is missing; ReproError where it fails."""
    folder = one.folder
    path = scratch / f"{folder.study}.toml"
    text = (STUDIES / "smoke.toml").read_text(encoding="utf-8")
    write_text(path, text.replace('name = "smoke"', f'name = "{folder.study}"'))
    environment = os.environ | {"OMP_NUM_THREADS": str(one.threads)}
    if one.anomalib:
        overlay = scratch / f"anomalib-{one.anomalib}"
        if not overlay.is_dir():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(overlay)]
            _call([*pip, f"anomalib=={one.anomalib}"], environment)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(overlay), os.environ.get("PYTHONPATH")]))
    until = "train" if one.anomalib else "evaluate"
    command = [sys.executable, "-m", "repro", "reproduce", "--study", str(path), f"--until={until}"]
    _call([*command, "--accelerator=cpu", f"--cores={one.threads}"], environment)


def table(first: Circumstances, others: Iterable[Circumstances], cells: Sequence[Cell]) -> str:
    """Markdown: for each other run and cell, how far files and metrics lie from those of the first run."""
    lines = ["| against one thread | cell | what | largest difference | of its range |", "|---|---|---|---|---|"]
    for other in others:
        for cell in cells:
            fit = read_json(other.folder.cell(cell) / "fit.json", hint="run `nox -s drift`")
            said = f"{other.name.replace('-', ' ')} (anomalib {fit['packages']['anomalib']}, threads {fit['threads']})"
            files = ("checkpoint.ckpt", "fit.json") if other.anomalib else FILES
            found = differences(first.folder.cell(cell), other.folder.cell(cell), files)
            rows = [_row(one) for one in found if not one.none]
            moved = {one.file for one in found if not one.none}
            same = dict.fromkeys(one.file for one in found if one.file not in moved)
            if same:
                rows.insert(0, f"{', '.join(same)} | none | |")
            lines += [f"| {said} | {cell.variant} | {row}" for row in rows]
    return "\n".join(lines) + "\n"


def _row(one: Difference) -> str:
    largest = f"{one.other} entries" if one.other else f"{one.largest:.2g}"
    return f"{one.file}: {one.name} | {largest} | {f'{one.relative:.1e}' if one.relative else ''} |"


def _call(command: list[str], environment: dict[str, str]) -> None:
    if subprocess.run(command, env=environment, cwd=PROJECT_ROOT, check=False).returncode:
        raise ReproError("failed, see above", where=" ".join(command[1:4]), hint="fix it and run `nox -s drift` again")


def main() -> None:
    """Make the runs that are missing, print the table and leave it in runs/drift/drift.md."""
    scratch = PROJECT_ROOT / "runs" / "drift"
    for number, one in enumerate(RUNS, 1):
        print(f"run {number} of {len(RUNS)}: {one.name}", flush=True)
        run(one, scratch)
    text = table(FIRST, RUNS[1:], load("smoke").cells)
    write_text(scratch / "drift.md", text)
    print(text, end="")


if __name__ == "__main__":
    try:
        main()
    except ReproError as error:
        sys.exit(f"error: {error}")
