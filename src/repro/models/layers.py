"""Receptive-field arithmetic: output sizes, jumps and receptive fields of a list of layers. Standard library only.

Formulas: Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019,
doi 10.23915/distill.00021; output sizes as PyTorch's `Conv2d` and `AvgPool2d` define them.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A square convolution or pooling layer."""

    name: str
    kernel: int
    stride: int
    padding: int
    dilation: int = 1


@dataclass(frozen=True)
class Field:
    """Geometry of a layer's output pixels, in input pixels unless stated otherwise."""

    layer: Layer
    #: Width of the layer's square output, in output pixels.
    output: int
    #: Distance between the centres of neighbouring output pixels.
    jump: int
    #: Width of the input window that an output pixel depends on.
    receptive_field: int
    #: Centre of the first output pixel; the centre of the first input pixel is 0.5.
    start: float


def fields(layers: Iterable[Layer], input_size: int) -> list[Field]:
    """Compute the field of each of `layers`, applied in order to a square input of `input_size` pixels.

    Raises ValueError if the window of a layer does not fit into its input.
    """
    table = []
    output, jump, field, start = input_size, 1, 1, 0.5
    for layer in layers:
        reach = layer.dilation * (layer.kernel - 1)
        if reach >= output + 2 * layer.padding:
            raise ValueError(f"{layer.name}: a window of {reach + 1} does not fit into {output} + 2 x {layer.padding}")
        output = (output + 2 * layer.padding - reach - 1) // layer.stride + 1
        start += (reach / 2 - layer.padding) * jump
        field += reach * jump
        jump *= layer.stride
        table.append(Field(layer, output, jump, field, start))
    return table
