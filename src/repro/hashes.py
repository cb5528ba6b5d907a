"""Hashes: what each stage reads and writes, and the SHA-256 of both, kept by whoever runs the stage.

Code is no input here: the workflow reruns what changed code decides, and environment.json names the commit.
"""

import json
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from repro.errors import ReproError
from repro.hash_records import StageHashes
from repro.runs import Cell, RunFolder, fingerprint, read_json, sha256, write_json, write_text
from repro.study import ABLATIONS, Study, load_resolved

PACKAGE = Path(__file__).parent
TEACHER = PACKAGE / "models" / "teacher_small.safetensors"
#: In the order in which they run.
OF_A_CELL = ("fit", "predict", "score", "retrieve")
OF_A_RUN = ("data", "receptive-field")
OF_A_REPORT = ("results", "verdicts", "guard", "figures", "render")


@dataclass(frozen=True)
class Stage:
    """A stage of a study, of one cell where it has cells."""

    folder: RunFolder
    name: str
    cell: Cell | None = None

    @property
    def command(self) -> str:
        of = f" --cell {shlex.quote(self.cell.key)}" if self.cell else ""
        return f"repro {self.name} --study {self.folder.study}{of}"

    @property
    def record(self) -> Path:
        """Where its hashes lie: beside what it makes, so that a report folder brings its own."""
        if self.name in OF_A_REPORT:
            return self.folder.report / "hashes" / f"{self.name}.json"
        below = Path(self.name, self.cell.key) if self.cell else Path(self.name)
        return self.folder.run / "hashes" / f"{below}.json"

    def read(self) -> StageHashes | None:
        """Its hashes, None where none were kept; ReproError where the file that holds them is damaged."""
        if not self.record.is_file():
            return None
        mend = f"run `{self.command}`"
        try:
            record = StageHashes.model_validate(read_json(self.record, mend=mend))
        except ValidationError:
            raise ReproError("is no record of hashes", where=self.record, mend=mend) from None
        if record.fingerprint != fingerprint(record.model_dump(mode="json", exclude={"fingerprint"})):
            raise ReproError("was altered", where=self.record, mend=mend)
        return record

    def inputs(self) -> list[Path]:
        """The files that decide what it makes, those that are there."""
        return [path for path in self._inputs() if path.is_file()]

    def _inputs(self) -> list[Path]:
        run, report = self.folder.run, self.folder.report
        here = self.folder.cell(self.cell) if self.cell else run
        manifest = self.folder.manifest(self.cell.category) if self.cell else run
        match self.name:
            case "fit":
                return [here / "cell.json", manifest, *([TEACHER] if _distilled(here) else [])]
            case "predict":
                return [here / "checkpoint.ckpt", manifest]
            case "score":
                return [here / "predictions.npz"]
            case "retrieve":
                return [here / "predictions.npz", here / "embeddings.npz", run / "queries.json"]
            case "results":
                study = _study(self.folder)
                if study is None:
                    return []
                made = ("fit.json", "predict.json", "scores.json", "hits.json")
                cells = [self.folder.cell(cell) / name for cell in study.cells for name in made]
                manifests = [self.folder.manifest(category) for category in study.categories]
                return [*cells, *manifests, self.folder.receptive_field, self.folder.study_file]
            case "verdicts":
                return [report / "results.json", PACKAGE / "claims.toml"]
            case "guard":
                return [report / "results.json", report / "verdicts.json", self.folder.ledger]
            case "figures":
                predictions = [self.folder.cell(cell) / "predictions.npz" for cell in reported_cells(report)]
                return [report / "results.json", *predictions, report.parent / "bench.json"]
            case "render":
                records = [report / f"{name}.json" for name in ("results", "environment", "verdicts", "guards")]
                beside = [report.parent / name / "results.json" for name in ABLATIONS if name != report.name]
                templates = sorted((self.folder.root / "templates").glob("*"))
                fixed = [report.parent / "bench.json", PACKAGE / "references.toml"]
                return [*records, *_all(report / "figures"), *beside, *fixed, *templates]
        return []

    def placed(self) -> list[Path]:
        """The weights and penalty images that it puts where anomalib looks for them, and trains with."""
        if self.name != "fit" or self.cell is None:
            return []
        return sorted(path for path in self.folder.weights(self.cell.variant).rglob("[!.]*.*") if path.is_file())

    def outputs(self) -> list[Path]:
        """The files that it makes, those that are there."""
        return [path for path in self._outputs() if path.is_file()]

    def _outputs(self) -> list[Path]:
        run, report = self.folder.run, self.folder.report
        names = {
            "fit": ("checkpoint.ckpt", "fit.json"),
            "predict": ("predictions.npz", "embeddings.npz", "predict.json"),
            "score": ("scores.json",),
            "retrieve": ("hits.json",),
            "results": ("results.json", "environment.json", "timings.json"),
            "verdicts": ("verdicts.json",),
            "guard": ("guards.json",),
            "render": ("paper.md", "paper.pdf", "paper.html"),
        }
        match self.name:
            case "data":
                return [*_all(run / "manifests"), self.folder.data_root]
            case "receptive-field":
                return [self.folder.receptive_field]
            case "figures":
                return _all(report / "figures")
        within = self.folder.cell(self.cell) if self.cell else report
        return [within / name for name in names[self.name]]


