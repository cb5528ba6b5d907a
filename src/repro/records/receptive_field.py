"""Receptive fields of the patch description networks; part of results.json."""

from typing import Literal

from repro.records.base import Record


class LayerRecord(Record):
    name: str
    kernel: int
    stride: int
    padding: int
    dilation: int
    #: Width of the square output, jump and receptive field in input pixels, centre of the first output pixel.
    output: int
    jump: int
    receptive_field: int
    start: float


class NetworkRecord(Record):
    """One patch description network, layer by layer, and what running it showed."""

    size: Literal["small", "medium"]
    padding: bool
    layers: tuple[LayerRecord, ...]
    #: Output widths that forward hooks saw, in the order of `layers`.
    measured_outputs: tuple[int, ...]
    #: Width of the support of the gradient of one central output pixel with respect to the input.
    measured_receptive_field: int


class ReceptiveFieldRecord(Record):
    input_size: int
    #: `small`, `small-padded`, `medium`, `medium-padded`.
    networks: dict[str, NetworkRecord]
