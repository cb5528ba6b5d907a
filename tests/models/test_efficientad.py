from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from anomalib.data import ImageBatch
from anomalib.models import EfficientAd
from lightning.pytorch import Trainer, seed_everything
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from repro.models.efficientad import LeanEfficientAd

SIDE = 256  # The autoencoder takes nothing smaller.


class _Logged:
    """Keeps what a step logs; without a trainer Lightning would warn."""

    def log(self, name: str, value: float, **how: bool) -> None:
        self.__dict__.setdefault("logged", []).append((name, value, how))


class Theirs(_Logged, EfficientAd):
    pass


class Ours(_Logged, LeanEfficientAd):
    pass


def model(kind: type[EfficientAd], normalised: bool = True, **arguments: Any) -> EfficientAd:
    """A model of anomalib's or ours with the weights of seed 3, and two penalty images to draw from."""
    seed_everything(3, verbose=False)
    off = {"pre_processor": False, "post_processor": False, "evaluator": False, "visualizer": False}
    made = kind(**arguments, **off).train()
    if normalised:
        shape = made.model.mean_std["mean"].shape
        made.model.mean_std.update({"mean": 0.02 * torch.randn(shape), "std": 0.01 + 0.02 * torch.rand(shape)})
    images = TensorDataset(torch.rand(2, 3, SIDE, SIDE), torch.zeros(2))
    made.imagenet_loader = DataLoader(images, batch_size=1, shuffle=True)
    made.imagenet_iterator = iter(made.imagenet_loader)
    return made


def thin(made: EfficientAd) -> EfficientAd:
    """A sixteenth of the channels between input and output of every network, for speed."""
    seed_everything(4, verbose=False)
    whole = made.model
    kept = {3, whole.teacher_out_channels, 2 * whole.teacher_out_channels}
    for network in (whole.teacher, whole.student, whole.ae.encoder, whole.ae.decoder):
        for name, conv in list(network.named_children()):
            if isinstance(conv, nn.Conv2d):
                widths = [n if n in kept else n // 16 for n in (conv.in_channels, conv.out_channels)]
                setattr(network, name, nn.Conv2d(*widths, conv.kernel_size, conv.stride, conv.padding))
    return made


def batches() -> Iterator[ImageBatch]:
    """Three images again and again, as in epochs."""
    images = torch.rand(3, 1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5))
    while True:
        yield from (ImageBatch(image=image) for image in images)


def gradients(made: EfficientAd) -> dict[str, Tensor]:
    """What one step from the random state of seed 6 gives the parameters, by name."""
    seed_everything(6, verbose=False)
    made.training_step(next(batches()))["loss"].backward()
    return {name: one.grad for name, one in made.named_parameters() if one.grad is not None}


def distance(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


def assert_steps_agree(theirs: EfficientAd, ours: EfficientAd) -> None:
    expected = gradients(theirs)
    state = torch.get_rng_state()
    found = gradients(ours)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(expected) == len(list(theirs.model.student.parameters())) + len(list(theirs.model.ae.parameters()))
    assert found.keys() == expected.keys()
    assert max(distance(found[name], expected[name]) for name in expected) < 1e-5
    assert [(name, how) for name, _, how in ours.logged] == [(name, how) for name, _, how in theirs.logged]
    assert [value for _, value, _ in ours.logged] == pytest.approx([value for _, value, _ in theirs.logged], rel=1e-5)


@pytest.mark.parametrize(
    ("size", "padding", "normalised"),
    [
        ("small", False, True),
        ("small", True, True),
        ("medium", False, True),
        ("medium", True, True),
        ("small", False, False),
    ],
)
def test_losses_gradients_and_random_state_are_anomalibs(size: str, padding: bool, normalised: bool) -> None:
    arguments = {"model_size": size, "padding": padding, "normalised": normalised, "teacher_out_channels": 24}
    assert_steps_agree(*(thin(model(kind, **arguments)) for kind in (Theirs, Ours)))


def test_losses_and_gradients_are_anomalibs_at_full_width() -> None:
    assert_steps_agree(model(Theirs), model(Ours))


def test_training_gives_anomalibs_weights() -> None:
    trained = []
    for kind in (Theirs, Ours):
        made = thin(model(kind, teacher_out_channels=24))
        parameters = [*made.model.student.parameters(), *made.model.ae.parameters()]
        optimiser = torch.optim.Adam(parameters, lr=made.lr, weight_decay=made.weight_decay)
        seed_everything(7, verbose=False)
        # More steps than penalty images, so that these are drawn again.
        for batch, _ in zip(batches(), range(5), strict=False):
            optimiser.zero_grad()
            made.training_step(batch)["loss"].backward()
            optimiser.step()
        trained.append(made)
    start = thin(model(Theirs, teacher_out_channels=24)).state_dict()
    theirs, ours = (made.state_dict() for made in trained)
    moved = {name for name in start if not torch.equal(start[name], theirs[name])}
    assert moved == {name for name in start if name.startswith(("model.student.", "model.ae."))}
    # Adam moves a weight by about the learning rate, 1e-4, a step whatever the gradient's size.
    assert max(float((ours[name] - theirs[name]).abs().max()) for name in theirs) < 1e-6


def test_the_teacher_sees_a_training_image_once() -> None:
    made = thin(model(Ours, teacher_out_channels=24))
    seen: list[Tensor] = []
    made.model.teacher.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    for batch, _ in zip(batches(), range(6), strict=False):
        made.training_step(batch)
    originals = [batch.image for batch, _ in zip(batches(), range(3), strict=False)]
    assert [sum(torch.equal(image, original) for image in seen) for original in originals] == [1, 1, 1]
    assert len(seen) == 3 + 6


def test_a_checkpoint_is_one_of_anomalibs(tmp_path: Path) -> None:
    ours = model(LeanEfficientAd, model_size="small", padding=True, teacher_out_channels=16, lr=2e-4)
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_model_summary=False)
    trainer.strategy.connect(ours)
    trainer.save_checkpoint(tmp_path / "checkpoint.ckpt", weights_only=True)
    loaded = EfficientAd.load_from_checkpoint(tmp_path / "checkpoint.ckpt", map_location="cpu")
    assert type(loaded) is EfficientAd
    assert dict(loaded.hparams) == dict(ours.hparams)
    assert loaded.lr == 2e-4
    expected = ours.state_dict()
    assert loaded.state_dict().keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in loaded.state_dict().items())
