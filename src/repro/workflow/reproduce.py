"""Reproduce: choose the study, prepare its data, and let the workflow run what is missing or out of date."""

import os
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from repro import study as studies
from repro.costs.estimate import Estimate, estimate
from repro.costs.forecast import check_room, forecast
from repro.errors import ReproError
from repro.fetch.sources import DEFAULT_ROOT, ROOT_VARIABLE
from repro.gpus import gpus
from repro.integrity.repair import repair
from repro.models import shipped
from repro.pipeline import STAGES, jobs
from repro.records.figures import Figures
from repro.records.guards import Guards
from repro.records.results import Results
from repro.runs import HELD, PROJECT_ROOT, RunFolder, clear_leavings, holding, read_record, write_json_if_changed
from repro.stages.data import prepare
from repro.workflow.choices import Choices
from repro.workflow.supervise import supervise

SNAKEFILE = Path(__file__).parent / "Snakefile"
#: Where the stages run; each folder holds a config.yaml as Snakemake's profiles are.
PROFILES = SNAKEFILE.parent / "profiles"
LOCAL = "local"
#: The rules that a partial paper runs: no cell is trained or made again.
REPORT_RULES = (*(stage.rule for stage in STAGES if stage.scope != "cell" and not stage.before), "evaluate", "paper")


def choose_study(choices: Choices, root: Path = PROJECT_ROOT) -> tuple[studies.Study, str]:
    """The study to run, and in words which and why."""
    found, source = choices.data_root, "--data-root"
    if found is None and os.environ.get(ROOT_VARIABLE):
        found, source = Path(os.environ[ROOT_VARIABLE]), f"${ROOT_VARIABLE}"
    if found is None and (root / DEFAULT_ROOT).is_dir():
        found, source = root / DEFAULT_ROOT, str(DEFAULT_ROOT)
    if choices.study is None:
        name = "embedded" if found is None else "mvtec"
        why = "MVTec AD is not on disk" if found is None else f"images from {source}: {found}"
    else:
        name, why = choices.study, "asked for with --study"
    study = studies.load(name)
    if study.data.source == "procedural":
        found = None
        if choices.data_root is not None:
            raise ReproError(
                "draws its own images", where=f"study {study.name}", hint="leave --data-root out or use --study mvtec"
            )
    elif choices.data_root is None and study.data.root is not None:
        found = Path(study.data.root)
    elif found is None and not choices.dry_run:
        raise ReproError(
            "needs images on disk and none are given",
            where=f"study {study.name}",
            hint=f"name their folder with --data-root or ${ROOT_VARIABLE}, or run `nox -s fetch -- mvtec`, which puts "
            f"them into {DEFAULT_ROOT}",
        )
    study = studies.choose(study, data_root=found, categories=list(choices.categories))
    return study, f"study {study.name} ({why})"


def reproduce(choices: Choices) -> int:
    """Bring a study's report up to date; 0 where all guards hold, 1 where a stage or a guard failed.

    2 where a stage failed for a reason that the user can mend; what it said then stands last on standard error. A dry
    run prints what that takes. Raises ReproError where this machine has no room for it.
    """
    study, words = choose_study(choices)
    print(words, flush=True)
    folder = RunFolder(study.name)
    if choices.dry_run:
        found = _estimate(folder, study, choices)
        print(forecast(folder, study, found))
        check_room(folder, found)
        return 0
    with holding(folder):
        clear_leavings(folder)
        return _run(folder, study, choices) if choices.check is None else _check(folder, choices)


def _run(folder: RunFolder, study: studies.Study, choices: Choices) -> int:
    if choices.qdrant_url is not None:
        _check_qdrant(choices.qdrant_url, folder)
    profile = find_profile(choices.profile)
    if choices.partial and choices.until == "train":
        raise ReproError("trains nothing", where="--partial", hint="leave --until=train out")
    shipped.check(study)
    prepare(folder, study)
    check_room(folder, _estimate(folder, study, choices))
    write_json_if_changed(folder.study_file, study.model_dump(mode="json"))
    write_json_if_changed(folder.run / "queries.json", study.queries)
    for cell in study.cells:
        content = {
            # Further seeds and what to call the configuration change no trained cell.
            "variant": study.variants[cell.variant].model_dump(mode="json", exclude={"seeds", "protocol"}),
            "image_size": study.image_size,
            "seed": cell.seed,
        }
        write_json_if_changed(folder.cell(cell) / "cell.json", content)
    lost = repair(folder, study)
    # Manifests that were altered are gone now.
    prepare(folder, study)
    _draw_again_what_is_lost(folder)
    _delete_old_timings(folder, study)
    more = lost if choices.until != "train" else []
    failed, told = (0, []) if choices.partial else _snakemake(folder, choices, profile, more)
    partial = choices.partial or bool(failed and choices.keep_going and choices.until != "train")
    if partial:
        again, more_told = _snakemake(folder, choices, profile, partial=True)
        failed, told, partial = failed or again, told + more_told, not again
    if failed:
        if not told:
            _write_something(folder)
        print(f"a stage failed; finished stages are kept in {folder.run}", file=sys.stderr)
        for line in dict.fromkeys(told) or ["error: the workflow ended early, see above"]:
            print(line, file=sys.stderr)
    if failed and not partial:
        return 2 if told else 1
    if choices.until != "paper":
        return 1 if failed else 0
    guards = read_record(folder.report / "guards.json", Guards, hint="run `nox -s guard`")
    missing = read_record(folder.report / "results.json", Results, hint="run `nox -s reproduce`").missing
    print(
        f"{folder.report / 'paper.pdf'}: {guards.passed} of {guards.passed + guards.failed} guards hold"
        + (f"; {len(missing)} of {len(study.cells)} cells are missing and marked so" if missing else "")
    )
    return 1 if guards.failed or failed else 0


