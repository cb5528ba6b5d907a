"""EfficientAD: anomalib's training step, number for number, without what no loss reads and what was computed before.

The student gives 2C channels for every image (C = 384): the first C imitate the teacher, the last C the autoencoder.
Of the three images of a step each loss reads one half only, yet anomalib computes both halves of all three, forward
and backward. And the teacher never changes: its maps of the training images, which anomalib computes for its channel
statistics and again in every epoch, are kept. With C = 384, 256-pixel images and the small networks, a step costs 219
billion multiply-adds there and 159 billion here; the maps take 4.8 MB an image.
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

#: Share of the distances that the hard feature loss leaves out.
HARD = 0.999


class LeanEfficientAd(EfficientAd):
    """anomalib's EfficientAD with a cheaper training step; all else, checkpoints included, is anomalib's."""

    imagenet_iterator: Iterator[list[Tensor]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: The teacher's maps, as they leave it, by digest of the image.
        self._seen: dict[bytes, Tensor] = {}
        #: Penalty images drawn of the present pass over them, and torch's random state before the first was.
        self._drawn, self._order = 0, torch.empty(0)

    def on_train_start(self) -> None:
        """Prepare as anomalib does, and keep the maps that the teacher computes for its channel statistics."""
        keeping = self.model.teacher.register_forward_hook(self._keep)
        super().on_train_start()
        keeping.remove()
        self._drawn = 0

    def on_train_end(self) -> None:
        """Let go of the maps."""
        self._seen.clear()

    def _keep(self, teacher: nn.Module, inputs: tuple[Tensor, ...], maps: Tensor) -> None:
        del teacher
        self._seen[_digest(inputs[0])] = maps

    def _maps(self, images: Tensor) -> Tensor:
        digest = _digest(images)
        if digest not in self._seen:
            with torch.no_grad():
                self._seen[digest] = self.model.teacher(images)
        return self._seen[digest]

    def _penalty(self) -> Tensor:
        """The next penalty image, (1, 3, H, W); the pass over them goes on from epoch to epoch."""
        if self._drawn == len(self.imagenet_loader):
            self.imagenet_iterator, self._drawn = iter(self.imagenet_loader), 0
        if not self._drawn:
            self._order = torch.get_rng_state()
        self._drawn += 1
        return next(self.imagenet_iterator)[0]

    def penalty_state(self) -> dict[str, Any]:
        """Where the pass over the penalty images is."""
        return {"drawn": self._drawn, "order": self._order}

    def restore_penalty(self, state: dict[str, Any]) -> None:
        """Go to that place, without loading the images before it; torch's random state is another afterwards."""
        dataset = self.imagenet_loader.dataset
        read, transform = dataset.loader, dataset.transform
        self.imagenet_iterator = iter(self.imagenet_loader)
        torch.set_rng_state(state["order"])
        dataset.loader, dataset.transform = (lambda _: 0), None
        for _ in range(state["drawn"]):
            next(self.imagenet_iterator)
        dataset.loader, dataset.transform = read, transform
        self._drawn, self._order = state["drawn"], state["order"]

    def training_step(self, batch: Batch, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """The loss of one image and one penalty image.

        Source: anomalib 2.7, `EfficientAd.training_step`.
        """
        del args, kwargs
        penalty = self._penalty().to(self.device)
        loss_st, loss_ae, loss_stae = losses(self.model, batch.image, self._maps(batch.image), penalty)
        loss = loss_st + loss_ae + loss_stae
        for name, value in {"st": loss_st, "ae": loss_ae, "stae": loss_stae, "loss": loss}.items():
            self.log(f"train_{name}", value.item(), on_epoch=True, prog_bar=True, logger=True)
        return {"loss": loss}


def losses(model: EfficientAdModel, images: Tensor, maps: Tensor, penalty: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Losses of student against teacher, autoencoder against teacher, and student against autoencoder.

    `images` and `penalty` have shape (N, 3, H, W) and values in [0, 1]; `maps`, (N, C, H', W'), are the teacher's of
    `images`. The losses are scalars: means of squared
    differences of feature maps whose channels the teacher's mean and standard deviation have made unitless.

    Source: Batzner, Heckler, König, arXiv 2303.14535, section 3, as in anomalib 2.7, `EfficientAdModel.forward`. The
    losses and gradients are anomalib's: an output channel of the last convolution depends on no other, one that no
    loss reads adds zeros to the gradients, and random numbers are drawn in the same order.
    """
    channels = model.teacher_out_channels
    first, last = slice(None, channels), slice(channels, None)

    distance = reduce_tensor_elems((_normalised(model, maps) - _student(model, images, first)) ** 2)
    hard = distance[distance >= torch.quantile(distance, HARD)]
    loss_st = hard.mean() + (_student(model, penalty, first) ** 2).mean()

    augmented = model.choose_random_aug_image(images)
    with torch.no_grad():
        target = _normalised(model, model.teacher(augmented))
    reconstruction = model.ae(augmented, images.shape[-2:])
    loss_ae = ((target - reconstruction) ** 2).mean()
    loss_stae = ((reconstruction - _student(model, augmented, last)) ** 2).mean()
    return loss_st, loss_ae, loss_stae


def _normalised(model: EfficientAdModel, maps: Tensor) -> Tensor:
    """The teacher's feature maps, (N, C, H', W'), normalised by channel once mean and deviation are known."""
    if not model.is_set(model.mean_std):
        return maps
    return (maps - model.mean_std["mean"].detach()) / model.mean_std["std"].detach()


def _student(model: EfficientAdModel, images: Tensor, channels: slice) -> Tensor:
    """Some channels of the student's feature maps, (N, C, H', W'); gradients reach the whole parameters."""
    name, layer = [child for child in model.student.named_children() if isinstance(child[1], nn.Conv2d)][-1]
    part = {f"{name}.weight": layer.weight[channels], f"{name}.bias": layer.bias[channels]}
    return functional_call(model.student, part, (images,))


def _digest(images: Tensor) -> bytes:
    return hashlib.sha256(images.detach().cpu().contiguous().numpy()).digest()
