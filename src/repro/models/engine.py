"""anomalib's Engine and data modules with the settings that training and prediction share."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from anomalib.data import MVTecAD, Visa
from anomalib.data.datamodules.base.image import AnomalibDataModule
from anomalib.data.utils import ValSplitMode
from anomalib.engine import Engine
from torch.utils.data import DataLoader

from repro.data.pinned import Pinned
from repro.runs import ARRANGED, Cell, RunFolder, fingerprint, read_root

# As in the published study, one image a training step for every model.
TRAIN_BATCH = 1

# The fastest of 1, 2, 4 and 8 for EfficientAD on two cores: 0.7 s an image, against 1.0 s with 8.
EVAL_BATCH = 2


@dataclass(frozen=True)
class Device:
    """Accelerator and devices as arguments of Lightning's Trainer."""

    accelerator: str = "auto"
    devices: str = "1"


class HeldOut:
    """Mix-in for anomalib's data modules: the held-out training images are predicted after the test images."""

    def predict_dataloader(self) -> list[DataLoader[Any]]:
        """Return anomalib's loaders of both."""
        return [super().predict_dataloader(), super().val_dataloader()]  # type: ignore[misc]


def datamodule(folder: RunFolder, cell: Cell, held_out: float) -> AnomalibDataModule:
    """Create anomalib's data module for a cell's category of the images that the data stage recorded.

    `held_out` is the share of the training images, drawn by the cell's seed, that is kept for validation; with 0
    anomalib validates on the test images.
    """
    category = cell.category
    root = read_root(folder, hint=f"run `repro data --study {folder.study}` first")
    arranged = root.name == ARRANGED
    root, category = _in_ascii(root, category, root if arranged else folder.run / "links")
    # For a VisA folder that is already split, as the data stage writes it, anomalib expects the parent folder.
    kind, root = (Visa, root.parent) if arranged else (MVTecAD, root)
    if torch.cuda.is_available():
        kind = type(kind.__name__, (Pinned, kind), {})
    split = {}
    if held_out:
        kind = type(kind.__name__, (HeldOut, kind), {})
        split = {"val_split_mode": ValSplitMode.FROM_TRAIN, "val_split_ratio": held_out, "seed": cell.seed}
    return kind(
        root=root,
        category=category,
        train_batch_size=TRAIN_BATCH,
        eval_batch_size=EVAL_BATCH,
        # On a CPU the network needs all cores; beside a GPU all but one load images.
        num_workers=min(4, torch.get_num_threads() - 1) if torch.cuda.is_available() else 0,
        **split,
    )


def _in_ascii(root: Path, category: str, links: Path) -> tuple[Path, str]:
    """Return root and category in ASCII, as anomalib requires, through a link in the folder `links` if necessary.

    The root of a link is relative, so that it need not be ASCII itself.
    """
    if str(root / category).isascii():
        return root, category
    links.mkdir(parents=True, exist_ok=True)
    link = links / f"category-{fingerprint(str(root / category))[:16]}"
    # Cells of a category may be trained at the same time.
    with suppress(FileExistsError):
        link.symlink_to((root / category).resolve(), target_is_directory=True)
    return Path(os.path.relpath(links)), link.name


def engine_for(device: Device, scratch: Path, **trainer_arguments: Any) -> Engine:
    """Create an Engine that writes only to `scratch` and shows no progress."""
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
    """Call a method of an Engine; KeyboardInterrupt if it is interrupted, for which Lightning raises SystemExit."""
    try:
        method(**arguments)
    except SystemExit:
        raise KeyboardInterrupt from None
