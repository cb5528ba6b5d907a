"""Loaded by every Python of a disturbed run: kills at a chosen moment of a chosen write, once.

`REPRO_FAULTS` names a folder of such faults, a file each, named `<moment>@<file>`: `half`, while the file is half
written, kills who writes; `before` and `after` its renaming kill the whole group.
"""

import os
import pathlib
import signal

FOLDER = os.environ.get("REPRO_FAULTS")


def _strike(moment: str, target: pathlib.Path) -> bool:
    try:
        # The name of a checkpoint to go on from holds a fingerprint.
        fault = f"{moment}@{target.name.split('-')[0]}"
        pathlib.Path(FOLDER, fault).rename(pathlib.Path(FOLDER, f"struck-{fault}"))
    except FileNotFoundError:
        return False
    return True


if FOLDER:
    rename = pathlib.Path.replace

    def replace(self: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
        target = pathlib.Path(target)
        if _strike("half", target):
            os.truncate(self, self.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        if _strike("before", target):
            os.killpg(os.getpgrp(), signal.SIGKILL)
        done = rename(self, target)
        if _strike("after", target):
            os.killpg(os.getpgrp(), signal.SIGKILL)
        return done

    pathlib.Path.replace = replace  # type: ignore[method-assign, assignment]
