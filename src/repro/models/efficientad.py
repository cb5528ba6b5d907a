"""EfficientAD with anomalib's training step, equal up to rounding, without redundant computation.

The student outputs 2C channels for every image (C = 384): the first C imitate the teacher, the last C the autoencoder.
Each loss reads only one half for each of the three images of a step, but anomalib computes both halves, forward and
backward. The teacher does not change, so its maps of the training images, which anomalib computes for its channel
statistics and again in every epoch, are cached. With C = 384, 256-pixel images and the small networks, a step costs 219
billion multiply-adds in anomalib and 159 billion here; the maps take 4.8 MB an image.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
from anomalib.data import Batch
from anomalib.models import EfficientAd
from anomalib.models.image.efficient_ad.torch_model import EfficientAdModel, reduce_tensor_elems
from torch import Tensor, nn
from torch.func import functional_call

#: Quantile of the distances above which they count in the hard feature loss.
HARD_QUANTILE = 0.999


class LeanEfficientAd(EfficientAd):
    """anomalib's EfficientAD with a cheaper training step and the same checkpoints."""

    imagenet_iterator: Iterator[list[Tensor]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Outputs of the teacher by image: its digest, or on a GPU, which would have to wait for that, its path.
        self._teacher_maps: dict[bytes | str, Tensor] = {}
        #: Number of penalty images drawn in the current pass over them, and torch's random state before the first.
        self._penalty_position, self._penalty_rng_state = 0, torch.empty(0)

    def on_train_start(self) -> None:
        """Prepare as anomalib does and cache the maps that the teacher computes for its channel statistics."""
        hook = None if self.device.type == "cuda" else self.model.teacher.register_forward_hook(self._store)
        super().on_train_start()
        if hook:
            hook.remove()
        self._penalty_position = 0

    def on_train_end(self) -> None:
        """Free the cached maps."""
        self._teacher_maps.clear()

    def _store(self, teacher: nn.Module, inputs: tuple[Tensor, ...], maps: Tensor) -> None:
        del teacher
        self._teacher_maps[_digest(inputs[0])] = maps

    def _maps(self, batch: Batch) -> Tensor:
        images = batch.image
        key = "\n".join(batch.image_path or ()) if images.is_cuda else _digest(images)
        if not key:
            return self.model.teacher(images).detach()
        if key not in self._teacher_maps:
            with torch.no_grad():
                self._teacher_maps[key] = self.model.teacher(images)
        return self._teacher_maps[key]

    def _next_penalty(self) -> Tensor:
        """Draw the next penalty image, (1, 3, H, W); a pass over them continues across epochs."""
        if self._penalty_position == len(self.imagenet_loader):
            self.imagenet_iterator, self._penalty_position = iter(self.imagenet_loader), 0
        if not self._penalty_position:
            self._penalty_rng_state = torch.get_rng_state()
        self._penalty_position += 1
        return next(self.imagenet_iterator)[0]

    def penalty_state(self) -> dict[str, Any]:
        """Return the position in the pass over the penalty images, for `restore_penalty`."""
        return {"drawn": self._penalty_position, "order": self._penalty_rng_state}

    def restore_penalty(self, state: dict[str, Any]) -> None:
        """Restore the position without loading the images before it; changes torch's random state."""
        dataset = self.imagenet_loader.dataset
        loader, transform = dataset.loader, dataset.transform
        self.imagenet_iterator = iter(self.imagenet_loader)
        torch.set_rng_state(state["order"])
        dataset.loader, dataset.transform = (lambda _: 0), None
        for _ in range(state["drawn"]):
            next(self.imagenet_iterator)
        dataset.loader, dataset.transform = loader, transform
        self._penalty_position, self._penalty_rng_state = state["drawn"], state["order"]

    def training_step(self, batch: Batch, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Compute the loss of an image and a penalty image.

        Source: anomalib 2.7, `EfficientAd.training_step`.
        """
        del args, kwargs
        penalty = self._next_penalty().to(self.device)
        loss_st, loss_ae, loss_stae = losses(self.model, batch.image, self._maps(batch), penalty)
        loss = loss_st + loss_ae + loss_stae
        for name, value in {"st": loss_st, "ae": loss_ae, "stae": loss_stae, "loss": loss}.items():
            # anomalib logs numbers, for which a GPU would have to finish the step.
            self.log(f"train_{name}", value.detach(), on_epoch=True, prog_bar=True, logger=True)
        return {"loss": loss}


def losses(model: EfficientAdModel, images: Tensor, maps: Tensor, penalty: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the losses of student against teacher, autoencoder against teacher, and student against autoencoder.

    `images` and `penalty` have shape (N, 3, H, W) and values in [0, 1]; `maps`, (N, C, H', W'), are the teacher's of
    `images`. The losses are scalars: mean squared differences of feature maps, normalised by the teacher's mean and
    standard deviation of each channel.

    Source: Batzner, Heckler, König, arXiv 2303.14535, section 3, as in anomalib 2.7, `EfficientAdModel.forward`. Losses
    and gradients are anomalib's: output channels of the last convolution are independent, channels that no loss reads
    add zeros to the gradients, and random numbers are drawn in the same order.
    """
    channels = model.teacher_out_channels
    first, last = slice(None, channels), slice(channels, None)

    distance = reduce_tensor_elems((_normalised(model, maps) - _student(model, images, first)) ** 2)
    hard = distance[distance >= torch.quantile(distance, HARD_QUANTILE)]
    loss_st = hard.mean() + (_student(model, penalty, first) ** 2).mean()

    augmented = model.choose_random_aug_image(images)
    with torch.no_grad():
        target = _normalised(model, model.teacher(augmented))
    reconstruction = model.ae(augmented, images.shape[-2:])
    loss_ae = ((target - reconstruction) ** 2).mean()
    loss_stae = ((reconstruction - _student(model, augmented, last)) ** 2).mean()
    return loss_st, loss_ae, loss_stae


def _normalised(model: EfficientAdModel, maps: Tensor) -> Tensor:
    """Normalise feature maps of the teacher, (N, C, H', W'), by channel, if mean and standard deviation are set."""
    if not model.is_set(model.mean_std):
        return maps
    return (maps - model.mean_std["mean"].detach()) / model.mean_std["std"].detach()


def _student(model: EfficientAdModel, images: Tensor, channels: slice) -> Tensor:
    """Compute some channels of the student's feature maps, (N, C, H', W'), with gradients of the full parameters."""
    name, layer = [child for child in model.student.named_children() if isinstance(child[1], nn.Conv2d)][-1]
    last_layer = {f"{name}.weight": layer.weight[channels], f"{name}.bias": layer.bias[channels]}
    return functional_call(model.student, last_layer, (images,))


def _digest(images: Tensor) -> bytes:
    return hashlib.sha256(images.detach().cpu().contiguous().numpy()).digest()
