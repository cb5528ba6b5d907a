"""The command line: arguments in, one call out; `calls` has what they call."""

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from repro import __version__, calls
from repro.errors import in_words
from repro.interrupt import STOPPED, promptly


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    0 where it went well, 1 where a guard or a metric failed, 2 where the input is bad or disk or memory did not
    suffice, 130 where it was interrupted.
    """
    options = _parser().parse_args(arguments)
    # Before their import: tqdm's bars are for terminals, ours for logs; timm warns of its own past.
    os.environ.setdefault("TQDM_MININTERVAL", "10")
    warnings.filterwarnings("ignore", category=FutureWarning)
    try:
        with _holding(options):
            result: int = options.call(options) or 0
            return result
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        return 130
    except Exception as error:
        told = in_words(error, " ".join([options.command, *filter(None, [getattr(options, "cell", None)])]))
        if told is None:
            raise
        print(f"error: {told}", file=sys.stderr)
        return 2


@contextmanager
def _holding(options: argparse.Namespace) -> Iterator[None]:
    if not options.writes:
        yield
        return
    from repro.runs import RunFolder, holding

    with promptly(), holding(RunFolder(options.study)):
        yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="repro",
        description="A results paper on visual anomaly detection that rebuilds itself. "
        "`reproduce` runs all stages; the others run one alone.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)

    reproduce = _add(commands, "reproduce", calls.reproduce, "run what is missing or out of date, up to the paper")
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
    reproduce.add_argument(
        "--dry-run", action="store_true", help="print cells, expected hours, disk and memory; start nothing"
    )
    reproduce.add_argument(
        "--check",
        type=int,
        nargs="?",
        const=int.from_bytes(os.urandom(4)),
        metavar="SEED",
        help="compute one finished cell, drawn at random, again in a temporary folder and compare",
    )
    reproduce.add_argument(
        "--profile",
        default="local",
        help="where the stages run: local, slurm, kubernetes or a folder of your own (default: %(default)s)",
    )
    reproduce.add_argument(
        "--keep-going",
        action="store_true",
        help="go on where a cell fails; the paper then marks it as missing, and the exit status is 1",
    )
    reproduce.add_argument(
        "--partial", action="store_true", help="train nothing: write the paper of the cells that are finished by now"
    )
    _add_device(reproduce)
    _add_qdrant(reproduce)

    for name, call, words in (
        ("fit", calls.fit, "train a cell"),
        ("predict", calls.predict, "run a trained cell on its test images"),
        ("score", calls.score, "compute the metrics of a cell"),
        ("retrieve", calls.retrieve, "search the test images of a cell for similar ones"),
    ):
        stage = _add(commands, name, call, words)
        _add_study(stage)
        stage.add_argument("--cell", required=True, help="variant/category/seedN, for example patchcore/grid/seed0")
        if name in ("fit", "predict"):
            _add_device(stage)
        if name == "retrieve":
            _add_qdrant(stage)

    for name, call, words in (
        ("data", calls.data, "draw or find the images of a study and check them"),
        ("receptive-field", calls.receptive_field, "compute and measure the receptive fields"),
        ("render", calls.render, "write paper.md, paper.pdf and paper.html"),
    ):
        _add_study(_add(commands, name, call, words))

    results = _add(commands, "results", calls.results, "gather results.json, environment.json and timings.json")
    _add_study(results)
    results.add_argument("--partial", action="store_true", help="of the cells that are finished; the rest is missing")

    figures = _add(commands, "figures", calls.figures, "draw the figures")
    _add_study(figures)
    figures.add_argument("--only", metavar="FILE", help="draw this one alone, for example metrics.svg")

    words = "name files that are altered, missing or stale; exit 1 where any is"
    _add_study(_add(commands, "verify", calls.verify, words), writes=False)

    table = _add(commands, "table", calls.table, "print one table of the paper as CSV")
    _add_study(table, writes=False)
    table.add_argument("name", help="as the paper's first appendix has it, for example scores")

    export = _add(commands, "export", calls.export, "write a crate with tables as CSV and anomaly maps as TIFF")
    _add_study(export, writes=False)
    export.add_argument("folder", type=Path, help="folder to make")

    view = _add(commands, "view", calls.view, "serve the paper's page on this machine")
    _add_study(view, writes=False)
    view.add_argument("--port", type=int, default=0, help="default: any that is free")

    verdicts = _add(commands, "verdicts", calls.verdicts, "judge the published claims")
    _add_study(verdicts)
    verdicts.add_argument(
        "--accept", action="store_true", help="make these verdicts those that may not change unnoticed"
    )

    guard = _add(commands, "guard", calls.guard, "assert what must hold of results.json; exit 1 where it does not")
    _add_study(guard)
    guard.add_argument("--keep-going", action="store_true", help="exit 0 all the same: the paper shows what failed")

    regression = _add(commands, "regression", calls.regression, "compare results.json with the committed baseline")
    _add_study(regression, writes=False)
    regression.add_argument("--baseline", type=Path, help="default: baselines/<study>.json")
    regression.add_argument("--markdown", type=Path, help="append the table to this file, for a CI summary")
    regression.add_argument("--accept", action="store_true", help="make the present results the baseline")

    fetch = _add(commands, "fetch", calls.fetch, "bring data sets and weights to where they are looked for")
    fetch.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="mvtec (5.3 GB), imagenette (1.6 GB), teacher (40 MB), resnet18 (47 MB), wide_resnet50_2 (276 MB), "
        "or weights for the last two (default: all); what is there is verified and left alone",
    )
    fetch.add_argument(
        "--from",
        dest="given",
        type=Path,
        metavar="PATH",
        help="take it from this archive or folder, not the internet: MVTec AD whole or a category of it, packed or "
        "not, or a folder with downloaded files",
    )
    fetch.add_argument(
        "--data-root", type=Path, help="where MVTec AD is to lie (default: $REPRO_DATA_ROOT, else datasets/MVTecAD)"
    )

    distill = _add(commands, "distill", calls.distill, "distil the teacher that comes with the package anew")
    distill.add_argument(
        "--folder",
        type=Path,
        default=Path("runs") / "distill",
        help="checkpoint.pt here is gone on from (default: %(default)s)",
    )

    bench = _add(commands, "bench", calls.bench, "pair what pytest-benchmark measured into report/bench.json")
    bench.add_argument("measured", type=Path, help="JSON file of pytest-benchmark; `nox -s bench` makes both")

    patches = _add(commands, "patches", calls.patches, "measure Qdrant among all patches, into report/patches.json")
    _add_study(patches)
    patches.add_argument(
        "--sizes", type=_sizes, default=(10_000, 100_000), help="vectors in a collection (default: 10000,100000)"
    )
    patches.add_argument("--qdrant-url", help="measure this Qdrant server, too")

    schema = _add(commands, "schema", calls.schema, "write the JSON Schemas of the result files")
    schema.add_argument("folder", type=Path)
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    call: Callable[[argparse.Namespace], int | None],
    words: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
    parser.set_defaults(call=call, writes=False)
    return parser


def _add_study(parser: argparse.ArgumentParser, writes: bool = True) -> None:
    """Of a command that works in a study's folders; of those that write there, one runs at a time."""
    parser.add_argument("--study", default="embedded", help="name of a study that was begun (default: %(default)s)")
    parser.set_defaults(writes=writes)


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


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(_positive(size) for size in _names(text))


def _devices(text: str) -> str:
    if text != "1" and not (text[:-1].isdigit() and text.endswith(",")):
        raise argparse.ArgumentTypeError(f"{text!r} is neither 1 nor like 2, (a cell trains on one device)")
    return text
