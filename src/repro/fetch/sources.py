"""The table of files that can be fetched: addresses, hashes and folders. Does not import torch."""

import os
import tomllib
from functools import cache
from pathlib import Path

from pydantic import Field

from repro.errors import ReproError
from repro.records.base import Record
from repro.runs import PROJECT_ROOT

TABLE = Path(__file__).with_name("sources.toml")
#: Names of the command line that select several entries of the table.
GROUPS = {"weights": ("resnet18", "wide_resnet50_2")}
#: Folder of MVTec AD, relative to the project's root, without `--data-root` and this variable.
DEFAULT_ROOT = Path("datasets") / "MVTecAD"
ROOT_VARIABLE = "REPRO_DATA_ROOT"
#: Folder of the published study's result images, relative to the project's root.
ORIGINALS_ROOT = Path("datasets") / "published-panels"
#: anomalib's default.
IMAGENETTE = Path("datasets") / "imagenette"


class Hub(Record):
    """The repository of a file on a model hub; timm looks for it in the cache of the hub."""

    repository: str
    #: Commit of the repository.
    revision: str


class Source(Record):
    """One file to fetch."""

    name: str
    title: str
    #: Name of the file.
    file: str
    bytes: int
    #: SHA-256 in hex.
    sha256: str
    #: Source of bytes and SHA-256.
    known_from: str
    licence: str
    #: Web page for people.
    page: str
    #: Addresses for programs, tried in this order.
    urls: tuple[str, ...]
    #: SHA-256 of files in the archive by name, if known.
    content: dict[str, str] = Field(default_factory=dict)
    hub: Hub | None = None

    def folder(self) -> Path:
        """Folder in which anomalib or timm looks for the content; of MVTec AD, that without `--data-root`."""
        match self.name:
            case "mvtec":
                root = os.environ.get(ROOT_VARIABLE)
                return Path(root).resolve() if root else PROJECT_ROOT / DEFAULT_ROOT
            case "imagenette":
                return PROJECT_ROOT / IMAGENETTE
            case "teacher":
                return _teachers()
        assert self.hub is not None
        return hub_folder(self.hub.repository)

    def path(self, folder: Path | None = None) -> Path:
        """Path of the file itself, which is unpacked into `folder` unless it is of a hub."""
        folder = folder or self.folder()
        return folder / "blobs" / self.sha256 if self.hub else folder.parent / self.file

    def hint(self, path: Path | None = None) -> str:
        """Hint for an error message: how to get the file by hand."""
        return (
            f"put {self.file} from {self.page} (SHA-256 {self.sha256}) to {path or self.path()} and run "
            f"`nox -s fetch -- {self.name}`, or name a copy with its `--from`"
        )


@cache
def sources() -> dict[str, Source]:
    """Read the table, by name."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {name: Source(name=name, **entry) for name, entry in table.items()}


def source(name: str) -> Source:
    """Look up an entry; ReproError if the table has none of that name."""
    if name not in sources():
        raise ReproError("unknown source", where=name, hint=f"choose from {', '.join([*sources(), *GROUPS])}")
    return sources()[name]


def select(names: tuple[str, ...]) -> list[Source]:
    """Select entries by names or groups, each once; without names, all entries."""
    selected = [entry for name in names for entry in GROUPS.get(name, (name,))]
    return [source(name) for name in dict.fromkeys(selected or sources())]


def hub_folder(repository: str) -> Path:
    """Folder of a repository in the cache of huggingface_hub, by the current environment variables."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
    return cache / f"models--{repository.replace('/', '--')}"


def _teachers() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("anomalib") / "pre_trained" / "efficientad_pretrained_weights"
