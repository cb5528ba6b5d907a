"""Where weights come from; part of results.json."""

from repro.records.base import Record


class WeightsRecord(Record):
    """Where the weights or images of one role come from."""

    #: For example `random`, `official`, `timm`.
    kind: str
    description: str
    #: Of a package: its weights file. Of timm: names, types, shapes and values of the loaded tensors, in the order of
    #: the network's layers that are used. Of a teacher: names and values. Of images: the hashes of all, by their paths.
    #: None for weights drawn from the cell's seed.
    sha256: str | None
