"""The commands, a function each: its docstring is its help, and it imports what it needs when it is called.

So `--help` answers at once, and rendering never loads torch.
"""

import logging
import os
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from repro.arguments import (
    ACCELERATOR,
    CELL,
    DEFAULTS,
    DEVICES,
    QDRANT,
    STUDY,
    Options,
    argument,
    command,
    names,
    positive,
)
from repro.workflow.choices import Choices

if TYPE_CHECKING:
    from repro.models.engine import Device
    from repro.runs import Cell, RunFolder
    from repro.study import Study

Result = TypeVar("Result")


@command(
    argument(
        "--study", help="name of a study or path of a .toml file (default: mvtec where its images are, else embedded)"
    ),
    argument("--data-root", type=Path, help="folder of images in MVTec AD layout"),
    argument(
        "--categories",
        type=names,
        default=DEFAULTS.categories,
        help="categories to run instead of the study's, comma-separated",
    ),
    argument(
        "--until",
        choices=("train", "evaluate", "figures", "paper"),
        default=DEFAULTS.until,
        help="last thing to make (default: %(default)s)",
    ),
    argument("--cores", type=positive, help="cores to use (default: all)"),
    argument("--dry-run", action="store_true", help="print cells, expected hours, disk and memory; start nothing"),
    argument(
        "--check",
        type=int,
        nargs="?",
        const=int.from_bytes(os.urandom(4)),
        metavar="SEED",
        help="compute one finished cell, drawn at random, again in a temporary folder and compare",
    ),
    argument(
        "--profile",
        default=DEFAULTS.profile,
        help="where the stages run: local, slurm, kubernetes or a folder of your own (default: %(default)s)",
    ),
    argument(
        "--keep-going",
        action="store_true",
        help="go on where a cell fails; the paper then marks it as missing, and the exit status is 1",
    ),
    argument(
        "--partial", action="store_true", help="train nothing: write the paper of the cells that are finished by now"
    ),
    ACCELERATOR,
    DEVICES,
    QDRANT,
)
def reproduce(options: Options) -> int:
    """Run what is missing or out of date, up to the paper."""
    from repro.workflow.reproduce import reproduce

    if options.check is not None:
        import repro.integrity.recompute  # noqa: F401  loggers are set on import

        _quiet()
    return reproduce(Choices(**{one.name: getattr(options, one.name) for one in fields(Choices)}))


@command(STUDY, writes=True)
def data(options: Options) -> None:
    """Draw or find the images of a study and check them."""
    from repro.stages.data import prepare

    folder, study = _begun(options)
    prepare(folder, study)


@command(STUDY, CELL, ACCELERATOR, DEVICES, writes=True)
def fit(options: Options) -> None:
    """Train a cell."""
    folder, study = _begun(options)
    with _gpu(options, folder):
        from repro.stages.fit import fit

        cell, device = study.cell(options.cell), _device(options)
        _quiet()
        _recorded(options, lambda: fit(folder, study, cell, device))


@command(STUDY, CELL, ACCELERATOR, DEVICES, writes=True)
def predict(options: Options) -> None:
    """Run a trained cell on its test images."""
    folder, study = _begun(options)
    with _gpu(options, folder):
        from repro.stages.predict import predict

        cell, device = study.cell(options.cell), _device(options)
        _quiet()
        _recorded(options, lambda: predict(folder, study, cell, device))


@command(STUDY, CELL, writes=True)
def recover(options: Options) -> None:
    """Recover the anomaly maps of the published study from its result images."""
    from repro.stages.recover import recover

    folder, study = _begun(options)
    cell = study.cell(options.cell)
    _recorded(options, lambda: recover(folder, study, cell))


@command(STUDY, CELL, writes=True)
def score(options: Options) -> None:
    """Compute the metrics of a cell."""
    from repro.stages.score import score

    _recorded(options, lambda: score(_folder(options), _cell(options)))


@command(STUDY, CELL, QDRANT, writes=True)
def retrieve(options: Options) -> None:
    """Search the test images of a cell for similar ones."""
    from repro.stages.retrieve import retrieve

    folder, study = _begun(options)
    cell = study.cell(options.cell)
    _recorded(options, lambda: retrieve(folder, study, cell, options.qdrant_url))


