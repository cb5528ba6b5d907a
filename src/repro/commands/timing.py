"""Timing: note what a stage took when it is finished."""

import resource
import sys
import time
from pathlib import Path

from repro.runs import write_json


def note(path: Path, started: float) -> None:
    """Write what this process took since `started`, in seconds of time.monotonic(), and the most memory it held."""
    write_json(path, {"seconds": round(time.monotonic() - started, 2), "peak_mb": round(_peak(), 1)})


def _peak() -> float:
    """Peak memory of this process, or of the largest that it started, in MB."""
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
