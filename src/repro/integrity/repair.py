"""Repair: clear away what is not as it was made, so that the workflow makes it again."""

import os

from repro.hashes import place
from repro.integrity.verify import verify
from repro.pipeline import jobs
from repro.runs import RunFolder
from repro.study import Study


def repair(folder: RunFolder, study: Study) -> list[str]:
    """Delete altered and unfinished files, and backdate stale ones so that they are rebuilt.

    Returns the files of the run folder to make again: Snakemake looks at what lies on the way to the paper only where
    it is told to. Images are not read: `prepare` sees whether they changed.
    """
    if not any((kept / "hashes").is_dir() for kept in (folder.run, folder.report)):
        return []
    in_cells = {place(job): job for job in jobs(folder, study, study.cells) if job.cell}
    wanted = set()
    for fault in verify(folder, study, images=False).faults:
        path = fault.path
        if not any(path.is_relative_to(kept) for kept in (folder.run, folder.report)):
            continue
        if fault.kind == "stale":
            os.utime(path, (1, 1))
        if fault.kind not in ("altered", "missing", "unfinished"):
            continue
        print(f"{fault.kind}: {path}; making it again", flush=True)
        path.unlink(missing_ok=True)
        if path.is_relative_to(folder.run / "cells") or path == folder.receptive_field:
            wanted.add(path)
        if path in in_cells:
            # Without its record nobody can say what a stage left.
            for output in in_cells[path].outputs:
                if output.is_file():
                    wanted.add(output)
                    output.unlink()
    return sorted(path.relative_to(folder.root).as_posix() for path in wanted)
