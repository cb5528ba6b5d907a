"""Engine: anomalib's Engine and data modules, set up alike for training and prediction."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from anomalib.data import MVTecAD, Visa
from anomalib.data.datamodules.base.image import AnomalibDataModule
from anomalib.engine import Engine

from repro.data.pinned import Pinned
from repro.runs import ARRANGED, RunFolder, fingerprint, read_root

# As in the published study: one image a training step for every model.
TRAIN_BATCH = 1

# Of 1, 2, 4 and 8 the fastest for EfficientAD on two cores: 0.7 s an image, against 1.0 s with 8.
EVAL_BATCH = 2


@dataclass(frozen=True)
class Device:
    """Where Lightning computes; `devices` as its Trainer takes them."""

    accelerator: str = "auto"
    devices: str = "1"


def datamodule(folder: RunFolder, category: str) -> AnomalibDataModule:
    """anomalib's data module on the category's root, as the data stage names it."""
    root = read_root(folder, hint=f"run `repro data --study {folder.study}` first")
    arranged = root.name == ARRANGED
    root, category = _in_ascii(root, category, root if arranged else folder.run / "links")
    # Of a VisA folder that is split already, as the data stage leaves one, anomalib asks for the folder above.
    kind, root = (Visa, root.parent) if arranged else (MVTecAD, root)
    if torch.cuda.is_available():
        kind = type(kind.__name__, (Pinned, kind), {})
    return kind(
        root=root,
        category=category,
        train_batch_size=TRAIN_BATCH,
        eval_batch_size=EVAL_BATCH,
        num_workers=4 if torch.cuda.is_available() else 0,
    )


def _in_ascii(root: Path, category: str, links: Path) -> tuple[Path, str]:
    """Root and category under names that anomalib takes, which refuses others than ASCII, but follows links.

    Relative, so that it does not matter where the project lies; the link is made in `links`.
    """
    if str(root / category).isascii():
        return root, category
    links.mkdir(parents=True, exist_ok=True)
    link = links / f"category-{fingerprint(str(root / category))[:16]}"
    # Cells of a category may be trained side by side.
    with suppress(FileExistsError):
        link.symlink_to((root / category).resolve(), target_is_directory=True)
    return Path(os.path.relpath(links)), link.name


def engine_for(device: Device, scratch: Path, **trainer_arguments: Any) -> Engine:
    """An Engine that writes to `scratch` only and leaves progress to us."""
    return Engine(
        default_root_dir=scratch,
        accelerator=device.accelerator,
        devices=device.devices,
        deterministic="warn",
        enable_progress_bar=False,
        enable_model_summary=False,
        logger=False,
        **trainer_arguments,
    )


def engine_run(method: Callable[..., Any], **arguments: Any) -> None:
    """Call a method of an Engine; where it is interrupted, Lightning ends the process with 1 instead of saying so."""
    try:
        method(**arguments)
    except SystemExit:
        raise KeyboardInterrupt from None
