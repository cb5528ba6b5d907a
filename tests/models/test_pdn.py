import pytest

from repro.models.pdn import record


@pytest.mark.parametrize("size", ["small", "medium"])
@pytest.mark.parametrize("padding", [True, False])
def test_arithmetic_agrees_with_the_network_as_it_runs(size: str, padding: bool) -> None:
    network = record(size, padding, 128)
    assert network.measured_outputs == tuple(layer.output for layer in network.layers)
    assert network.measured_receptive_field == network.layers[-1].receptive_field == 33


def test_layers_are_in_order_of_execution() -> None:
    names = [layer.name for layer in record("small", False, 64).layers]
    assert names == ["conv1", "avgpool1", "conv2", "avgpool2", "conv3", "conv4"]
