"""Layers of anomalib's patch description networks, read from the modules and measured by running them."""

from typing import Any

import torch
from anomalib.models.image.efficient_ad.torch_model import (
    MediumPatchDescriptionNetwork,
    SmallPatchDescriptionNetwork,
)
from torch import nn

from repro.models.layers import Layer, fields
from repro.records.receptive_field import LayerRecord, NetworkRecord

CHANNELS = 384
#: Input size of the published table, in pixels, whatever size a study trains at.
INPUT_SIZE = 256
NETWORKS = {"small": SmallPatchDescriptionNetwork, "medium": MediumPatchDescriptionNetwork}


def record(size: str, padding: bool, input_size: int) -> NetworkRecord:
    """Record both computed and measured sizes of a network."""
    layers, outputs, support = describe(size, padding, input_size)
    rows = [
        LayerRecord(
            **vars(field.layer),
            output=field.output,
            jump=field.jump,
            receptive_field=field.receptive_field,
            start=field.start,
        )
        for field in fields(layers, input_size)
    ]
    return NetworkRecord.model_validate(
        {
            "size": size,
            "padding": padding,
            "layers": rows,
            "measured_outputs": outputs,
            "measured_receptive_field": support,
        }
    )


def describe(size: str, padding: bool, input_size: int) -> tuple[list[Layer], list[int], int]:
    """Run a network; returns its layers in order of execution, their output widths, and the width of a gradient.

    That is the width, over the larger side, of the nonzero gradient of a central output pixel to the input.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = NETWORKS[size](out_channels=CHANNELS, padding=padding).eval()
    # With positive weights and an input for which every ReLU is active, no gradient cancels or vanishes.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    layers: list[Layer] = []
    outputs: list[int] = []

    def hook(name: str, module: nn.Conv2d | nn.AvgPool2d, output: torch.Tensor) -> None:
        layers.append(_layer(name, module))
        outputs.append(output.shape[-1])

    for name, module in network.named_children():
        module.register_forward_hook(lambda module, _, output, name=name: hook(name, module, output))
    image = torch.full((1, 3, input_size, input_size), 10.0, requires_grad=True)
    output = network(image)
    middle = output.shape[-1] // 2
    (gradient,) = torch.autograd.grad(output[0, :, middle, middle].sum(), image)
    rows, columns = torch.nonzero(gradient[0].abs().sum(0), as_tuple=True)
    support = max(rows.max() - rows.min(), columns.max() - columns.min()) + 1
    return layers, outputs, int(support)


def _layer(name: str, module: nn.Conv2d | nn.AvgPool2d) -> Layer:
    dilation = _side(module.dilation) if isinstance(module, nn.Conv2d) else 1
    return Layer(name, _side(module.kernel_size), _side(module.stride), _side(module.padding), dilation)


def _side(value: Any) -> int:
    """Return the side of a square setting, which torch stores as a number or a pair."""
    height, width = value if isinstance(value, tuple) else (value, value)
    assert height == width, "the arithmetic is for square windows"
    return int(height)
