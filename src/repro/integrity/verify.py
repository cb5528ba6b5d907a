"""Verify: compare the files of a study with their recorded hashes; name those altered, missing or out of date."""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from repro.data.layout import samples
from repro.errors import ReproError
from repro.hashes import hashed_inputs, name_of, path_of, place, read
from repro.models import shipped
from repro.pipeline import Job, jobs, reported_cells
from repro.records.hashes import StageHashes
from repro.runs import RunFolder, read_json, sha256
from repro.study import ProceduralData, PublishedData, Study, load_resolved, names

Progress = Callable[[int, int], None]
#: `unfinished`: its stage was killed; `unrecorded`: it has no hash; `new`: an image that was added.
Kind = Literal["altered", "missing", "stale", "unfinished", "unrecorded", "new"]


@dataclass(frozen=True)
class Fault:
    """A file that does not match its recorded hash, or has none."""

    kind: Kind
    path: Path
    #: How to repair it.
    hint: str
    #: For a stale file: the inputs that changed.
    because: str = ""

    def __str__(self) -> str:
        because = f" ({self.because})" if self.because else ""
        return f"{self.kind}: {self.path}{because}; {self.hint}"


@dataclass(frozen=True)
class Verified:
    """The number of files compared, and the faults."""

    files: int
    faults: list[Fault]


def verify(
    folder: RunFolder, study: Study | None = None, progress: Progress | None = None, *, images: bool = True
) -> Verified:
    """Compare all files of a study and its report, the weights with known hashes and, if asked, the images.

    Without a run folder, as in a clone, only the report is compared, not its inputs. `study` defaults to the last one
    that ran. Raises ReproError if no hashes were recorded.
    """
    check = _Check(folder, progress)
    has_run = folder.study_file.is_file()
    if study is None and has_run:
        try:
            study = load_resolved(folder)
        except ReproError:
            check.fault("altered", folder.study_file, repair_hint(folder))
    study_jobs = jobs(folder, study, study.cells if study else reported_cells(folder.report))
    check.read_records(study_jobs)
    if not check.records and not check.faults:
        made = any(path.is_file() for job in study_jobs for path in job.outputs)
        what = "no hashes of its files were recorded" if made else "nothing was made yet"
        raise ReproError(what, where=f"study {folder.study}", hint=repair_hint(folder))
    if study and has_run:
        check.weights(study)
    for job in study_jobs:
        check.job(job)
    files = len(check.hashed)
    if study and has_run and images:
        files += check.images(study)
    return Verified(files, check.faults)


def report(folder: RunFolder, progress: Progress | None = None) -> int:
    """Print a line for each fault and what repairs them; return 1 if there is any, else 0."""
    verified = verify(folder, progress=progress)
    for fault in verified.faults:
        print(fault)
    if not verified.faults:
        print(f"study {folder.study}: all {verified.files} files are unchanged")
        return 0
    count = "1 fault" if len(verified.faults) == 1 else f"{len(verified.faults)} faults"
    print(f"study {folder.study}: {count}; {repair_hint(folder)}")
    return 1


def repair_hint(folder: RunFolder) -> str:
    """Say what to run to repair all faults."""
    if folder.study not in names():
        return "repeat the `nox -s reproduce` that made it, with its study file"
    try:
        root = load_resolved(folder).data.model_dump().get("root")
    except ReproError:
        root = None
    option = f" --data-root {shlex.quote(root)}" if root else ""
    return f"run `nox -s reproduce -- --study {folder.study}{option}`"


