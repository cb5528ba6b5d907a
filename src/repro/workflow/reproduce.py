"""Reproduce: choose the study, prepare its data, and let the workflow run what is missing or out of date."""

import os
import sys
import tempfile
import time

from repro import study as studies
from repro.costs.estimate import Estimate, estimate
from repro.costs.forecast import check_room, forecast
from repro.errors import ReproError
from repro.integrity.repair import repair
from repro.models import shipped
from repro.pipeline import jobs
from repro.records.figures import Figures
from repro.records.guards import Guards
from repro.records.results import Results
from repro.runs import RunFolder, lock, read_record, remove_partial_files, write_json_if_changed
from repro.stages.data import prepare
from repro.workflow.choices import Choices
from repro.workflow.choose import choose_study
from repro.workflow.furnish import furnish
from repro.workflow.snakemake import Outcome, available_cores, find_profile, run


def reproduce(choices: Choices) -> int:
    """Bring a study's report up to date; 0 where all guards hold, 1 where a stage or a guard failed.

    2 where a stage failed for a reason that the user can fix; its message then is the last on standard error. A dry run
    prints what is to be done. Raises ReproError where this machine has no room for it.
    """
    study, line = choose_study(choices)
    print(line, flush=True)
    folder = RunFolder(study.name)
    if furnish(folder.root):
        print(f"working folder: {folder.root}", flush=True)
    if choices.dry_run:
        needed = _estimate(folder, study, choices)
        print(forecast(folder, study, needed))
        check_room(folder, needed)
        return 0
    with lock(folder):
        remove_partial_files(folder)
        return _check(folder, choices) if choices.check is not None else _reproduce(folder, study, choices)


def _reproduce(folder: RunFolder, study: studies.Study, choices: Choices) -> int:
    if choices.qdrant_url is not None:
        _check_qdrant(choices.qdrant_url, folder)
    if choices.partial and choices.until == "train":
        raise ReproError("trains nothing", where="--partial", hint="leave --until=train out")
    profile = find_profile(choices.profile)
    shipped.check(study)
    prepare(folder, study)
    check_room(folder, _estimate(folder, study, choices))
    _write_settings(folder, study)
    damaged = repair(folder, study)
    # Altered manifests are deleted by now.
    prepare(folder, study)
    _redraw_lost_figures(folder)
    _bring_back_from_the_future(folder, study)
    damaged = damaged if choices.until != "train" else []
    whole = Outcome() if choices.partial else run(folder, choices, profile, damaged)
    write_partial = choices.partial or (whole.failed and choices.keep_going and choices.until != "train")
    partial = run(folder, choices, profile, partial=True) if write_partial else whole
    outcome = Outcome(whole.failed or partial.failed, tuple(dict.fromkeys(whole.errors + partial.errors)))
    _report(outcome, folder)
    if partial.failed:
        return 2 if outcome.errors else 1
    if choices.until != "paper":
        return int(outcome.failed)
    return max(int(outcome.failed), _summary(folder, study))


def _write_settings(folder: RunFolder, study: studies.Study) -> None:
    """Write what the stages read of the study: all of it, its queries, and the settings of each cell."""
    write_json_if_changed(folder.study_file, study.model_dump(mode="json"))
    write_json_if_changed(folder.run / "queries.json", study.queries)
    for cell in study.cells:
        content = {
            # Further seeds and the name of the protocol change no trained cell.
            "variant": study.variants[cell.variant].model_dump(mode="json", exclude={"seeds", "protocol"}),
            "image_size": study.image_size,
            "seed": cell.seed,
        }
        write_json_if_changed(folder.cell(cell) / "cell.json", content)


def _report(outcome: Outcome, folder: RunFolder) -> None:
    """Print why the workflow failed, last of all on standard error."""
    if not outcome.failed:
        return
    if not outcome.errors:
        _write_something(folder)
    print(f"a stage failed; finished stages are kept in {folder.run}", file=sys.stderr)
    for line in outcome.errors or ("error: the workflow ended early, see above",):
        print(line, file=sys.stderr)


def _summary(folder: RunFolder, study: studies.Study) -> int:
    """Print where the paper is and how many guards hold; 1 where one does not."""
    guards = read_record(folder.report / "guards.json", Guards, hint="run `nox -s guard`")
    missing = read_record(folder.report / "results.json", Results, hint="run `nox -s reproduce`").missing
    print(
        f"{folder.report / 'paper.pdf'}: {guards.passed} of {guards.passed + guards.failed} guards hold"
        + (f"; {len(missing)} of {len(study.cells)} cells are missing and marked so" if missing else "")
    )
    return int(guards.failed > 0)


def _check(folder: RunFolder, choices: Choices) -> int:
    from repro.integrity.recompute import recompute  # torch: only this one needs it
    from repro.models.engine import Device

    assert choices.check is not None
    study = studies.load_resolved(folder)
    return recompute(folder, study, choices.check, Device(choices.accelerator, choices.devices), choices.cores)


def _estimate(folder: RunFolder, study: studies.Study, choices: Choices) -> Estimate:
    return estimate(folder, study, cores=available_cores(choices), accelerator=choices.accelerator)


def _redraw_lost_figures(folder: RunFolder) -> None:
    """Delete the list of figures where one is missing: the workflow knows of the list only, and draws all again."""
    listed = folder.report / "figures" / "figures.json"
    if listed.is_file():
        figures = read_record(listed, Figures, hint="delete it").figures
        if not all((listed.parent / figure.file).is_file() for figure in figures):
            listed.unlink()


def _bring_back_from_the_future(folder: RunFolder, study: studies.Study) -> None:
    """Date files of the future now: Snakemake would take everything that is made from them for older than they are."""
    now = time.time()
    paths = {path for job in jobs(folder, study, study.cells) for path in (*job.awaited, *job.outputs)}
    late = sorted(path for path in paths if path.is_file() and path.stat().st_mtime > now + 1)
    for path in late:
        # All alike: none may seem younger than what was made from it.
        os.utime(path, (now, now))
    if late:
        print(f"{len(late)} file{'s' if len(late) > 1 else ''} dated in the future, such as {late[0]}: dated now")


def _write_something(folder: RunFolder) -> None:
    """Raise the error behind a workflow that ended without a message, where that is that nothing can be written."""
    for place in (folder.root / ".snakemake", folder.run, folder.report):
        if place.is_dir():
            try:
                with tempfile.TemporaryFile(dir=place) as stream:
                    stream.write(bytes(1 << 16))
            except OSError as error:
                error.filename = place
                raise


def _check_qdrant(url: str, folder: RunFolder) -> None:
    from repro.search.client import connect

    with connect(url, folder.run):
        pass
