"""ImageNet weights of EfficientNet-Lite0 from a Python package, for machines without the internet."""

from pathlib import Path

import timm
import torch
from torch import nn

from repro.errors import ReproError
from repro.models.shipped import LITE0, LITE0_PACKAGE, lite0_file


def load() -> nn.Module:
    """Load timm's `tf_efficientnet_lite0` in evaluation mode with the package's ImageNet weights.

    Raises ReproError as `fill` does.
    """
    network = timm.create_model(LITE0, pretrained=False)
    fill(network)
    return network.eval()


def fill(network: nn.Module) -> None:
    """Load the ImageNet weights into timm's network or its feature extractor.

    The package names tensors as in Google's release, timm in its own way; the order is the same, and each shape is
    checked. Raises ReproError if the package is missing or its file is not that of the release.
    """
    expected = timm.create_model(LITE0, pretrained=False).state_dict()
    state = state_for(expected, lite0_file())
    network.load_state_dict({name: state[name] for name in network.state_dict()})


def state_for(expected: dict[str, torch.Tensor], path: Path) -> dict[str, torch.Tensor]:
    """Read the file's tensors under the names of `expected`, in the same order; ReproError if a shape differs."""
    stored = torch.load(path, map_location="cpu", weights_only=True)
    hint = f"install {LITE0_PACKAGE}==0.1.0 and a timm with the same network"
    if len(stored) != len(expected):
        raise ReproError(f"holds {len(stored)} tensors, {LITE0} has {len(expected)}", where=path, hint=hint)
    for (theirs, tensor), (ours, like) in zip(stored.items(), expected.items(), strict=True):
        if tensor.shape != like.shape:
            what = f"{theirs} has shape {tuple(tensor.shape)}, {ours} of {LITE0} has {tuple(like.shape)}"
            raise ReproError(what, where=path, hint=hint)
    return dict(zip(expected, stored.values(), strict=True))
