"""The registry of commands, and the arguments that several share."""

import argparse
from collections.abc import Callable

from repro.workflow.choices import Choices

Options = argparse.Namespace
#: Adds one or more arguments to the parser of a command.
Add = Callable[[argparse.ArgumentParser], object]
Call = Callable[[Options], int | None]

DEFAULTS = Choices()
#: By name: what it calls, its arguments, and whether it writes to a study's folders.
COMMANDS: dict[str, tuple[Call, tuple[Add, ...], bool]] = {}


def command(*adds: Add, writes: bool = False) -> Callable[[Call], Call]:
    """Make a function a command of its name; of those with `writes`, one runs at a time in a study's folders."""

    def register(call: Call) -> Call:
        COMMANDS[call.__name__.replace("_", "-")] = call, adds, writes
        return call

    return register


def argument(*names: str, **settings: object) -> Add:
    """An argument as argparse takes it."""
    return lambda parser: parser.add_argument(*names, **settings)  # type: ignore[arg-type]


def names(text: str) -> tuple[str, ...]:
    """Comma-separated names."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def positive(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def devices(text: str) -> str:
    """One device, as Lightning takes it: `1`, or `N,` for the device numbered N."""
    if text != "1" and not (text[:-1].isdigit() and text.endswith(",")):
        raise argparse.ArgumentTypeError(f"{text!r} is neither 1 nor like 2, (a cell trains on one device)")
    return text


STUDY = argument("--study", default="embedded", help="name of a study that was begun (default: %(default)s)")
CELL = argument("--cell", required=True, help="variant/category/seedN, for example patchcore/grid/seed0")
ACCELERATOR = argument(
    "--accelerator",
    default=DEFAULTS.accelerator,
    choices=("auto", "cpu", "gpu", "mps"),
    help="for Lightning; trained cells are kept (default: %(default)s)",
)
DEVICES = argument(
    "--devices",
    default=DEFAULTS.devices,
    type=devices,
    help="for Lightning: 1, or N, for the device numbered N (default: %(default)s)",
)
QDRANT = argument("--qdrant-url", help="search on this Qdrant server (default: embedded)")