def find_profile(name_or_path: str) -> Path:
    """The folder of a profile, by name (`slurm`) or path; ReproError where there is none or its executor is lacking."""
    folder = PROFILES / name_or_path if name_or_path in profiles() else Path(name_or_path).resolve()
    if not (folder / "config.yaml").is_file():
        known = ", ".join(profiles())
        raise ReproError("no such profile", where=name_or_path, hint=f"use {known} or a folder with a config.yaml")
    ours = folder.parent == PROFILES and folder.name != LOCAL
    if ours and find_spec(f"snakemake_executor_plugin_{folder.name}") is None:
        hint = f'run `{sys.executable} -m pip install -c constraints.txt -e ".[{folder.name}]"`'
        raise ReproError("its executor is not installed", where=f"profile {folder.name}", hint=hint)
    return folder


def profiles() -> list[str]:
    """Names of the profiles that come with the package."""
    return sorted(path.parent.name for path in PROFILES.glob("*/config.yaml"))


def _check(folder: RunFolder, choices: Choices) -> int:
    from repro.integrity.recompute import recompute
    from repro.stages.fit import Device  # torch: only this one needs it

    assert choices.check is not None
    study = studies.load_resolved(folder)
    return recompute(folder, study, choices.check, Device(choices.accelerator, choices.devices), choices.cores)


def _estimate(folder: RunFolder, study: studies.Study, choices: Choices) -> Estimate:
    return estimate(folder, study, cores=_cores(choices), accelerator=choices.accelerator)


def _cores(choices: Choices) -> int:
    return choices.cores or os.cpu_count() or 1


def _draw_again_what_is_lost(folder: RunFolder) -> None:
    """The workflow knows of the list of figures only: without it, all are drawn."""
    listed = folder.report / "figures" / "figures.json"
    if listed.is_file():
        figures = read_record(listed, Figures, hint="delete it").figures
        if not all((listed.parent / figure.file).is_file() for figure in figures):
            listed.unlink()


def _delete_old_timings(folder: RunFolder, study: studies.Study) -> None:
    """Delete timings that are older than the files that they time: killed between the two, a stage has left none.

    Snakemake would take the age of the timing for that of the stage's files and run the stage again.
    """
    for job in jobs(folder, study, study.cells):
        timing, last = job.timing, job.outputs[-1]
        if timing.is_file() and last.is_file() and timing.stat().st_mtime < last.stat().st_mtime - 1:
            timing.unlink()


def _write_something(folder: RunFolder) -> None:
    """Raise what is behind a workflow that ended without a stage's word, where that is that nothing can be written."""
    for place in (folder.root / ".snakemake", folder.run, folder.report):
        if place.is_dir():
            try:
                with tempfile.TemporaryFile(dir=place) as stream:
                    stream.write(bytes(1 << 16))
            except OSError as error:
                error.filename = place
                raise


def _check_qdrant(url: str, folder: RunFolder) -> None:
    from repro.stages.retrieve import qdrant

    with qdrant(url, folder.run):
        pass


def _snakemake(
    folder: RunFolder, choices: Choices, profile: Path, more: Sequence[str] = (), *, partial: bool = False
) -> tuple[int, list[str]]:
    line = command(folder, choices, profile, more, partial=partial)
    return supervise(line, folder.root, environment(profile) | {HELD: folder.study})


def environment(profile: Path) -> dict[str, str]:
    """That of Snakemake, which finds an executor that lies in the profile's own folder."""
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(profile))))
    return os.environ | {"PYTHONPATH": path}


def command(
    folder: RunFolder, choices: Choices, profile: Path, more: Sequence[str] = (), *, partial: bool = False
) -> list[str]:
    """How Snakemake is called: for the paper and `more` files, or with `partial` for that of the finished cells."""
    local = profile == PROFILES / LOCAL
    # Of a cluster's GPUs this machine knows nothing: a cell asks for one unless it is told not to.
    found = len(gpus(choices.accelerator, choices.devices)) if local else int(choices.accelerator != "cpu")
    config = {
        "study": folder.study,
        "accelerator": choices.accelerator,
        "devices": choices.devices,
        "qdrant_url": choices.qdrant_url or "",
        "gpus": found,
        "partial": int(partial),
    }
    cores = _cores(choices) if local else choices.cores
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    limits = [f"mem_mb={memory}", *([f"gpu={found}"] if found else [])] if local else []
    return [
        *(sys.executable, "-m", "snakemake", choices.until, *more),
        *("--snakefile", str(SNAKEFILE), "--directory", str(folder.root), "--workflow-profile", str(profile)),
        *(("--cores", str(cores)) if cores else ()),
        *(("--resources", *limits) if limits else ()),
        *(("--keep-going",) if choices.keep_going else ()),
        *(("--allowed-rules", *REPORT_RULES) if partial else ()),
        *("--rerun-triggers", "mtime", "input"),
        # The lock of `reproduce` goes with its process; Snakemake's would stay behind when it is killed. A file that is
        # there is whole, since stages rename: Snakemake need not doubt what it did not see to the end.
        *("--nolock", "--ignore-incomplete", "--keep-incomplete", "--quiet", "rules", "host", "reason"),
        *("--config", *(f"{key}={value}" for key, value in config.items())),
    ]
