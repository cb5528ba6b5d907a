"""Repair: delete or backdate the faulty files of a study, so that the workflow makes them again."""

import os

from repro.hashes import place
from repro.integrity.verify import verify
from repro.pipeline import jobs
from repro.runs import RunFolder
from repro.study import Study


def repair(folder: RunFolder, study: Study) -> list[str]:
    """Delete altered and unfinished files, and backdate stale ones so that they are rebuilt.

    Returns the paths, relative to the project root, of missing intermediate files: Snakemake makes them again only if
    asked. Images are not checked: `prepare` does that.
    """
    folders = (folder.run, folder.report)
    if not any((parent / "hashes").is_dir() for parent in folders):
        return []
    jobs_by_record = {place(job): job for job in jobs(folder, study, study.cells) if job.cell}
    missing = set()
    for fault in verify(folder, study, images=False).faults:
        path = fault.path
        if not any(path.is_relative_to(parent) for parent in folders):
            continue
        if fault.kind == "stale":
            os.utime(path, (1, 1))
        if fault.kind not in ("altered", "missing", "unfinished"):
            continue
        print(f"{fault.kind}: {path}; making it again", flush=True)
        path.unlink(missing_ok=True)
        if path.is_relative_to(folder.run / "cells") or path == folder.receptive_field:
            missing.add(path)
        if path in jobs_by_record:
            # Without the record, outputs of the stage cannot be verified.
            for output in jobs_by_record[path].outputs:
                if output.is_file():
                    missing.add(output)
                    output.unlink()
    return sorted(path.relative_to(folder.root).as_posix() for path in missing)
