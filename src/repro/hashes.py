"""Hashes: the SHA-256 of what each stage read and wrote, kept by whoever runs the stage; `repro verify` compares them.

Code is not among them: the workflow reruns what changed code decides, and environment.json names the commit.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from repro.closure import PACKAGE
from repro.errors import ReproError
from repro.pipeline import Job
from repro.records.hashes import StageHashes
from repro.runs import RunFolder, fingerprint, read_json, sha256, write_json, write_text

#: Where this package lies in a clone.
IN_A_CLONE = Path("src") / "repro"


def place(job: Job) -> Path:
    """Where the hashes of a stage lie: beside what it makes, so that a report folder brings its own."""
    if job.stage.scope == "report":
        return job.folder.report / "hashes" / f"{job.stage.name}.json"
    below = Path(job.stage.name, job.cell.key) if job.cell else Path(job.stage.name)
    return job.folder.run / "hashes" / f"{below}.json"


def read(job: Job) -> StageHashes | None:
    """The hashes of a stage, None where none were kept; ReproError where the file that holds them is damaged."""
    path = place(job)
    if not path.is_file():
        return None
    hint = f"run `{job.command}`"
    try:
        record = StageHashes.model_validate(read_json(path, hint=hint))
    except ValidationError:
        raise ReproError("is no record of hashes", where=path, hint=hint) from None
    if record.fingerprint != fingerprint(record.model_dump(mode="json", exclude={"fingerprint"})):
        raise ReproError("was altered", where=path, hint=hint)
    return record


def hashed_inputs(job: Job) -> list[Path]:
    """The inputs of a stage that exist, but for code."""
    return [path for path in job.inputs if path.is_file() and path.suffix != ".py"]


@contextmanager
def recording(job: Job) -> Iterator[None]:
    """Keep the hashes of what a stage reads and of what it leaves; the stage runs in the block.

    A stage that is killed leaves a record without outputs, by which its half-made files are known; one that raises
    leaves the record as it was.
    """
    path = place(job)
    before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
    inputs = _hashes(job.folder, hashed_inputs(job))
    _write(job, inputs, {})
    try:
        yield
    except BaseException:
        path.unlink() if before is None else write_text(path, before)
        raise
    outputs = [output for output in job.outputs if output.is_file()]
    _write(job, inputs | _hashes(job.folder, placed(job)), _hashes(job.folder, outputs))


def placed(job: Job) -> list[Path]:
    """The weights and penalty images that `fit` puts where anomalib looks for them, and trains with."""
    if job.stage.name != "fit" or job.cell is None:
        return []
    return sorted(path for path in job.folder.weights(job.cell.variant).rglob("[!.]*.*") if path.is_file())


def name_of(folder: RunFolder, path: Path) -> str:
    """How a record names a file: as in a clone, wherever this package lies."""
    if path.is_relative_to(PACKAGE):
        return (IN_A_CLONE / path.relative_to(PACKAGE)).as_posix()
    inside = path.is_relative_to(folder.root)
    return path.relative_to(folder.root).as_posix() if inside else path.as_posix()


def path_of(folder: RunFolder, name: str) -> Path:
    """The file that a record names."""
    path = Path(name)
    return PACKAGE / path.relative_to(IN_A_CLONE) if path.is_relative_to(IN_A_CLONE) else folder.root / path


def _write(job: Job, inputs: dict[str, str], outputs: dict[str, str]) -> None:
    content = {"command": job.command, "inputs": inputs, "outputs": outputs}
    record = StageHashes.model_validate(content | {"fingerprint": fingerprint(content)})
    write_json(place(job), record.model_dump(mode="json"))


def _hashes(folder: RunFolder, paths: Iterable[Path]) -> dict[str, str]:
    return {name_of(folder, path): sha256(path) for path in paths}
