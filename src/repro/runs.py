"""Where the files of a study lie, and how they are written: beside their name, then renamed."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from repro.errors import UNWRITABLE, ReproError, unwritable
from repro.records.base import SCHEMA_VERSION, fault
from repro.records.coherence import faults

RecordType = TypeVar("RecordType", bound=BaseModel)

#: Names the folder that the folders `runs`, `report` and `datasets` lie in; `--root` sets it.
ROOT_VARIABLE = "REPRO_ROOT"


def _root() -> Path:
    """The folder that is named, else the clone that this file is in, else the current folder."""
    named = os.environ.get(ROOT_VARIABLE)
    clone = Path(__file__).resolve().parents[2]
    if named:
        return Path(named).resolve()
    return clone if (clone / "pyproject.toml").is_file() else Path.cwd()


PROJECT_ROOT = _root()
#: What anomalib calls a VisA folder that is split into training and test images.
ARRANGED = "visa_pytorch"
#: Prefix of files that are being written; where their writer was killed, they remain.
WRITING = ".writing-"
#: Environment variable of stages that a run started: the study whose lock the run holds.
LOCKED = "REPRO_HELD"


@dataclass(frozen=True)
class Cell:
    """One model variant on one category with one seed: the unit of training."""

    variant: str
    category: str
    seed: int

    @property
    def key(self) -> str:
        """Name of the cell in results.json, for example `patchcore/grid/seed0`."""
        return f"{self.variant}/{self.category}/seed{self.seed}"

    @classmethod
    def from_key(cls, key: str) -> "Cell":
        """Read a cell back from its key; ReproError where it is none."""
        parts = re.fullmatch(r"([^/]+)/([^/]+)/seed([0-9]{1,10})", key)
        if parts is None or {"..", "."} & set(parts.groups()):
            raise ReproError(
                "is not the name of a cell", where=key, hint="write variant/category/seedN, e.g. patchcore/grid/seed0"
            )
        return cls(parts[1], parts[2], int(parts[3]))


@dataclass(frozen=True)
class RunFolder:
    """The folders of one study below the project root: `runs/<study>` and `report/<study>`."""

    study: str
    root: Path = PROJECT_ROOT

    def __post_init__(self) -> None:
        # It names folders to write to: one that leads elsewhere would be followed there.
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,99}", self.study):
            raise ReproError(
                "is not the name of a study", where=repr(self.study), hint="write the name that its file gives it"
            )

    @property
    def run(self) -> Path:
        return self.root / "runs" / self.study

    @property
    def report(self) -> Path:
        return self.root / "report" / self.study

    @property
    def study_file(self) -> Path:
        """The resolved study: the study file with the command line's choices applied."""
        return self.run / "study.json"

    @property
    def drawn_data(self) -> Path:
        """Root of the procedural data set, in MVTec AD layout."""
        return self.run / "data"

    @property
    def converted_data(self) -> Path:
        """The user's images as PNG files, where some are of another format."""
        return self.run / "converted"

    @property
    def arranged_data(self) -> Path:
        """Root of a VisA data set brought into MVTec AD layout."""
        return self.run / "arranged" / ARRANGED

    @property
    def data_root(self) -> Path:
        """Records where the images lie; apart from the manifests, so that moving them changes no result."""
        return self.run / "data-root.json"

    @property
    def recovered_images(self) -> Path:
        """Root of the test images that the published result images show."""
        return self.run / "images"

    def manifest(self, category: str) -> Path:
        return self.run / "manifests" / f"{category}.json"

    def weights(self, variant: str) -> Path:
        """Where weights and penalty images of a variant are placed for training."""
        return self.run / "weights" / variant

    def cell(self, cell: Cell) -> Path:
        return self.run / "cells" / cell.key

    @property
    def lock(self) -> Path:
        """Lock file of the process that may write to the study's folders; outside them, so that locking makes none."""
        return self.root / "runs" / f".{self.study}.lock"

    @property
    def ledger(self) -> Path:
        """The verdicts that may not change unnoticed; not every study has them."""
        return self.root / "baselines" / f"{self.study}-verdicts.json"

    @property
    def receptive_field(self) -> Path:
        return self.run / "receptive_field.json"


