"""Closure: the modules of this package that a file imports, directly or through others, read from the syntax tree.

Nothing is imported for it, so that the workflow can list the code of a stage that needs torch without loading torch.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
#: Modules and packages that decide no result, and why. What they import is left out with them.
PLUMBING = {
    "closure": "lists code and runs none of it",
    "errors": "words of messages",
    "fetch": "brings files that are known by their SHA-256",
    "gpus": "chooses a device, which fit.json names",
    "hashes": "records what a stage read and wrote",
    "pipeline": "lists the files of a stage, whose names the workflow compares",
    "progress": "words on standard error",
    "runs": "reads and writes whole files under given names",
    "study": "checks study files; what they ask for is in study.json and cell.json, which are inputs",
}


def closure(files: Iterable[Path]) -> tuple[Path, ...]:
    """The files themselves, and all modules that they import, but for `PLUMBING`; sorted."""
    found: set[Path] = set()
    waiting = list(files)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += imports(path)
    return tuple(sorted(found))


@cache
def imports(path: Path) -> tuple[Path, ...]:
    """The modules of this package that one file imports anywhere in it, but for `PLUMBING`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tuple(sorted({module for node in ast.walk(tree) for name in _names(node) if (module := _module(name))}))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module(name: str) -> Path | None:
    """The file of a module that counts; None for others, for packages and for what is defined in a module."""
    top, *parts = name.split(".")
    if top != PACKAGE.name or not parts or parts[0] in PLUMBING:
        return None
    path = PACKAGE.joinpath(*parts).with_suffix(".py")
    return path if path.is_file() else None
