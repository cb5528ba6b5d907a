"""Fit: one cell in, its checkpoint and fit.json out, through anomalib's Engine."""

import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from anomalib.data import MVTecAD
from anomalib.engine import Engine
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything

from repro.models.build import build
from repro.models.weights import describe
from repro.progress import Progress
from repro.runs import Cell, RunFolder, read_root, write_json, writing
from repro.study import Study, Variant

#: What decides the outcome of training.
PACKAGES = ("anomalib", "lightning", "numpy", "timm", "torch", "torchvision")
# As in the published study: one image a training step for both models.
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
    on standard error where it has none.
    """
    variant = study.variants[cell.variant]
    seed_everything(cell.seed, workers=True, verbose=False)
    weights = folder.run / "weights" / cell.variant
    model = build(variant, study.image_size, weights)
    scratch = folder.cell(cell) / "lightning"
    engine = engine_for(device, scratch, max_epochs=variant.epochs, callbacks=[_Steps(cell)], **_validation(variant))
    engine.fit(model=model, datamodule=datamodule(folder, cell.category))
    trainer = engine.trainer
    with writing(folder.cell(cell) / "checkpoint.ckpt") as beside:
        trainer.save_checkpoint(beside, weights_only=True)
    shutil.rmtree(scratch, ignore_errors=True)
    bank = getattr(model.model, "memory_bank", None)
    report = {
        "epochs_asked": variant.epochs,
        "epochs_run": trainer.current_epoch,
        "steps": trainer.global_step,
        "memory_bank": None if bank is None else {"patches": bank.shape[0], "dimension": bank.shape[1]},
        "efficientnet_modules": sum("efficientnet" in type(module).__name__.lower() for module in model.modules()),
        "weights": {role: record.model_dump() for role, record in describe(variant, weights / "penalty").items()},
        "packages": {name: version(name) for name in PACKAGES},
        "device": _device_name(trainer),
        "threads": torch.get_num_threads(),
    }
    write_json(folder.cell(cell) / "fit.json", report)


def datamodule(folder: RunFolder, category: str) -> MVTecAD:
    """anomalib's data module on the category's root, as its manifest names it."""
    root = read_root(folder, mend=f"run `repro data --study {folder.study}` first")
    return MVTecAD(
        root=root,
        category=category,
        train_batch_size=TRAIN_BATCH,
        eval_batch_size=EVAL_BATCH,
        num_workers=4 if torch.cuda.is_available() else 0,
    )


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


def _validation(variant: Variant) -> dict[str, Any]:
    """EfficientAD validates once, at the end, to set the quantiles that scale its maps; PatchCore has no need to.

    The quantiles come from a hook that reads all validation images before the first batch, so one batch is enough.
    """
    if variant.model == "efficientad":
        return {"check_val_every_n_epoch": variant.epochs, "limit_val_batches": 1}
    return {"limit_val_batches": 0}


def _device_name(trainer: Trainer) -> str:
    device = trainer.strategy.root_device
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type


class _Steps(Callback):
    """Tells progress through the training steps."""

    def __init__(self, cell: Cell) -> None:
        self._progress = Progress(f"fit {cell.key}", "steps")

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        del pl_module
        batches = int(trainer.num_training_batches)
        self._progress(trainer.current_epoch * batches + args[-1] + 1, (trainer.max_epochs or 1) * batches)
