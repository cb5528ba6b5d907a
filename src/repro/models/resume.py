"""Resume: the training of a cell continues after its last epoch with the same numbers as one that never stopped."""

import random
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from repro.models.efficientad import LeanEfficientAd
from repro.runs import writing

#: Times that saving took which training must take before the next: what saving may cost is one part in so many.
SHARE = 50


class Resume(Callback):
    """Saves EfficientAD's training at the ends of its epochs, and sets what Lightning does not restore.

    That is the state of all random numbers and the place in the pass over the penalty images. The files are Lightning's
    own, so that its `ckpt_path` restores the rest.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._restored: dict[str, Any] | None = None
        self._cost, self._saved = 0.0, time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save, but not after the last epoch, whose end is the cell's, and no more often than is cheap."""
        del pl_module
        begun = time.monotonic()
        if trainer.current_epoch + 1 == trainer.max_epochs or begun - self._saved < SHARE * self._cost:
            return
        with writing(self._path) as beside:
            trainer.save_checkpoint(beside)
        self._saved = time.monotonic()
        self._cost = self._saved - begun

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        del trainer
        assert isinstance(pl_module, LeanEfficientAd)
        checkpoint["resume"] = {"random": _random_state(), "penalty": pl_module.penalty_state()}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        del trainer, pl_module
        self._restored = checkpoint["resume"]

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Before Lightning begins the pass over the training images, whose order it draws."""
        del trainer, pl_module
        if self._restored:
            _set_random_state(self._restored["random"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Before the model prepares itself again, which an uninterrupted training would not do here."""
        del trainer, pl_module
        if self._restored:
            self._restored["random"] = _random_state()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        del trainer
        if self._restored:
            assert isinstance(pl_module, LeanEfficientAd)
            pl_module.restore_penalty(self._restored["penalty"])
            _set_random_state(self._restored["random"])
            self._restored = None


def begun(path: Path) -> Path | None:
    """The file to go on from, if it is there and whole."""
    for other in path.parent.glob("resume-*"):
        if other != path:
            other.unlink()
    if not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile as error:
        damaged = str(error)
    if damaged is None:
        return path
    print(f"{path}: damaged ({damaged}); the cell is trained from its beginning", file=sys.stderr)
    path.unlink()
    return None


def _random_state() -> dict[str, Any]:
    # Without arrays of numpy, so that the file can be read without trusting it.
    kind, keys, *rest = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        "numpy": (kind, [int(key) for key in keys], *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "mps": torch.mps.get_rng_state() if torch.backends.mps.is_available() else None,
    }


def _set_random_state(state: dict[str, Any]) -> None:
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), *rest))
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"]:
        torch.cuda.set_rng_state_all([one.cpu() for one in state["cuda"]])
    if state["mps"] is not None:
        torch.mps.set_rng_state(state["mps"].cpu())