@command(STUDY, writes=True)
def receptive_field(options: Options) -> None:
    """Compute and measure the receptive fields."""
    from repro.stages.receptive_field import receptive_field

    _recorded(options, lambda: receptive_field(_folder(options)))


@command(
    STUDY,
    argument("--partial", action="store_true", help="of the cells that are finished; the rest is missing"),
    writes=True,
)
def results(options: Options) -> None:
    """Gather results.json, environment.json and timings.json."""
    from repro.stages.results import results

    folder, study = _begun(options)
    _recorded(options, lambda: results(folder, study, partial=options.partial))


@command(
    STUDY,
    argument("--accept", action="store_true", help="make these verdicts those that may not change unnoticed"),
    writes=True,
)
def verdicts(options: Options) -> None:
    """Judge the published claims."""
    from repro.stages.verdicts import accept, verdicts

    folder = _folder(options)
    _recorded(options, lambda: verdicts(folder))
    if options.accept:
        accept(folder, folder.ledger)


@command(
    STUDY,
    argument("--keep-going", action="store_true", help="exit 0 all the same: the paper shows what failed"),
    writes=True,
)
def guard(options: Options) -> int:
    """Assert what must hold of results.json; exit 1 where it does not."""
    from repro.stages.guard import guard

    guards = _recorded(options, lambda: guard(_folder(options)))
    return 1 if guards.failed and not options.keep_going else 0


@command(
    STUDY,
    argument("--only", metavar="FILE", help="draw this one alone, for example metrics.svg"),
    writes=True,
)
def figures(options: Options) -> None:
    """Draw the figures."""
    from repro.progress import Progress
    from repro.stages.figures import draw

    folder, progress = _folder(options), Progress("draw figures", "figures")
    if options.only:
        # One figure alone says nothing of what the others were made from.
        draw(folder, progress, options.only)
    else:
        _recorded(options, lambda: draw(folder, progress))


@command(STUDY, writes=True)
def render(options: Options) -> None:
    """Write paper.md, paper.pdf and paper.html."""
    import gc

    from repro.stages.render import render

    # A process that makes a million small objects and ends: looking for cycles among them costs it a tenth of its time.
    gc.disable()
    _recorded(options, lambda: render(_folder(options)))


@command(STUDY)
def verify(options: Options) -> int:
    """Name files that are altered, missing or stale; exit 1 where any is."""
    from repro.integrity.verify import report
    from repro.progress import Progress

    return report(_folder(options), Progress("verify", "files"))


@command(
    STUDY,
    argument("--baseline", type=Path, help="default: baselines/<study>.json"),
    argument("--markdown", type=Path, help="append the table to this file, for a CI summary"),
    argument("--accept", action="store_true", help="make the present results the baseline"),
)
def regression(options: Options) -> int:
    """Compare results.json with the committed baseline; exit 1 on a regression."""
    from repro.integrity.regression import accept, compare, markdown

    folder = _folder(options)
    baseline = options.baseline or folder.root / "baselines" / f"{options.study}.json"
    if options.accept:
        accept(folder, baseline)
    table = compare(folder, baseline)
    print(table.to_string(index=False, na_rep=""))
    if options.markdown:
        with options.markdown.open("a", encoding="utf-8") as stream:
            stream.write(markdown(table))
    return 1 if (table["verdict"] == "regression").any() else 0


@command(STUDY, argument("--port", type=int, default=0, help="default: any that is free"))
def view(options: Options) -> None:
    """Serve the paper's page on this machine."""
    from repro.paper.view import serve

    serve(_folder(options), options.port)


@command(STUDY, argument("name", help="as the paper's first appendix has it, for example scores"))
def table(options: Options) -> None:
    """Print one table of the paper as CSV."""
    from repro.paper.table import table

    print(table(_folder(options), options.name), end="")


@command(STUDY, argument("folder", type=Path, help="folder to make"))
def export(options: Options) -> None:
    """Write a crate with tables as CSV and anomaly maps as TIFF."""
    from repro.export import export
    from repro.progress import Progress

    export(_folder(options), options.folder, Progress("export anomaly maps", "cells"))


