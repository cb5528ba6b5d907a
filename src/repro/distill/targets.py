"""Distillation targets: features of EfficientNet-Lite0 at the output positions of the patch description network (PDN).

As in section 3.1 and the appendix of the EfficientAD paper (arXiv 2303.14535), with another backbone than
WideResNet-101: features of two strides of a backbone that sees the image at twice the size, pooled over 3 x 3, sampled
on one grid, pooled to 384 channels, each normalised to mean 0 and variance 1.
"""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional
from torchvision.transforms.v2 import Normalize

from repro.models import lite0

CHANNELS = 384
#: Distance between the output centres of the small PDN without padding, and the first centre, in pixels; derived in
#: `repro.models.layers` (jump 4, receptive field 33).
JUMP, FIRST = 4, 16.0
#: Layers whose outputs are the features: the first 1 x 1 convolution of a stage widens the map of the previous stage.
LAYERS = {"blocks.3.0.bn1": "240 channels, stride 8", "blocks.5.0.bn1": "672 channels, stride 16"}


class Targets:
    """Feature targets; `normalise` must have been called before `__call__`."""

    def __init__(self) -> None:
        # Half the time on a CPU.
        network = lite0.load().to(memory_format=torch.channels_last)
        self._normalised = Normalize(network.default_cfg["mean"], network.default_cfg["std"])
        self._stem = nn.Sequential(network.conv_stem, network.bn1, *network.blocks[:3])
        fourth, fifth, sixth = network.blocks[3], network.blocks[4], network.blocks[5]
        self._first = nn.Sequential(fourth[0].conv_pw, fourth[0].bn1)
        self._middle = nn.Sequential(fourth, fifth)
        self._second = nn.Sequential(sixth[0].conv_pw, sixth[0].bn1)
        self.mean = torch.zeros(CHANNELS)
        self.std = torch.ones(CHANNELS)

    def normalise(self, batches: Iterable[torch.Tensor]) -> None:
        """Compute mean and standard deviation of each channel over batches of crops."""
        raw = [self.raw(crops, output_size(crops.shape[-1])) for crops in batches]
        values = torch.cat(raw).movedim(1, 0).flatten(1)
        self.mean, self.std = values.mean(1), values.std(1)

    def __call__(self, crops: torch.Tensor, outputs: int, offset: float = 0.0) -> torch.Tensor:
        """Compute normalised targets [B, 384, outputs, outputs] of crops [B, 3, H, H] in 0..1.

        `outputs` is the width of the PDN's map, `offset` the position of its input in the crop, in pixels.
        """
        raw = self.raw(crops, outputs, offset)
        return (raw - self.mean[:, None, None]) / self.std[:, None, None]

    def raw(self, crops: torch.Tensor, outputs: int, offset: float = 0.0) -> torch.Tensor:
        """Compute targets as `__call__` does, without normalisation."""
        with torch.no_grad():
            return self._raw(crops, outputs, offset)

    def _raw(self, crops: torch.Tensor, outputs: int, offset: float) -> torch.Tensor:
        side = crops.shape[-1]
        crops = crops.contiguous(memory_format=torch.channels_last)
        large = functional.interpolate(crops, scale_factor=2, mode="bilinear", align_corners=False)
        stem = self._stem(self._normalised(large))
        centres = offset + FIRST + JUMP * torch.arange(outputs) + 0.5
        positions = centres * 2 / side - 1
        grid = torch.stack(torch.meshgrid(positions, positions, indexing="xy"), -1).expand(len(crops), -1, -1, -1)
        maps = [
            functional.grid_sample(
                functional.avg_pool2d(features, 3, stride=1, padding=1, count_include_pad=False),
                grid,
                padding_mode="border",
                align_corners=False,
            )
            for features in (self._first(stem), self._second(self._middle(stem)))
        ]
        joined = torch.cat(maps, 1).flatten(2).movedim(1, 2)
        pooled = functional.adaptive_avg_pool1d(joined, CHANNELS)
        return pooled.movedim(2, 1).unflatten(2, (outputs, outputs))


def output_size(side: int) -> int:
    """Width of the map of the small PDN without padding for an input of width `side`."""
    return (side - 33) // JUMP + 1
