"""Verify: the files of a study against the hashes kept of them; every one that is altered, missing or stale is told."""

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from repro.data.layout import samples
from repro.errors import ReproError
from repro.hash_records import StageHashes
from repro.hashes import Stage, name_of, reported_cells, stages
from repro.models import shipped
from repro.runs import RunFolder, read_json, sha256
from repro.study import ProceduralData, Study, load_resolved, names

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Fault:
    """One file that is not what was made."""

    #: `unfinished`: its stage was killed; `unrecorded`: no hash was kept of it; `new`: an image that was not there.
    kind: Literal["altered", "missing", "stale", "unfinished", "unrecorded", "new"]
    path: Path
    #: What makes it anew, or what else mends it.
    mend: str
    #: Of what is stale: the inputs that are others now.
    because: str = ""

    def __str__(self) -> str:
        because = f" ({self.because})" if self.because else ""
        return f"{self.kind}: {self.path}{because}; {self.mend}"


@dataclass
class Found:
    """What was compared, and what is wrong."""

    files: int = 0
    faults: list[Fault] = field(default_factory=list)


def verify(
    folder: RunFolder, study: Study | None = None, progress: Progress | None = None, *, images: bool = True
) -> Found:
    """Hash every file of a study and its report, weights whose hash is known and `images` too, and compare.

    A clone without the run folder has a report alone, which is compared; what it was made from is not there to be
    asked. `study` is the one last run, where it is not given. Raises ReproError where no hash was kept yet.
    """
    run = folder.study_file.is_file()
    found = Found()
    if study is None and run:
        try:
            study = load_resolved(folder)
        except ReproError:
            found.faults.append(Fault("altered", folder.study_file, again(folder)))
    ran = stages(folder, study.cells if study else reported_cells(folder.report))
    hashed: dict[Path, str] = {}
    records = _records(ran, found)
    if not records and not found.faults:
        there = any(stage.outputs() for stage in ran)
        what = "no hashes were kept of its files" if there else "nothing was made yet"
        raise ReproError(what, where=f"study {folder.study}", mend=again(folder))
    made = {folder.root / name: digest for record in records.values() for name, digest in record.outputs.items()}
    listed = set(made) | {folder.root / name for record in records.values() for name in record.inputs}
    total = sum(path.is_file() for path in listed)

    def digest(path: Path) -> str | None:
        if path not in hashed and path.is_file():
            hashed[path] = sha256(path)
            if progress:
                progress(len(hashed), total)
        return hashed.get(path)

    if study and run:
        found.faults += _weights(study)
    for stage in ran:
        record = records.get(stage)
        if record is None:
            if not any(fault.path == stage.record for fault in found.faults):
                found.faults += [Fault("unrecorded", path, _mend(stage)) for path in stage.outputs()]
            continue
        if not record.outputs:
            outputs = stage.outputs() or [stage.record]
            found.faults += [Fault("unfinished", path, _mend(stage)) for path in outputs]
            continue
        because = _changed(stage, record, made, digest, run, found)
        for name, kept in record.outputs.items():
            path = folder.root / name
            now = digest(path)
            if now is None:
                found.faults.append(Fault("missing", path, _mend(stage)))
            elif now != kept:
                found.faults.append(Fault("altered", path, _mend(stage)))
            elif because:
                found.faults.append(Fault("stale", path, _mend(stage), f"made from another {because}"))
    found.files = len(hashed)
    if study and run and images:
        _images(folder, study, found)
    return found


def report(folder: RunFolder, progress: Progress | None = None) -> int:
    """Print what is wrong, each file in a line, and what mends it; 1 where anything is, else 0."""
    found = verify(folder, progress=progress)
    for fault in found.faults:
        print(fault)
    if not found.faults:
        print(f"study {folder.study}: all {found.files} files are as they were made")
        return 0
    wrong = f"{len(found.faults)} of its files" if len(found.faults) > 1 else "one of its files"
    print(f"study {folder.study}: {wrong} must be mended: {again(folder)}")
    return 1


def again(folder: RunFolder) -> str:
    """The command that makes anew all that is wrong."""
    if folder.study not in names():
        return "repeat the `nox -s reproduce` that made it, with its study file"
    try:
        root = load_resolved(folder).data.model_dump().get("root")
    except ReproError:
        root = None
    given = f" --data-root {shlex.quote(root)}" if root else ""
    return f"run `nox -s reproduce -- --study {folder.study}{given}`"


def _records(ran: Iterable[Stage], found: Found) -> dict[Stage, StageHashes]:
    records = {}
    for stage in ran:
        try:
            record = stage.read()
        except ReproError:
            found.faults.append(Fault("altered", stage.record, _mend(stage)))
            continue
        if record is not None:
            records[stage] = record
    return records


def _changed(
    stage: Stage,
    record: StageHashes,
    made: dict[Path, str],
    digest: Callable[[Path], str | None],
    run: bool,
    found: Found,
) -> str:
    """The inputs of a stage that are others now.

    Of an input that another stage made, its record counts: where the file alone differs, that is told of the file.
    """
    root = stage.folder.root
    told = {fault.path for fault in found.faults}
    changed = []
    for name, kept in record.inputs.items():
        path = root / name
        if path.is_relative_to(stage.folder.run) and not run:
            continue
        if path.is_relative_to(stage.folder.run / "weights"):
            # Placed anew by each training: a lost one is no loss, an altered one is told.
            if digest(path) not in (None, kept) and path not in told:
                found.faults.append(Fault("altered", path, "delete it, the next training places it anew"))
        elif made.get(path, digest(path)) != kept and path not in told:
            changed.append(name)
    changed += [name for path in stage.inputs() if (name := name_of(stage.folder, path)) not in record.inputs]
    return ", ".join(sorted(changed))


def _mend(stage: Stage) -> str:
    return f"`{stage.command}` makes it"


def _weights(study: Study) -> list[Fault]:
    faults = {}
    for variant in study.variants.values():
        try:
            shipped.check_variant(variant)
        except ReproError as error:
            kind: Literal["missing", "altered"] = "altered" if "SHA-256" in error.what else "missing"
            faults[error.where] = Fault(kind, Path(error.where), error.mend)
    return list(faults.values())


def _images(folder: RunFolder, study: Study, found: Found) -> None:
    """The images and masks, each by the hash in its category's manifest."""
    drawn = isinstance(study.data, ProceduralData)
    told = {fault.path for fault in found.faults}
    if folder.data_root in told or not folder.data_root.is_file():
        return
    root = Path(read_json(folder.data_root, mend="")["root"])
    sound = [name for name in study.categories if folder.manifest(name) not in told and folder.manifest(name).is_file()]
    manifests = {name: read_json(folder.manifest(name), mend="")["files"] for name in sound}
    if not root.is_dir():
        mend = f"`repro data --study {study.name}` draws them" if drawn else "name their folder with --data-root"
        found.faults.append(Fault("missing", root, mend, "the images"))
        return
    mend = f"delete it, then `repro data --study {study.name}`" if drawn else "restore it, or train with it as it is"
    for category, files in manifests.items():
        for name, kept in files.items():
            if not (root / name).is_file():
                found.faults.append(Fault("missing", root / name, mend))
                continue
            found.files += 1
            if sha256(root / name) != kept:
                found.faults.append(Fault("altered", root / name, mend))
        present = {path for one in samples(root, category) for path in (one.image, one.mask) if path is not None}
        extra = sorted(path for path in present if path.relative_to(root).as_posix() not in files and path.is_file())
        found.faults += [Fault("new", path, "remove it, or train with it") for path in extra]
