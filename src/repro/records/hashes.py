"""The record of what a stage read and wrote, one file a stage and cell; `repro verify` reads them."""

from repro.records.base import Record


class StageHashes(Record):
    """SHA-256 of the files of one stage, by path: relative to the project where they lie in it."""

    #: What makes these files again.
    command: str
    #: What was there when the stage began.
    inputs: dict[str, str]
    #: What the stage left; empty while it is at work, and where it was killed.
    outputs: dict[str, str]
    #: Fingerprint of all of the above: a record that was altered accuses no file.
    fingerprint: str
