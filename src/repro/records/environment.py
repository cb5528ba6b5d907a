"""environment.json: the software and the machine behind a results.json."""

from typing import Literal

from repro.records.base import Record


class Environment(Record):
    """environment.json: the software and the machine behind a results.json; not part of the measurements."""

    schema_version: Literal[1]
    #: Commit of the project, with `+changes` where tracked files outside report/ differ from it; `unknown` outside git.
    commit: str
    python: str
    platform: str
    processor: str
    #: The devices that trained the cells, for example `cpu` or `cuda (NVIDIA A100)`.
    devices: tuple[str, ...]
    threads: int
    packages: dict[str, str]
    data_fingerprint: str
    #: `variant role` to SHA-256.
    weights: dict[str, str]
