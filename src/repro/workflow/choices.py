"""What the command line says of a run; defaults live here alone."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Choices:
    """The options of `repro reproduce`."""

    #: Name or path of the study; None: `mvtec` where its images are on disk, else `embedded`.
    study: str | None = None
    data_root: Path | None = None
    #: Instead of the study's; none: the study's own.
    categories: tuple[str, ...] = ()
    #: A key of `repro.pipeline.TARGETS`.
    until: str = "paper"
    #: As Lightning takes them.
    accelerator: str = "auto"
    devices: str = "1"
    #: Of a Qdrant server; None: the embedded engine.
    qdrant_url: str | None = None
    #: None: all.
    cores: int | None = None
    #: Seed that draws the cell to compute again; None: reproduce.
    check: int | None = None
    dry_run: bool = False
    profile: str = "local"
    keep_going: bool = False
    partial: bool = False
