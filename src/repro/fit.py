"""Fit: one cell in, its checkpoint and fit.json out, through anomalib's Engine."""

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from anomalib.data import MVTecAD, Visa
from anomalib.data.datamodules.base.image import AnomalibDataModule
from anomalib.engine import Engine
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything

from repro import models
from repro.data.pinned import Pinned
from repro.models.accelerate import Accelerate
from repro.models.build import build
from repro.models.registry import MODELS
from repro.models.weights import describe
from repro.progress import Progress
from repro.resume import Resume, begun
from repro.runs import ARRANGED, Cell, RunFolder, fingerprint, read_json, read_root, sha256, write_json, writing
from repro.study import Study

#: What decides the outcome of training.
PACKAGES = ("anomalib", "lightning", "numpy", "timm", "torch", "torchvision")
# As in the published study: one image a training step for every model.
TRAIN_BATCH = 1
# Of 1, 2, 4 and 8 the fastest for EfficientAD on two cores: 0.7 s an image, against 1.0 s with 8.
EVAL_BATCH = 2


@dataclass(frozen=True)
class Device:
    """Where Lightning computes; `devices` as its Trainer takes them."""

    accelerator: str = "auto"
    devices: str = "1"


def fit(folder: RunFolder, study: Study, cell: Cell, device: Device) -> None:
    """Train a cell and leave `checkpoint.ckpt` and `fit.json` in its folder.

    Weights and order of images follow from the cell's seed; deterministic algorithms are on, and torch warns
    on standard error where it has none. An interrupted training of EfficientAD goes on from its last epoch.
    """
    variant = study.variants[cell.variant]
    seed_everything(cell.seed, workers=True, verbose=False)
    weights = folder.weights(cell.variant)
    model = build(variant, study.image_size, weights)
    loaded = describe(variant, model, weights / "penalty")
    scratch = folder.cell(cell) / "lightning"
    entry = MODELS[variant.model]
    callbacks: list[Callback] = [Accelerate(variant.model), _Steps(cell)]
    resume = None
    if variant.model == "efficientad":
        resume = folder.cell(cell) / f"resume-{_identity(folder, study, cell, device)}.ckpt"
        callbacks.append(Resume(resume))
    engine = engine_for(device, scratch, max_epochs=variant.epochs, callbacks=callbacks, **entry.trainer(variant))
    data = datamodule(folder, cell.category)
    engine_run(engine.fit, model=model, datamodule=data, ckpt_path=resume and begun(resume))
    trainer = engine.trainer
    with writing(folder.cell(cell) / "checkpoint.ckpt") as beside:
        trainer.save_checkpoint(beside, weights_only=True)
    shutil.rmtree(scratch, ignore_errors=True)
    bank = getattr(model.model, "memory_bank", None)
    report = {
        "epochs_asked": variant.epochs,
        "epochs_run": trainer.current_epoch,
        "steps": trainer.global_step,
        "memory_bank": _size(bank) if isinstance(bank, torch.Tensor) else None,
        "efficientnet_modules": sum("efficientnet" in type(module).__name__.lower() for module in model.modules()),
        "weights": {role: record.model_dump() for role, record in loaded.items()},
        "packages": {name: version(name) for name in PACKAGES},
        "device": _device_name(trainer),
        "threads": torch.get_num_threads(),
    }
    write_json(folder.cell(cell) / "fit.json", report)
    if resume:
        resume.unlink(missing_ok=True)


def _size(bank: torch.Tensor) -> dict[str, int]:
    return {"patches": bank.shape[0], "dimension": bank.shape[1]}


def datamodule(folder: RunFolder, category: str) -> AnomalibDataModule:
    """anomalib's data module on the category's root, as the data stage names it."""
    root = read_root(folder, mend=f"run `repro data --study {folder.study}` first")
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


def _identity(folder: RunFolder, study: Study, cell: Cell, device: Device) -> str:
    """Fingerprint of all that a training must share with the one it goes on from to have its numbers."""
    code = [Path(__file__), *sorted(Path(models.__file__).parent.glob("*.py"))]
    content = {
        "variant": study.variants[cell.variant].model_dump(mode="json", exclude={"seeds", "protocol"}),
        "image_size": study.image_size,
        "cell": cell.key,
        "images": read_json(folder.manifest(cell.category), mend=f"run `repro data --study {folder.study}` first"),
        "packages": {name: version(name) for name in PACKAGES},
        "device": [device.accelerator, device.devices, torch.cuda.is_available(), torch.get_num_threads()],
        "code": [sha256(path) for path in code],
    }
    return fingerprint(content)[:16]


def _device_name(trainer: Trainer) -> str:
    device = trainer.strategy.root_device
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type


class _Steps(Callback):
    """Tells progress through the training steps."""

    def __init__(self, cell: Cell) -> None:
        self._what, self._before = f"fit {cell.key}", 0
        self._progress = Progress(self._what, "steps")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        del pl_module
        if trainer.current_epoch:
            self._before = trainer.current_epoch * int(trainer.num_training_batches)
            print(f"{self._what}: goes on after epoch {trainer.current_epoch} of {trainer.max_epochs}", file=sys.stderr)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        del pl_module
        batches = int(trainer.num_training_batches)
        done = trainer.current_epoch * batches + args[-1] + 1
        self._progress(done - self._before, (trainer.max_epochs or 1) * batches - self._before)
