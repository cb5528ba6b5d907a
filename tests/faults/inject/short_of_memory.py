"""`repro` with no memory left from the moment the coreset's selection begins."""

import resource
import sys
from pathlib import Path
from typing import Any

from repro.cli import main
from repro.models import coreset

select = coreset.farthest_first


def limited(*arguments: Any) -> Any:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(), resource.RLIM_INFINITY))
    return select(*arguments)


coreset.farthest_first = limited
sys.exit(main(sys.argv[1:]))
