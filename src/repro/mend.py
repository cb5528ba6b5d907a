"""Mend: what is not as it was made is put out of the way, so that the workflow makes it anew."""

import os

from repro.hashes import OF_A_CELL, Stage
from repro.runs import RunFolder
from repro.study import Study
from repro.verify import verify


def clear(folder: RunFolder, study: Study) -> list[str]:
    """Delete what was altered or left unfinished, and give what is stale a time before its inputs'.

    Returns the files of the run folder that are to be made anew: the workflow looks at what lies on the way to the
    paper only where it is told to. Images are not read: whether they changed is seen when the data is prepared.
    """
    if not any((place / "hashes").is_dir() for place in (folder.run, folder.report)):
        return []
    wanted = set()
    for fault in verify(folder, study, images=False).faults:
        path = fault.path
        if not any(path.is_relative_to(place) for place in (folder.run, folder.report)):
            continue
        if fault.kind == "stale":
            os.utime(path, (1, 1))
        if fault.kind not in ("altered", "missing", "unfinished"):
            continue
        print(f"{fault.kind}: {path}; it is made anew", flush=True)
        path.unlink(missing_ok=True)
        if path.is_relative_to(folder.run / "cells") or path == folder.receptive_field:
            wanted.add(path)
        for stage in [Stage(folder, name, cell) for cell in study.cells for name in OF_A_CELL]:
            # Without its record nobody can say what a stage left.
            if path == stage.record:
                wanted |= set(stage.outputs())
                for output in stage.outputs():
                    output.unlink()
    return sorted(path.relative_to(folder.root).as_posix() for path in wanted)
