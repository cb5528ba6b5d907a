"""Receptive field: computed and measured networks in, what the paper's section on them prints out."""

from dataclasses import dataclass

from repro.paper.trace import count
from repro.records.receptive_field import LayerRecord, NetworkRecord
from repro.records.results import Results

#: Key of the network whose table is in the text; the others' are in an appendix.
IN_TEXT = "small"


@dataclass(frozen=True)
class Network:
    """A table of layers."""

    key: str
    name: str
    #: Each layer as computed, and the width of its output as measured.
    rows: tuple[tuple[LayerRecord, int], ...]
    measured_field: int
    #: Whether measurement and formula agree on all widths, and on the receptive field.
    outputs_agree: bool
    field_agrees: bool


@dataclass(frozen=True)
class ReceptiveFieldSection:
    input_size: int
    text: tuple[Network, ...]
    appendix: tuple[Network, ...]
    count: int
    #: Networks for which measurement and formula disagree.
    outputs_differ: tuple[str, ...]
    fields_differ: tuple[str, ...]


def receptive_fields(results: Results) -> ReceptiveFieldSection:
    """Compare the measured networks with the formula."""
    record = results.receptive_field
    networks = [_network(key, network) for key, network in record.networks.items()]
    return ReceptiveFieldSection(
        input_size=record.input_size,
        text=tuple(network for network in networks if network.key == IN_TEXT),
        appendix=tuple(network for network in networks if network.key != IN_TEXT),
        count=count(record.networks),
        outputs_differ=tuple(network.name for network in networks if not network.outputs_agree),
        fields_differ=tuple(network.name for network in networks if not network.field_agrees),
    )


def _network(key: str, record: NetworkRecord) -> Network:
    return Network(
        key=key,
        name=f"{record.size} network {'with' if record.padding else 'without'} padding",
        rows=tuple(zip(record.layers, record.measured_outputs, strict=False)),
        measured_field=record.measured_receptive_field,
        outputs_agree=[layer.output for layer in record.layers] == list(record.measured_outputs),
        field_agrees=record.layers[-1].receptive_field == record.measured_receptive_field,
    )