@command(
    argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="published (393 MB: the study's own result images), mvtec (5.3 GB), imagenette (1.6 GB), teacher (40 MB), "
        "resnet18 (47 MB), wide_resnet50_2 (276 MB), or weights for the last two (default: all but published); what is "
        "there is verified and left alone",
    ),
    argument(
        "--from",
        dest="given",
        type=Path,
        metavar="PATH",
        help="take it from this archive or folder, not the internet: MVTec AD whole or a category of it, packed or "
        "not, or a folder with downloaded files",
    ),
    argument(
        "--data-root", type=Path, help="where MVTec AD is to lie (default: $REPRO_DATA_ROOT, else datasets/MVTecAD)"
    ),
)
def fetch(options: Options) -> None:
    """Bring data sets and weights to where they are looked for."""
    from repro.fetch.fetch import fetch

    fetch(tuple(options.names), options.given, options.data_root)


@command(
    argument("--panels", type=Path, default=Path("datasets") / "published-panels", help="default: %(default)s"),
    argument("--folder", type=Path, default=Path("datasets") / "mvtec-fewshot", help="default: %(default)s"),
    argument("--categories", type=names, default=("grid", "tile", "leather"), help="default: grid,tile,leather"),
)
def fewshot(options: Options) -> None:
    """Build a small data set of real images from the published result images."""
    from repro.panels.fewshot import build

    build(options.panels, options.folder, options.categories)


@command(
    argument(
        "--folder",
        type=Path,
        default=Path("runs") / "distill",
        help="where checkpoint.pt lies; training resumes from it (default: %(default)s)",
    )
)
def distill(options: Options) -> None:
    """Distil the teacher that comes with the package again."""
    from repro.distill.card import ship
    from repro.distill.train import Recipe, train

    recipe = Recipe()
    ship(recipe, train(recipe, options.folder / "checkpoint.pt"))


@command(argument("measured", type=Path, help="JSON file of pytest-benchmark; `nox -s bench` makes both"))
def bench(options: Options) -> None:
    """Pair what pytest-benchmark measured into report/bench.json."""
    from repro.costs.bench import bench, last, table
    from repro.runs import PROJECT_ROOT

    before = last(PROJECT_ROOT / "report")
    print(table(bench(options.measured, PROJECT_ROOT / "report"), before))


@command(argument("folder", type=Path))
def schema(options: Options) -> None:
    """Write the JSON Schemas of the result files."""
    from repro.records.schema import schemas
    from repro.runs import write_json

    for name, content in schemas().items():
        write_json(options.folder / name, content)


def _folder(options: Options) -> "RunFolder":
    from repro.runs import RunFolder

    return RunFolder(options.study)


def _cell(options: Options) -> "Cell":
    from repro.runs import Cell

    return Cell.from_key(options.cell)


def _begun(options: Options) -> "tuple[RunFolder, Study]":
    """The folders of a study and the study as its run resolved it."""
    from repro.study import load_resolved

    folder = _folder(options)
    return folder, load_resolved(folder)


def _device(options: Options) -> "Device":
    from repro.models.engine import Device

    return Device(options.accelerator, options.devices)


def _gpu(options: Options, folder: "RunFolder") -> AbstractContextManager[None]:
    """Hold a GPU of its own for a stage where there are several; enter it before torch is imported."""
    from repro.gpus import gpus, one_of

    return one_of(gpus(options.accelerator, options.devices), folder)


def _recorded(options: Options, stage: Callable[[], Result]) -> Result:
    """Run a stage, named like its command, and keep the hashes of what it reads and writes."""
    from repro.hashes import recording
    from repro.pipeline import job

    with recording(job(_folder(options), options.command, _cell(options) if "cell" in options else None)):
        return stage()


def _quiet() -> None:
    """Silence what anomalib and Lightning say about themselves; what they say about the run stays.

    Called after their import, which sets the levels of their loggers.
    """
    for noisy in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning", "lightning_fabric"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("anomalib").setLevel(logging.ERROR)
    for module in (r"lightning", r"pytorch_lightning", r"timm", r"anomalib", r"torchvision", r"torch\.utils\.data"):
        warnings.filterwarnings("ignore", module=module)
