"""The command line: arguments in, one stage call out."""

import argparse
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

from repro import __version__
from repro.errors import ReproError

# Stages import what they need when they are called, so that `--help` answers at once and rendering never loads torch.


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 where it went well, 1 where a guard or a metric failed, 2 where the input is bad."""
    options = _parser().parse_args(arguments)
    # Before their import: tqdm's bars are for terminals, ours for logs; timm warns of its own past.
    os.environ.setdefault("TQDM_MININTERVAL", "10")
    warnings.filterwarnings("ignore", category=FutureWarning)
    try:
        result: int = options.call(options) or 0
        return result
    except ReproError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        told = ReproError(error.strerror or str(error), where=error.filename or "a file", mend="name another place")
        print(f"error: {told}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on where this one left off", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="repro",
        description="A results paper on visual anomaly detection that rebuilds itself. "
        "`reproduce` runs all stages; the others run one alone.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    reproduce = _add(commands, "reproduce", _reproduce, "run what is missing or out of date, up to the paper")
    reproduce.add_argument(
        "--study", help="name of a study or path of a .toml file (default: mvtec where its images are, else embedded)"
    )
    reproduce.add_argument("--data-root", type=Path, help="folder of images in MVTec AD layout")
    reproduce.add_argument(
        "--categories", type=_names, default=(), help="categories to run instead of the study's, comma-separated"
    )
    reproduce.add_argument(
        "--until",
        choices=("train", "evaluate", "figures", "paper"),
        default="paper",
        help="last thing to make (default: %(default)s)",
    )
    reproduce.add_argument("--cores", type=_positive, help="cores to use (default: all)")
    _add_device(reproduce)
    _add_qdrant(reproduce)

    for name, call, words in (
        ("fit", _fit, "train a cell"),
        ("predict", _predict, "run a trained cell on its test images"),
        ("score", _score, "compute the metrics of a cell"),
        ("retrieve", _retrieve, "search the test images of a cell for similar ones"),
    ):
        stage = _add(commands, name, call, words)
        _add_study(stage)
        stage.add_argument("--cell", required=True, help="variant/category/seedN, for example patchcore/grid/seed0")
        if name in ("fit", "predict"):
            _add_device(stage)
        if name == "retrieve":
            _add_qdrant(stage)

    for name, call, words in (
        ("data", _data, "draw or find the images of a study and check them"),
        ("receptive-field", _receptive_field, "compute and measure the receptive fields"),
        ("results", _results, "gather results.json, environment.json and timings.json"),
        ("render", _render, "write paper.md, paper.pdf and paper.html"),
    ):
        _add_study(_add(commands, name, call, words))

    figures = _add(commands, "figures", _figures, "draw the figures")
    _add_study(figures)
    figures.add_argument("--only", metavar="FILE", help="draw this one alone, for example metrics.svg")

    table = _add(commands, "table", _table, "print one table of the paper as CSV")
    _add_study(table)
    table.add_argument("name", help="as the paper's first appendix has it, for example scores")

    export = _add(commands, "export", _export, "write a crate with tables as CSV and anomaly maps as TIFF")
    _add_study(export)
    export.add_argument("folder", type=Path, help="folder to make")

    view = _add(commands, "view", _view, "serve the paper's page on this machine")
    _add_study(view)
    view.add_argument("--port", type=int, default=0, help="default: any that is free")

    verdicts = _add(commands, "verdicts", _verdicts, "judge the published claims")
    _add_study(verdicts)
    verdicts.add_argument(
        "--accept", action="store_true", help="make these verdicts those that may not change unnoticed"
    )

    guard = _add(commands, "guard", _guard, "assert what must hold of results.json; exit 1 where it does not")
    _add_study(guard)
    guard.add_argument("--keep-going", action="store_true", help="exit 0 all the same: the paper shows what failed")

    regression = _add(commands, "regression", _regression, "compare results.json with the committed baseline")
    _add_study(regression)
    regression.add_argument("--baseline", type=Path, help="default: baselines/<study>.json")
    regression.add_argument("--markdown", type=Path, help="append the table to this file, for a CI summary")
    regression.add_argument("--accept", action="store_true", help="make the present results the baseline")

    distill = _add(commands, "distill", _distill, "distil the teacher that comes with the package anew")
    distill.add_argument(
        "--folder",
        type=Path,
        default=Path("runs") / "distill",
        help="checkpoint.pt here is gone on from (default: %(default)s)",
    )

    bench = _add(commands, "bench", _bench, "pair what pytest-benchmark measured into report/bench.json")
    bench.add_argument("measured", type=Path, help="JSON file of pytest-benchmark; `nox -s bench` makes both")

    schema = _add(commands, "schema", _schema, "write the JSON Schemas of the result files")
    schema.add_argument("folder", type=Path)
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    call: Callable[[argparse.Namespace], int | None],
    words: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
    parser.set_defaults(call=call)
    return parser


def _add_study(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--study", default="embedded", help="name of a study that was begun (default: %(default)s)")


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--accelerator",
        default="auto",
        choices=("auto", "cpu", "gpu", "mps"),
        help="for Lightning; trained cells are kept",
    )
    parser.add_argument(
        "--devices", default="1", type=_devices, help="for Lightning: 1, or N, for the device numbered N (default: 1)"
    )


def _add_qdrant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--qdrant-url", help="search on this Qdrant server (default: embedded)")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _devices(text: str) -> str:
    if text != "1" and not (text[:-1].isdigit() and text.endswith(",")):
        raise argparse.ArgumentTypeError(f"{text!r} is neither 1 nor like 2, (a cell trains on one device)")
    return text


def _reproduce(options: argparse.Namespace) -> int:
    from repro.reproduce import Choices, reproduce

    given = {key: value for key, value in vars(options).items() if key != "call"}
    return reproduce(Choices(**given))


def _data(options: argparse.Namespace) -> None:
    from repro.data.prepare import prepare
    from repro.runs import RunFolder
    from repro.study import load_resolved

    folder = RunFolder(options.study)
    prepare(folder, load_resolved(folder))


def _fit(options: argparse.Namespace) -> None:
    from repro.fit import Device, fit
    from repro.runs import RunFolder
    from repro.study import load_resolved

    _hush()
    folder = RunFolder(options.study)
    study = load_resolved(folder)
    fit(folder, study, study.cell(options.cell), Device(options.accelerator, options.devices))


def _predict(options: argparse.Namespace) -> None:
    from repro.fit import Device
    from repro.predict import predict
    from repro.runs import RunFolder
    from repro.study import load_resolved

    _hush()
    folder = RunFolder(options.study)
    study = load_resolved(folder)
    predict(folder, study, study.cell(options.cell), Device(options.accelerator, options.devices))


def _score(options: argparse.Namespace) -> None:
    from repro.runs import Cell, RunFolder
    from repro.score import score

    score(RunFolder(options.study), Cell.from_key(options.cell))


def _retrieve(options: argparse.Namespace) -> None:
    from repro.retrieve import retrieve
    from repro.runs import RunFolder
    from repro.study import load_resolved

    folder = RunFolder(options.study)
    study = load_resolved(folder)
    retrieve(folder, study, study.cell(options.cell), options.qdrant_url)


def _receptive_field(options: argparse.Namespace) -> None:
    from repro.models.pdn import receptive_field
    from repro.runs import RunFolder

    receptive_field(RunFolder(options.study))


def _results(options: argparse.Namespace) -> None:
    from repro.results import results
    from repro.runs import RunFolder
    from repro.study import load_resolved

    folder = RunFolder(options.study)
    results(folder, load_resolved(folder))


def _verdicts(options: argparse.Namespace) -> None:
    from repro.claims.judge import accept, verdicts
    from repro.runs import RunFolder

    folder = RunFolder(options.study)
    verdicts(folder)
    if options.accept:
        accept(folder, folder.ledger)


def _guard(options: argparse.Namespace) -> int:
    from repro.guard import guard
    from repro.runs import RunFolder

    guards = guard(RunFolder(options.study))
    return 1 if guards.failed and not options.keep_going else 0


def _figures(options: argparse.Namespace) -> None:
    from repro.figures import draw
    from repro.progress import Progress
    from repro.runs import RunFolder

    draw(RunFolder(options.study), Progress("draw figures", "figures"), options.only)


def _render(options: argparse.Namespace) -> None:
    import gc

    from repro.paper import render
    from repro.runs import RunFolder

    # A process that makes a million small objects and ends: looking for cycles among them costs it a tenth of its time.
    gc.disable()
    render(RunFolder(options.study))


def _table(options: argparse.Namespace) -> None:
    from repro.runs import RunFolder
    from repro.tables import table

    print(table(RunFolder(options.study), options.name), end="")


def _export(options: argparse.Namespace) -> None:
    from repro.export import export
    from repro.progress import Progress
    from repro.runs import RunFolder

    export(RunFolder(options.study), options.folder, Progress("export anomaly maps", "cells"))


def _view(options: argparse.Namespace) -> None:
    from repro.runs import RunFolder
    from repro.serve import serve

    serve(RunFolder(options.study), options.port)


def _regression(options: argparse.Namespace) -> int:
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


def _distill(options: argparse.Namespace) -> None:
    from repro.distill.card import ship
    from repro.distill.train import Recipe, train

    recipe = Recipe()
    ship(recipe, train(recipe, options.folder / "checkpoint.pt"))


def _bench(options: argparse.Namespace) -> None:
    from repro.bench import bench, table
    from repro.runs import PROJECT_ROOT

    print(table(bench(options.measured, PROJECT_ROOT / "report")))


def _schema(options: argparse.Namespace) -> None:
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
