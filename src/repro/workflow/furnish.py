"""Furnish: bring the results that papers compare with to the working folder of an installed package."""

import shutil
from pathlib import Path

from repro.closure import PACKAGE
from repro.runs import writing

#: In a wheel, the reports and accepted verdicts of the project; a clone has them at its root.
FURNITURE = PACKAGE / "furniture"


def furnish(root: Path, furniture: Path = FURNITURE) -> int:
    """Copy what the folder `root` lacks; returns the number of files. In a clone there is nothing to copy."""
    copied = 0
    for path in sorted(furniture.rglob("*.*")):
        target = root / path.relative_to(furniture)
        if not target.exists():
            with writing(target) as temporary:
                shutil.copyfile(path, temporary)
            copied += 1
    return copied
