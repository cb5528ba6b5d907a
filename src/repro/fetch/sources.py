"""Sources: the table of what can be fetched in, each file's addresses, hash and place out. Needs no torch."""

import os
import tomllib
from functools import cache
from pathlib import Path

from pydantic import Field

from repro.errors import ReproError
from repro.records.base import Record
from repro.runs import PROJECT_ROOT

TABLE = Path(__file__).with_name("sources.toml")
#: What one word of the command line stands for, where that is not one entry of the table.
GROUPS = {"weights": ("resnet18", "wide_resnet50_2")}
#: Where MVTec AD lies, from the project's root, where neither `--data-root` nor this variable says otherwise.
DEFAULT_ROOT = Path("datasets") / "MVTecAD"
ROOT_VARIABLE = "REPRO_DATA_ROOT"
#: Where the published study's result images lie, from the project's root.
ORIGINALS_ROOT = Path("datasets") / "published-panels"
#: anomalib's default.
IMAGENETTE = Path("datasets") / "imagenette"


class Hub(Record):
    """A file of a model hub, which timm looks for in the hub's own cache."""

    repository: str
    #: Commit of the repository.
    revision: str


class Source(Record):
    """One file to fetch."""

    name: str
    title: str
    #: Its name.
    file: str
    bytes: int
    #: SHA-256 in hex.
    sha256: str
    #: Who states bytes and SHA-256.
    known_from: str
    licence: str
    #: Where a person finds it.
    page: str
    #: Where a program finds it, in the order in which they are tried.
    urls: tuple[str, ...]
    #: SHA-256 of files within the archive, by name, where that is known.
    content: dict[str, str] = Field(default_factory=dict)
    hub: Hub | None = None

    def folder(self) -> Path:
        """Where anomalib or timm looks for its content; of MVTec AD, where it is not said with `--data-root`."""
        match self.name:
            case "mvtec":
                said = os.environ.get(ROOT_VARIABLE)
                return Path(said).resolve() if said else PROJECT_ROOT / DEFAULT_ROOT
            case "imagenette":
                return PROJECT_ROOT / IMAGENETTE
            case "teacher":
                return _teachers()
        assert self.hub is not None
        return hub_folder(self.hub.repository)

    def place(self, folder: Path | None = None) -> Path:
        """Where the file itself is kept, until it is unpacked into `folder`, or for good."""
        folder = folder or self.folder()
        return folder / "blobs" / self.sha256 if self.hub else folder.parent / self.file

    def hint(self, place: Path | None = None) -> str:
        """What a user without the file can do, for the end of an error line."""
        return (
            f"put {self.file} from {self.page} (SHA-256 {self.sha256}) to {place or self.place()} and run "
            f"`nox -s fetch -- {self.name}`, or name a copy with its `--from`"
        )


@cache
def sources() -> dict[str, Source]:
    """The table, by name."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {name: Source(name=name, **entry) for name, entry in table.items()}


def source(name: str) -> Source:
    """The entry of that name; ReproError where the table has none."""
    if name not in sources():
        raise ReproError("is not known", where=name, hint=f"choose from {', '.join([*sources(), *GROUPS])}")
    return sources()[name]


def chosen(names: tuple[str, ...]) -> list[Source]:
    """The entries that the words of a command line stand for, each once; all of the table where there are none."""
    wanted = [entry for name in names for entry in GROUPS.get(name, (name,))]
    return [source(name) for name in dict.fromkeys(wanted or sources())]


def hub_folder(repository: str) -> Path:
    """Where huggingface_hub keeps a repository's files, by the variables that are set now."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
    return cache / f"models--{repository.replace('/', '--')}"


def _teachers() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("anomalib") / "pre_trained" / "efficientad_pretrained_weights"
