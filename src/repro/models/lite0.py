"""ImageNet weights of EfficientNet-Lite0 from a registry package, for machines without the internet."""

from pathlib import Path

import timm
import torch
from torch import nn

from repro.errors import ReproError
from repro.models.shipped import LITE0, LITE0_PACKAGE, lite0_file


def load() -> nn.Module:
    """timm's `tf_efficientnet_lite0` in evaluation mode with the package's ImageNet weights.

    Raises ReproError as `fill` does.
    """
    network = timm.create_model(LITE0, pretrained=False)
    fill(network)
    return network.eval()


def fill(network: nn.Module) -> None:
    """Put the ImageNet weights into timm's network, or into the part of it that extracts features.

    The package names tensors as in Google's release, timm in its own way; both list them in the same order, and the
    shape of each is checked. Raises ReproError where the package is missing, or its file is not that of the release.
    """
    whole = timm.create_model(LITE0, pretrained=False).state_dict()
    state = state_for(whole, lite0_file())
    network.load_state_dict({name: state[name] for name in network.state_dict()})


def state_for(wanted: dict[str, torch.Tensor], path: Path) -> dict[str, torch.Tensor]:
    """The file's tensors under the names of `wanted`, in whose order they are; ReproError where a shape differs."""
    stored = torch.load(path, map_location="cpu", weights_only=True)
    hint = f"install {LITE0_PACKAGE}==0.1.0 and a timm with the same network"
    if len(stored) != len(wanted):
        raise ReproError(f"holds {len(stored)} tensors, {LITE0} has {len(wanted)}", where=path, hint=hint)
    for (theirs, tensor), (ours, like) in zip(stored.items(), wanted.items(), strict=True):
        if tensor.shape != like.shape:
            fault = f"{theirs} has shape {tuple(tensor.shape)}, {ours} of {LITE0} has {tuple(like.shape)}"
            raise ReproError(fault, where=path, hint=hint)
    return dict(zip(wanted, stored.values(), strict=True))
