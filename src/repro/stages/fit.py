"""Fit: train a cell with anomalib's Engine."""

import shutil
import sys
from importlib.metadata import version
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything

from repro.models.accelerate import Accelerate
from repro.models.build import build
from repro.models.engine import Device, datamodule, engine_for, engine_run
from repro.models.registry import MODELS
from repro.models.resume import Resume, usable
from repro.models.weights import describe
from repro.pipeline import BY_NAME
from repro.progress import Progress
from repro.records.training import FitRecord
from repro.runs import Cell, RunFolder, fingerprint, read_json, sha256, write_json, writing
from repro.study import Study

#: Packages that decide the outcome of training.
PACKAGES = ("anomalib", "lightning", "numpy", "timm", "torch", "torchvision")


def fit(folder: RunFolder, study: Study, cell: Cell, device: Device) -> None:
    """Train a cell and write `checkpoint.ckpt` and `fit.json`, a FitRecord, to its folder.

    Weights and order of images follow from the cell's seed; deterministic algorithms are on, and torch warns on
    standard error where it has none. An interrupted training of EfficientAD resumes after its last epoch.
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
    data = datamodule(folder, cell, variant.held_out)
    engine_run(engine.fit, model=model, datamodule=data, ckpt_path=resume and usable(resume))
    trainer = engine.trainer
    with writing(folder.cell(cell) / "checkpoint.ckpt") as temporary:
        trainer.save_checkpoint(temporary, weights_only=True)
    shutil.rmtree(scratch, ignore_errors=True)
    bank = getattr(model.model, "memory_bank", None)
    record = FitRecord(
        epochs_asked=variant.epochs,
        epochs_run=trainer.current_epoch,
        steps=trainer.global_step,
        memory_bank=_size(bank) if isinstance(bank, torch.Tensor) else None,
        efficientnet_modules=sum("efficientnet" in type(module).__name__.lower() for module in model.modules()),
        weights=loaded,
        packages={name: version(name) for name in PACKAGES},
        device=_device_name(trainer),
        threads=torch.get_num_threads(),
    )
    write_json(folder.cell(cell) / "fit.json", record.model_dump(mode="json"))
    if resume:
        resume.unlink(missing_ok=True)


def _size(bank: torch.Tensor) -> dict[str, int]:
    return {"patches": bank.shape[0], "dimension": bank.shape[1]}


def _identity(folder: RunFolder, study: Study, cell: Cell, device: Device) -> str:
    """Fingerprint of everything that decides a training; a training resumes only where it is equal."""
    content = {
        "variant": study.variants[cell.variant].model_dump(mode="json", exclude={"seeds", "protocol"}),
        "image_size": study.image_size,
        "cell": cell.key,
        "images": read_json(folder.manifest(cell.category), hint=f"run `repro data --study {folder.study}` first"),
        "packages": {name: version(name) for name in PACKAGES},
        "device": [device.accelerator, device.devices, torch.cuda.is_available(), torch.get_num_threads()],
        "code": [sha256(path) for path in BY_NAME["fit"].code],
    }
    return fingerprint(content)[:16]


def _device_name(trainer: Trainer) -> str:
    device = trainer.strategy.root_device
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type


class _Steps(Callback):
    """Reports progress through the training steps."""

    def __init__(self, cell: Cell) -> None:
        self._name, self._before = f"fit {cell.key}", 0
        self._progress = Progress(self._name, "steps")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        del pl_module
        if trainer.current_epoch:
            self._before = trainer.current_epoch * int(trainer.num_training_batches)
            print(f"{self._name}: resumes after epoch {trainer.current_epoch} of {trainer.max_epochs}", file=sys.stderr)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        del pl_module
        batches = int(trainer.num_training_batches)
        done = trainer.current_epoch * batches + args[-1] + 1
        self._progress(done - self._before, (trainer.max_epochs or 1) * batches - self._before)
