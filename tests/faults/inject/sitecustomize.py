"""Imported by every Python process of a run with faults: kills it at a given moment of a given write, once.

`REPRO_FAULTS` is a folder with an empty file for each fault, named `<moment>@<file>`. `half` kills the writing process
when the file is half written; `before` and `after` kill the process group before and after the file is renamed.
"""

import os
import pathlib
import signal

FOLDER = os.environ.get("REPRO_FAULTS")


def _strike(moment: str, target: pathlib.Path) -> bool:
    try:
        # The name of a checkpoint for resuming ends with a fingerprint.
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
        result = rename(self, target)
        if _strike("after", target):
            os.killpg(os.getpgrp(), signal.SIGKILL)
        return result

    pathlib.Path.replace = replace  # type: ignore[method-assign, assignment]