@contextmanager
def recording(folder: RunFolder, name: str, cell: Cell | None = None) -> Iterator[None]:
    """Keep the hashes of what a stage finds and of what it leaves; the stage runs in the block.

    A stage that is killed leaves a record without outputs, by which its half-made files are known; one that raises
    leaves the record as it was.
    """
    stage = Stage(folder, name, cell)
    before = stage.record.read_text(encoding="utf-8", errors="replace") if stage.record.is_file() else None
    found = _hashes(folder, stage.inputs())
    _write(stage, found, {})
    try:
        yield
    except BaseException:
        stage.record.unlink() if before is None else write_text(stage.record, before)
        raise
    _write(stage, found | _hashes(folder, stage.placed()), _hashes(folder, stage.outputs()))


def stages(folder: RunFolder, cells: Iterable[Cell]) -> list[Stage]:
    """Every stage of a study with these cells, in the order in which they run."""
    first = [Stage(folder, name) for name in OF_A_RUN]
    middle = [Stage(folder, name, cell) for cell in cells for name in OF_A_CELL]
    return first + middle + [Stage(folder, name) for name in OF_A_REPORT]


def _study(folder: RunFolder) -> Study | None:
    """The study last run; None where it cannot be read, which the stage itself will tell."""
    try:
        return load_resolved(folder) if folder.study_file.is_file() else None
    except ReproError:
        return None


def reported_cells(report: Path) -> list[Cell]:
    """The cells of a report's results.json; none where it is damaged, which the stage itself will tell."""
    try:
        return [
            Cell.from_key(key) for key in json.loads((report / "results.json").read_text(encoding="utf-8"))["cells"]
        ]
    except (OSError, ValueError, KeyError, TypeError, ReproError):
        return []


def name_of(folder: RunFolder, path: Path) -> str:
    """How a record names a file."""
    inside = path.is_relative_to(folder.root)
    return path.relative_to(folder.root).as_posix() if inside else path.as_posix()


def _write(stage: Stage, inputs: dict[str, str], outputs: dict[str, str]) -> None:
    content = {"command": stage.command, "inputs": inputs, "outputs": outputs}
    record = StageHashes.model_validate(content | {"fingerprint": fingerprint(content)})
    write_json(stage.record, record.model_dump(mode="json"))


def _hashes(folder: RunFolder, paths: Iterable[Path]) -> dict[str, str]:
    return {name_of(folder, path): sha256(path) for path in paths}


def _all(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*"))


def _distilled(cell: Path) -> bool:
    try:
        content = json.loads((cell / "cell.json").read_text(encoding="utf-8"))
        return bool(content["variant"].get("teacher") == "distilled")
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False