@contextmanager
def lock(folder: RunFolder) -> Iterator[None]:
    """Hold an exclusive lock on a study's folders; the system frees it when the process ends, however it ends.

    A stage that a run started is covered by the lock of the run. Raises ReproError where another process holds it.
    """
    from filelock import FileLock, Timeout  # not where a help text is all that is asked

    if os.environ.get(LOCKED) == folder.study:
        yield
        return
    folder.lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(folder.lock, timeout=0)
    try:
        held.acquire()
    except Timeout:
        hint = "wait for it to end, or stop it"
        raise ReproError("another run is at work here", where=folder.run, hint=hint) from None
    try:
        yield
    finally:
        held.release()


def remove_partial_files(folder: RunFolder) -> None:
    """Delete what killed stages left half-written; call it only while holding the lock."""
    shutil.rmtree(folder.run / "qdrant", ignore_errors=True)
    for place in (folder.run, folder.report):
        for path in place.rglob(f"{WRITING}*"):
            path.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which is renamed to `path` when the block ends without an error.

    Raises ReproError where the disk is full or the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The suffix stays last because writers such as numpy and matplotlib choose the format by it.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=WRITING, suffix=path.suffix)
        os.close(handle)
        beside = Path(name)
        try:
            yield beside
            beside.chmod(0o644)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise unwritable(error, path) from None


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """A hard link at `target`, or a copy where the file system has none."""
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(Path(source).resolve(), target)
    except OSError:
        with writing(target) as beside:
            shutil.copy2(source, beside)


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8 with `\\n` line ends; a reader sees the old file or the whole new one."""
    with writing(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def to_json(content: Any) -> str:
    """JSON with sorted keys and a final newline: equal content gives equal bytes. NaN is refused."""
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, content: Any) -> None:
    """Write `content` as sorted JSON."""
    write_text(path, to_json(content))


def write_json_if_changed(path: Path, content: Any) -> None:
    """Write `content` only where the file differs, so that what depends on it is not rerun for nothing."""
    text = to_json(content)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


def read_json(path: Path, *, hint: str) -> Any:
    """Read JSON; ReproError with `hint` where the file is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReproError("no such file", where=path, hint=hint) from None
    except (ValueError, RecursionError) as error:
        raise ReproError(f"not JSON ({error})", where=path, hint=hint) from None
    except OSError as error:
        raise ReproError(error.strerror or str(error), where=path, hint=hint) from None


def read_record(path: Path, kind: type[RecordType], *, hint: str) -> RecordType:
    """Read a file of one of the schemas in `records`; ReproError where it is missing, or of another schema."""
    content = read_json(path, hint=hint)
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise ReproError(f"has schema version {version}, this repro reads {SCHEMA_VERSION}", where=path, hint=hint)
    try:
        record = kind.model_validate(content)
    except ValidationError as error:
        raise ReproError(fault(error), where=path, hint=hint) from None
    for contradiction in faults(record):
        raise ReproError(contradiction, where=path, hint=hint)
    return record


def read_root(folder: RunFolder, *, hint: str) -> Path:
    """The folder that holds the study's images; ReproError with `hint` where no run has recorded it."""
    content = read_json(folder.data_root, hint=hint)
    if not isinstance(content, dict) or not isinstance(content.get("root"), str):
        raise ReproError("does not say where the images are", where=folder.data_root, hint=hint)
    return Path(content["root"])


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(content: Any) -> str:
    """SHA-256 of JSON content, independent of the order of keys."""
    # Names on disk need not be UTF-8.
    return hashlib.sha256(to_json(content).encode(errors="surrogateescape")).hexdigest()
