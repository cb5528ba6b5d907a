"""What commands share: the folders, study and device that their options name."""

import logging
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar

from repro.arguments import Options

Result = TypeVar("Result")

if TYPE_CHECKING:
    from repro.models.engine import Device
    from repro.runs import Cell, RunFolder
    from repro.study import Study


def folder_of(options: Options) -> "RunFolder":
    """The folders of the study that is named."""
    from repro.runs import RunFolder

    return RunFolder(options.study)


def cell_of(options: Options) -> "Cell":
    """The cell that is named."""
    from repro.runs import Cell

    return Cell.from_key(options.cell)


def begun(options: Options) -> "tuple[RunFolder, Study]":
    """The folders of a study and the study as its run resolved it."""
    from repro.study import load_resolved

    folder = folder_of(options)
    return folder, load_resolved(folder)


def device_of(options: Options) -> "Device":
    """The device that is named."""
    from repro.models.engine import Device

    return Device(options.accelerator, options.devices)


def one_gpu(options: Options, folder: "RunFolder") -> AbstractContextManager[None]:
    """Hold a place on a GPU for a stage where there are several; enter it before CUDA is used."""
    from repro.gpus import gpus, one_of

    return one_of(gpus(options.accelerator, options.devices), folder)


def recorded(options: Options, stage: Callable[[], Result]) -> Result:
    """Run a stage, named like its command; keep the hashes of what it reads and writes, and what it took."""
    from repro.commands.timing import note
    from repro.hashes import recording
    from repro.pipeline import job

    of = job(folder_of(options), options.command, cell_of(options) if "cell" in options else None)
    with recording(of):
        result = stage()
    note(of.timing, options.started)
    return result


def quiet() -> None:
    """Silence what anomalib and Lightning say about themselves; what they say about the run stays.

    Called after their import, which sets the levels of their loggers.
    """
    for noisy in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning", "lightning_fabric"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("anomalib").setLevel(logging.ERROR)
    for module in (r"lightning", r"pytorch_lightning", r"timm", r"anomalib", r"torchvision", r"torch\.utils\.data"):
        warnings.filterwarnings("ignore", module=module)
