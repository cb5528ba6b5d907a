import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from anomalib.data import ImageBatch
from lightning.pytorch import Callback, LightningDataModule, Trainer, seed_everything
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader

from repro.models import resume
from repro.models.efficientad import LeanEfficientAd
from repro.models.resume import Resume, usable

SIDE = 256  # The autoencoder's smallest input.
EPOCHS, IMAGES = 3, 2


class Images(LightningDataModule):
    """Random images in random order, one a batch."""

    train_batch_size = 1

    def train_dataloader(self) -> DataLoader[Any]:
        images = list(torch.rand(IMAGES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5)))
        return DataLoader(images, batch_size=1, shuffle=True, collate_fn=self._batch)

    @staticmethod
    def _batch(images: list[torch.Tensor]) -> ImageBatch:
        return ImageBatch(image=torch.stack(images))


class Thin(LeanEfficientAd):
    """EfficientAD with a sixteenth of the hidden channels of every network, for speed."""

    def __init__(self, penalty: Path) -> None:
        off = {"pre_processor": False, "post_processor": False, "evaluator": False, "visualizer": False}
        super().__init__(imagenet_dir=penalty, **off)
        networks = self.model
        kept = {3, networks.teacher_out_channels, 2 * networks.teacher_out_channels}
        for network in (networks.teacher, networks.student, networks.ae.encoder, networks.ae.decoder):
            for name, conv in list(network.named_children()):
                if isinstance(conv, nn.Conv2d):
                    widths = [n if n in kept else n // 16 for n in (conv.in_channels, conv.out_channels)]
                    setattr(network, name, nn.Conv2d(*widths, conv.kernel_size, conv.stride, conv.padding))

    def prepare_pretrained_model(self) -> None:
        """Leave the teacher random."""


class Stop(Callback):
    """Ends a training in the middle of an epoch, as a killed process does."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, trainer: Trainer, *others: Any) -> None:
        if trainer.current_epoch == self._epoch:
            raise SystemError("killed")


def train(penalty: Path, file: Path, stop: int | None = None) -> dict[str, Any]:
    """Train, from the file if it exists; returns the final checkpoint of Lightning."""
    seed_everything(7, verbose=False)
    model = Thin(penalty)
    trainer = Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        callbacks=[Resume(file), *([] if stop is None else [Stop(stop)])],
    )
    trainer.fit(model, datamodule=Images(), ckpt_path=usable(file), weights_only=False)
    last = file.with_name("end.ckpt")
    trainer.save_checkpoint(last)
    return torch.load(last, weights_only=False)


def differences(first: Any, second: Any, path: str = "") -> list[str]:
    """List the paths of unequal values in nested containers."""
    if isinstance(first, torch.Tensor):
        return [] if torch.equal(first, second) else [path]
    if isinstance(first, dict):
        keys = [] if first.keys() == second.keys() else [path]
        return keys + [name for key in first for name in differences(first[key], second.get(key), f"{path}/{key}")]
    if isinstance(first, list | tuple):
        pairs = zip(first, second, strict=True)
        return [name for key, (a, b) in enumerate(pairs) for name in differences(a, b, f"{path}/{key}")]
    return [] if first == second else [path]


@pytest.fixture(scope="module")
def penalty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three penalty images: a pass over them ends in the middle of an epoch."""
    folder = tmp_path_factory.mktemp("penalty")
    (folder / "images").mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
    return folder


@pytest.mark.filterwarnings("ignore")
def test_a_training_killed_twice_ends_with_the_same_bits(
    penalty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "SAVE_INTERVAL", 0)
    uninterrupted = train(penalty, tmp_path / "uninterrupted" / "resume-a.ckpt")
    file = tmp_path / "killed" / "resume-a.ckpt"
    for epoch in (1, 2):
        with pytest.raises(SystemError, match="killed"):
            train(penalty, file, stop=epoch)
    again = train(penalty, file)
    # Other parts count the repeated epoch twice.
    assert differences(uninterrupted["state_dict"], again["state_dict"]) == []
    for part in ("optimizer_states", "lr_schedulers", "resume", "epoch", "global_step"):
        assert differences(uninterrupted[part], again[part]) == [], part
    assert uninterrupted["global_step"] == EPOCHS * IMAGES


def test_a_damaged_file_or_that_of_another_training_is_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, other = tmp_path / "resume-a.ckpt", tmp_path / "resume-b.ckpt"
    shutil.make_archive(str(tmp_path / "intact"), "zip", Path(__file__).parents[1], "smoke.py")
    content = (tmp_path / "intact.zip").read_bytes()
    other.write_bytes(content)
    assert usable(ours) is None
    assert not other.exists()
    ours.write_bytes(content)
    assert usable(ours) == ours
    ours.write_bytes(content[: len(content) // 2])
    assert usable(ours) is None
    assert "resume-a.ckpt: damaged" in capsys.readouterr().err
    assert not ours.exists()
