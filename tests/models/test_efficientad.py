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

SIDE = 256  # The autoencoder's smallest input.


class _Logged:
    """Records what a step logs; without a trainer Lightning would warn."""

    def log(self, name: str, value: float, **how: bool) -> None:
        self.__dict__.setdefault("logged", []).append((name, value, how))


class Theirs(_Logged, EfficientAd):
    pass


class Ours(_Logged, LeanEfficientAd):
    pass


def model(kind: type[EfficientAd], normalised: bool = True, **arguments: Any) -> EfficientAd:
    """Create a model with the weights of seed 3 and two penalty images."""
    seed_everything(3, verbose=False)
    off = {"pre_processor": False, "post_processor": False, "evaluator": False, "visualizer": False}
    module = kind(**arguments, **off).train()
    if normalised:
        shape = module.model.mean_std["mean"].shape
        module.model.mean_std.update({"mean": 0.02 * torch.randn(shape), "std": 0.01 + 0.02 * torch.rand(shape)})
    images = TensorDataset(torch.rand(2, 3, SIDE, SIDE), torch.zeros(2))
    module.imagenet_loader = DataLoader(images, batch_size=1, shuffle=True)
    module.imagenet_iterator = iter(module.imagenet_loader)
    return module


def thin(module: EfficientAd) -> EfficientAd:
    """Reduce the hidden channels of every network to a sixteenth, for speed."""
    seed_everything(4, verbose=False)
    networks = module.model
    kept = {3, networks.teacher_out_channels, 2 * networks.teacher_out_channels}
    for network in (networks.teacher, networks.student, networks.ae.encoder, networks.ae.decoder):
        for name, conv in list(network.named_children()):
            if isinstance(conv, nn.Conv2d):
                widths = [n if n in kept else n // 16 for n in (conv.in_channels, conv.out_channels)]
                setattr(network, name, nn.Conv2d(*widths, conv.kernel_size, conv.stride, conv.padding))
    return module


def batches() -> Iterator[ImageBatch]:
    """Repeat three images endlessly, as in epochs."""
    images = torch.rand(3, 1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5))
    while True:
        yield from (ImageBatch(image=image) for image in images)


def gradients(module: EfficientAd) -> dict[str, Tensor]:
    """Compute the gradients of a step with seed 6, by parameter."""
    seed_everything(6, verbose=False)
    module.training_step(next(batches()))["loss"].backward()
    return {name: parameter.grad for name, parameter in module.named_parameters() if parameter.grad is not None}


def distance(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


def assert_steps_agree(theirs: EfficientAd, ours: EfficientAd) -> None:
    expected = gradients(theirs)
    state = torch.get_rng_state()
    actual = gradients(ours)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(expected) == len(list(theirs.model.student.parameters())) + len(list(theirs.model.ae.parameters()))
    assert actual.keys() == expected.keys()
    assert max(distance(actual[name], expected[name]) for name in expected) < 1e-5
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
        module = thin(model(kind, teacher_out_channels=24))
        parameters = [*module.model.student.parameters(), *module.model.ae.parameters()]
        optimiser = torch.optim.Adam(parameters, lr=module.lr, weight_decay=module.weight_decay)
        seed_everything(7, verbose=False)
        # More steps than penalty images, so that these are drawn again.
        for batch, _ in zip(batches(), range(5), strict=False):
            optimiser.zero_grad()
            module.training_step(batch)["loss"].backward()
            optimiser.step()
        trained.append(module)
    start = thin(model(Theirs, teacher_out_channels=24)).state_dict()
    theirs, ours = (module.state_dict() for module in trained)
    moved = {name for name in start if not torch.equal(start[name], theirs[name])}
    assert moved == {name for name in start if name.startswith(("model.student.", "model.ae."))}
    # A step of Adam changes a weight by about the learning rate, 1e-4, whatever the gradient's size.
    assert max(float((ours[name] - theirs[name]).abs().max()) for name in theirs) < 1e-6


def test_the_teacher_sees_a_training_image_once() -> None:
    module = thin(model(Ours, teacher_out_channels=24))
    seen: list[Tensor] = []
    module.model.teacher.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    for batch, _ in zip(batches(), range(6), strict=False):
        module.training_step(batch)
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
