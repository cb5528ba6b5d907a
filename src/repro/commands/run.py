"""`repro reproduce`: all stages."""

import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from repro.arguments import ACCELERATOR, DEFAULTS, DEVICES, QDRANT, Options, argument, command, names, positive
from repro.workflow.choices import Choices

if TYPE_CHECKING:
    pass

from repro.commands.context import quiet


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

        quiet()
    return reproduce(Choices(**{one.name: getattr(options, one.name) for one in fields(Choices)}))
