"""Resume an interrupted training after its last epoch with the same numbers as without the interruption."""

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

#: Least ratio of the training time between two saves to the duration of a save.
SAVE_INTERVAL = 50


class Resume(Callback):
    """Callback that saves EfficientAD's training at the ends of epochs and restores what Lightning does not.

    That is the state of all random number generators and the position in the pass over the penalty images. The files
    are Lightning's own checkpoints, so that its `ckpt_path` restores the rest.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._restored: dict[str, Any] | None = None
        self._cost, self._saved = 0.0, time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save, except after the last epoch and if the last save was too recent."""
        del pl_module
        begun = time.monotonic()
        if trainer.current_epoch + 1 == trainer.max_epochs or begun - self._saved < SAVE_INTERVAL * self._cost:
            return
        with writing(self._path) as temporary:
            trainer.save_checkpoint(temporary)
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
        """Restore random numbers before Lightning draws the order of the training images."""
        del trainer, pl_module
        if self._restored:
            _set_random_state(self._restored["random"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save random numbers before the model prepares itself, which an uninterrupted training does not repeat."""
        del trainer, pl_module
        if self._restored:
            self._restored["random"] = _random_state()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the pass over the penalty images, then the random numbers."""
        del trainer
        if self._restored:
            assert isinstance(pl_module, LeanEfficientAd)
            pl_module.restore_penalty(self._restored["penalty"])
            _set_random_state(self._restored["random"])
            self._restored = None


def usable(path: Path) -> Path | None:
    """Return the path if it is an intact checkpoint; deletes a damaged one and those of other trainings."""
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
    print(f"{path}: damaged ({damaged}), the training starts from the beginning", file=sys.stderr)
    path.unlink()
    return None


def _random_state() -> dict[str, Any]:
    # Without numpy arrays, so that the file can be read with `weights_only`.
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
        torch.cuda.set_rng_state_all([generator.cpu() for generator in state["cuda"]])
    if state["mps"] is not None:
        torch.mps.set_rng_state(state["mps"].cpu())
