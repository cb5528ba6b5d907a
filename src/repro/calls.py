"""Calls: the parsed arguments of a command in, one call of its stage out; no logic.

Stages import what they need when they are called, so that `--help` answers at once and rendering never loads torch.
"""

# ruff: noqa: D103 - what each does, the help of its command says

import argparse
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from repro.runs import RunFolder

Result = TypeVar("Result")


def reproduce(options: argparse.Namespace) -> int:
    from repro.reproduce import Choices, reproduce

    given = {key: value for key, value in vars(options).items() if key not in ("call", "command", "writes")}
    if options.check is not None:
        import repro.recompute  # noqa: F401  loggers are set on import

        _hush()
    return reproduce(Choices(**given))


def verify(options: argparse.Namespace) -> int:
    from repro.progress import Progress
    from repro.runs import RunFolder
    from repro.verify import report

    return report(RunFolder(options.study), Progress("verify", "files"))


def data(options: argparse.Namespace) -> None:
    from repro.data.prepare import prepare
    from repro.runs import RunFolder
    from repro.study import load_resolved

    folder = RunFolder(options.study)
    prepare(folder, load_resolved(folder))


def _recorded(options: argparse.Namespace, stage: Callable[["RunFolder"], Result]) -> Result:
    """Run a stage, named like its command, and keep the hashes of what it reads and writes."""
    from repro.hashes import recording
    from repro.runs import Cell, RunFolder

    folder = RunFolder(options.study)
    with recording(folder, options.command, Cell.from_key(options.cell) if "cell" in options else None):
        return stage(folder)


def fit(options: argparse.Namespace) -> None:
    from repro.gpus import gpus, one_of
    from repro.runs import RunFolder
    from repro.study import load_resolved

    folder = RunFolder(options.study)
    study = load_resolved(folder)
    with one_of(gpus(options.accelerator, options.devices), folder):
        from repro.fit import Device, fit

        _hush()
        cell, device = study.cell(options.cell), Device(options.accelerator, options.devices)
        _recorded(options, lambda folder: fit(folder, study, cell, device))


def predict(options: argparse.Namespace) -> None:
    from repro.gpus import gpus, one_of
    from repro.runs import RunFolder
    from repro.study import load_resolved

    folder = RunFolder(options.study)
    study = load_resolved(folder)
    with one_of(gpus(options.accelerator, options.devices), folder):
        from repro.fit import Device
        from repro.predict import predict

        _hush()
        cell, device = study.cell(options.cell), Device(options.accelerator, options.devices)
        _recorded(options, lambda folder: predict(folder, study, cell, device))


def score(options: argparse.Namespace) -> None:
    from repro.runs import Cell
    from repro.score import score

    _recorded(options, lambda folder: score(folder, Cell.from_key(options.cell)))


def retrieve(options: argparse.Namespace) -> None:
    from repro.retrieve import retrieve
    from repro.runs import RunFolder
    from repro.study import load_resolved

    study = load_resolved(RunFolder(options.study))
    cell = study.cell(options.cell)
    _recorded(options, lambda folder: retrieve(folder, study, cell, options.qdrant_url))


def receptive_field(options: argparse.Namespace) -> None:
    from repro.models.pdn import receptive_field

    _recorded(options, receptive_field)


def results(options: argparse.Namespace) -> None:
    from repro.results import results
    from repro.study import load_resolved

    _recorded(options, lambda folder: results(folder, load_resolved(folder), partial=options.partial))


def verdicts(options: argparse.Namespace) -> None:
    from repro.claims.judge import accept, verdicts
    from repro.runs import RunFolder

    _recorded(options, verdicts)
    if options.accept:
        folder = RunFolder(options.study)
        accept(folder, folder.ledger)


def guard(options: argparse.Namespace) -> int:
    from repro.guard import guard

    guards = _recorded(options, guard)
    return 1 if guards.failed and not options.keep_going else 0


def figures(options: argparse.Namespace) -> None:
    from repro.figures import draw
    from repro.progress import Progress
    from repro.runs import RunFolder

    progress = Progress("draw figures", "figures")
    if options.only:
        # One figure alone says nothing of what the others were made from.
        draw(RunFolder(options.study), progress, options.only)
    else:
        _recorded(options, lambda folder: draw(folder, progress))


def render(options: argparse.Namespace) -> None:
    import gc

    from repro.paper import render

    # A process that makes a million small objects and ends: looking for cycles among them costs it a tenth of its time.
    gc.disable()
    _recorded(options, render)


def table(options: argparse.Namespace) -> None:
    from repro.runs import RunFolder
    from repro.tables import table

    print(table(RunFolder(options.study), options.name), end="")


def export(options: argparse.Namespace) -> None:
    from repro.export import export
    from repro.progress import Progress
    from repro.runs import RunFolder

    export(RunFolder(options.study), options.folder, Progress("export anomaly maps", "cells"))


def view(options: argparse.Namespace) -> None:
    from repro.runs import RunFolder
    from repro.serve import serve

    serve(RunFolder(options.study), options.port)


def regression(options: argparse.Namespace) -> int:
    from repro.regression import accept, compare, markdown
    from repro.runs import RunFolder

    folder = RunFolder(options.study)
    baseline = options.baseline or folder.root / "baselines" / f"{options.study}.json"
    if options.accept:
        accept(folder, baseline)
    table = compare(folder, baseline)
    print(table.to_string(index=False, na_rep=""))
    if options.markdown:
        with options.markdown.open("a", encoding="utf-8") as stream:
            stream.write(markdown(table))
    return 1 if (table["verdict"] == "regression").any() else 0


def fetch(options: argparse.Namespace) -> None:
    from repro.fetch.fetch import fetch

    fetch(tuple(options.names), options.given, options.data_root)


def distill(options: argparse.Namespace) -> None:
    from repro.distill.card import ship
    from repro.distill.train import Recipe, train

    recipe = Recipe()
    ship(recipe, train(recipe, options.folder / "checkpoint.pt"))


def bench(options: argparse.Namespace) -> None:
    from repro.bench import bench, last, table
    from repro.runs import PROJECT_ROOT

    before = last(PROJECT_ROOT / "report")
    print(table(bench(options.measured, PROJECT_ROOT / "report"), before))


def patches(options: argparse.Namespace) -> None:
    from repro.patch_search import table
    from repro.patches import patches
    from repro.runs import PROJECT_ROOT, RunFolder
    from repro.study import load_resolved

    _hush()
    folder = RunFolder(options.study)
    found = patches(folder, load_resolved(folder), options.sizes, options.qdrant_url, PROJECT_ROOT / "report")
    print(table(found))


def schema(options: argparse.Namespace) -> None:
    from repro.cost_records import Bench
    from repro.records import Environment, Figures, Guards, Results, Verdicts
    from repro.runs import write_json

    for kind in (Results, Verdicts, Guards, Environment, Figures, Bench):
        write_json(options.folder / f"{kind.__name__.lower()}.schema.json", kind.model_json_schema())


def _hush() -> None:
    """Silence what anomalib and Lightning say about themselves; what they say about the run stays.

    Called after their import, which sets the levels of their loggers.
    """
    import logging

    for noisy in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning", "lightning_fabric"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("anomalib").setLevel(logging.ERROR)
    for module in (r"lightning", r"pytorch_lightning", r"timm", r"anomalib", r"torchvision", r"torch\.utils\.data"):
        warnings.filterwarnings("ignore", module=module)
