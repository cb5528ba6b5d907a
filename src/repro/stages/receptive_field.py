"""Receptive field: compute and measure the layers of the patch description networks."""

from repro.models.pdn import INPUT_SIZE, NETWORKS, record
from repro.records.receptive_field import ReceptiveFieldRecord
from repro.runs import RunFolder, write_json


def receptive_field(folder: RunFolder) -> None:
    """Compute and measure all four networks; write receptive_field.json to the run folder."""
    networks = {
        size + ("-padded" if padding else ""): record(size, padding, INPUT_SIZE)
        for size in NETWORKS
        for padding in (False, True)
    }
    content = ReceptiveFieldRecord(input_size=INPUT_SIZE, networks=networks)
    write_json(folder.receptive_field, content.model_dump(mode="json"))
