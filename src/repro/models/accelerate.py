"""Accelerate: networks made faster on a GPU, and in bfloat16 where a study asks for it; a CPU computes as before."""

from collections.abc import Iterable
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from repro.models.registry import Model


class Accelerate(Callback):
    """Prepares a model's networks once it is known where they run.

    On a CUDA device their weights are stored channels last, which its convolutions take without reordering. With
    `precision` bf16 the networks compute in bfloat16; what they give is float32 again, so that losses, memory banks,
    distances and scores are in full precision.
    """

    def __init__(self, entry: Model, precision: str) -> None:
        self._entry, self._precision = entry, precision

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        del trainer
        self._prepare(pl_module)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        del trainer
        self._prepare(pl_module)

    def _prepare(self, module: LightningModule) -> None:
        networks = self._entry.networks(module)
        device = module.device.type
        if device == "cuda":
            channels_last(networks)
        if self._precision == "bf16":
            in_bfloat16(networks, device)


def channels_last(networks: Iterable[nn.Module]) -> None:
    """Store the weights of convolutions channels last; no value changes."""
    for network in networks:
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def in_bfloat16(networks: Iterable[nn.Module], device: str) -> None:
    """Let networks compute in bfloat16 and give float32: a tensor, or tensors by name."""
    for network in networks:
        network.forward = torch.autocast(device, torch.bfloat16)(network.forward)
        network.register_forward_hook(_in_float32)


def _in_float32(network: nn.Module, inputs: Any, output: Any) -> Tensor | dict[str, Tensor]:
    del network, inputs
    if isinstance(output, dict):
        return {name: values.float() for name, values in output.items()}
    return output.float()