class _Check:
    """Collects the faults of one study; hashes each file once."""

    def __init__(self, folder: RunFolder, progress: Progress | None) -> None:
        self._folder, self._progress = folder, progress
        self.faults: list[Fault] = []
        self.hashed: dict[Path, str] = {}
        self.records: dict[Job, StageHashes] = {}
        #: The hash of each output, recorded by its stage.
        self._made: dict[Path, str] = {}
        self._total = 0

    def fault(self, kind: Kind, path: Path, hint: str, because: str = "") -> None:
        self.faults.append(Fault(kind, path, hint, because))

    def read_records(self, study_jobs: list[Job]) -> None:
        """Read the recorded hashes of each job; a damaged record is a fault."""
        for job in study_jobs:
            try:
                record = read(job)
            except ReproError:
                self.fault("altered", place(job), _hint(job))
                continue
            if record is not None:
                self.records[job] = record
        folder = self._folder
        self._made = {
            path_of(folder, name): recorded
            for record in self.records.values()
            for name, recorded in record.outputs.items()
        }
        listed = set(self._made) | {path_of(folder, name) for record in self.records.values() for name in record.inputs}
        self._total = sum(path.is_file() for path in listed)

    def job(self, job: Job) -> None:
        """Compare the outputs of a stage."""
        record = self.records.get(job)
        if record is None:
            if not self._has_fault(place(job)):
                # Predictions are made by `predict` or by `recover`, and recorded by that stage only.
                for path in job.outputs:
                    if path.is_file() and path not in self._made:
                        self.fault("unrecorded", path, _hint(job))
        elif not record.outputs:
            for path in [path for path in job.outputs if path.is_file()] or [place(job)]:
                self.fault("unfinished", path, _hint(job))
        else:
            self._outputs(job, record, self._changed(job, record))

    def _outputs(self, job: Job, record: StageHashes, changed: str) -> None:
        for name, recorded in record.outputs.items():
            path = path_of(self._folder, name)
            digest = self._digest(path)
            if digest is None:
                self.fault("missing", path, _hint(job))
            elif digest != recorded:
                self.fault("altered", path, _hint(job))
            elif changed:
                self.fault("stale", path, _hint(job), f"made from another {changed}")

    def _changed(self, job: Job, record: StageHashes) -> str:
        """Names of the inputs that changed since the stage ran, separated by commas.

        For an input that another stage made, its record counts: if only the file differs, that file has the fault.
        """
        folder = self._folder
        has_run = folder.study_file.is_file()
        changed = []
        for name, recorded in record.inputs.items():
            path = path_of(folder, name)
            if path.is_relative_to(folder.run) and not has_run:
                continue
            if path.is_relative_to(folder.run / "weights"):
                # Training copies them here each time: a missing copy is no fault, an altered one is.
                if self._digest(path) not in (None, recorded) and not self._has_fault(path):
                    self.fault("altered", path, "delete it; the next training copies it again")
            elif self._made.get(path, self._digest(path)) != recorded and not self._has_fault(path):
                changed.append(name)
        new = (name_of(folder, path) for path in hashed_inputs(job))
        changed += [name for name in new if name not in record.inputs]
        return ", ".join(sorted(changed))

    def weights(self, study: Study) -> None:
        """Compare the weights with known hashes."""
        seen = set()
        for variant in study.variants.values():
            try:
                shipped.check_variant(variant)
            except ReproError as error:
                if error.where not in seen:
                    self.fault("altered" if "SHA-256" in error.what else "missing", Path(error.where), error.hint)
                seen.add(error.where)

    def images(self, study: Study) -> int:
        """Compare images and masks with the hashes in the manifests; return how many were compared."""
        folder = self._folder
        # Published result images are verified whenever they are read.
        if isinstance(study.data, PublishedData) or self._has_fault(folder.data_root) or not folder.data_root.is_file():
            return 0
        root = Path(read_json(folder.data_root, hint="")["root"])
        drawn = isinstance(study.data, ProceduralData)
        if not root.is_dir():
            hint = f"`repro data --study {study.name}` draws them" if drawn else "name their folder with --data-root"
            self.fault("missing", root, hint, "the images")
            return 0
        hint = (
            f"delete it, then `repro data --study {study.name}`" if drawn else "restore it, or train with it as it is"
        )
        manifests = {name: folder.manifest(name) for name in study.categories}
        return sum(
            self._category(root, name, read_json(manifest, hint="")["files"], hint)
            for name, manifest in manifests.items()
            if manifest.is_file() and not self._has_fault(manifest)
        )

    def _category(self, root: Path, category: str, files: dict[str, str], hint: str) -> int:
        compared = 0
        for name, recorded in files.items():
            path = root / name
            if not path.is_file():
                self.fault("missing", path, hint)
                continue
            compared += 1
            if sha256(path) != recorded:
                self.fault("altered", path, hint)
        for path in sorted(_present(root, category)):
            if path.relative_to(root).as_posix() not in files and path.is_file():
                self.fault("new", path, "remove it, or train with it")
        return compared

    def _has_fault(self, path: Path) -> bool:
        return any(fault.path == path for fault in self.faults)

    def _digest(self, path: Path) -> str | None:
        if path not in self.hashed and path.is_file():
            self.hashed[path] = sha256(path)
            if self._progress:
                self._progress(len(self.hashed), self._total)
        return self.hashed.get(path)


def _present(root: Path, category: str) -> Iterator[Path]:
    for sample in samples(root, category):
        yield from (path for path in (sample.image, sample.mask) if path is not None)


def _hint(job: Job) -> str:
    return f"`{job.command}` makes it"
