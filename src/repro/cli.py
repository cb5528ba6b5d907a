"""The command line: arguments in, one command called; exit statuses and last words are decided here."""

import argparse
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import repro.commands  # noqa: F401  registers them
from repro import __version__
from repro.arguments import COMMANDS
from repro.errors import in_words
from repro.workflow.interrupt import STOPPED, promptly
from repro.workflow.preloaded import ask


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    0 where it went well, 1 where a guard or a metric failed, 2 where the input is bad or disk or memory did not
    suffice, 130 where it was interrupted.
    """
    started = time.monotonic()
    if arguments is None:
        in_utf8()
    options = _parser().parse_args(arguments)
    if options.root is not None:
        # Read where `repro.runs` is imported, and by the stages.
        os.environ["REPRO_ROOT"] = str(options.root.resolve())
    options.started = started
    status = ask(sys.argv[1:] if arguments is None else arguments)
    if status is not None:
        return status
    call, _, writes = COMMANDS[options.command]
    # Before their import: tqdm's bars are for terminals, ours for logs; timm warns of its own past.
    os.environ.setdefault("TQDM_MININTERVAL", "10")
    warnings.filterwarnings("ignore", category=FutureWarning)
    try:
        with _lock(options.study) if writes else nullcontext():
            return call(options) or 0
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        return 130
    except Exception as error:
        message = in_words(error, " ".join([options.command, *filter(None, [getattr(options, "cell", None)])]))
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        return 2


def in_utf8() -> None:
    """Start again in UTF-8 mode where the locale has another encoding: file names and texts may hold any character."""
    if sys.getfilesystemencoding() != "utf-8":
        command = [os.fsencode(word) for word in (sys.executable, "-m", "repro", *sys.argv[1:])]
        os.execve(sys.executable, command, os.environ | {"PYTHONUTF8": "1"})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="repro",
        description="A results paper on visual anomaly detection that rebuilds itself. "
        "`reproduce` runs all stages; the others run one alone.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "--root",
        type=Path,
        help="folder that runs, report and datasets lie in (default: $REPRO_ROOT, else the clone of the project that "
        "this program is in, else the current folder)",
    )
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for name, (call, adds, _) in COMMANDS.items():
        text = " ".join((call.__doc__ or "").split())
        one = commands.add_parser(name, help=text[0].lower() + text[1:].rstrip("."), description=text)
        for add in adds:
            add(one)
    return parser


@contextmanager
def _lock(study: str) -> Iterator[None]:
    from repro.runs import RunFolder, lock

    with promptly(), lock(RunFolder(study)):
        yield
