"""Pipeline: the table of stages. What each reads, what it leaves and which code it runs is said here and nowhere else.

The workflow, the hashes, the estimate, the comparison of cells and the figure of the pipeline all read it.
"""

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from repro.closure import PACKAGE, closure
from repro.errors import ReproError
from repro.runs import Cell, RunFolder
from repro.study import ABLATIONS, EfficientAdVariant, Study, load_resolved


@dataclass(frozen=True)
class Only:
    """A pattern that counts for some cells of a study."""

    pattern: str
    when: Callable[[Study, Cell], bool]


@dataclass(frozen=True)
class Stage:
    """One row of the table.

    Files are patterns. `{run}` and `{report}` are the study's folders, `{reports}` holds the reports of all studies,
    `{root}` is the project and `{package}` its code. `{cell}` and `{category}` are the folder and category of the cell
    at work; in a stage without one they stand for every cell and category. `*` stands for whatever is there.
    """

    #: Of the command, and with underscores for dashes of the rule and of the module in `repro.stages`.
    name: str
    #: Whether it runs once for each cell, once for the study, or for its report.
    scope: Literal["cell", "run", "report"]
    #: Files that decide what it makes.
    inputs: tuple[str | Only, ...]
    #: Files that it leaves; the last of them is written last, and with it the stage is finished.
    outputs: tuple[str, ...]
    #: Inputs that a study may do without.
    optional: tuple[str, ...] = ()
    #: Files of the project that it reads; a Python file among them brings the code that it imports.
    data: tuple[str | Only, ...] = ()
    #: Whether it computes on a GPU where there is one; it then takes several cores where there is none.
    gpu: bool = False
    #: Whether it takes seconds, not worth a place in the queue of a cluster.
    short: bool = False
    #: Whether `repro reproduce` runs it itself, before the workflow.
    before: bool = False
    #: Whether a study has this stage.
    applies: Callable[[Study], bool] = lambda study: True

    @property
    def rule(self) -> str:
        """Name of its rule and module."""
        return self.name.replace("-", "_")

    @property
    def code(self) -> tuple[Path, ...]:
        """The modules that decide what it makes: those that its own imports, and theirs."""
        module = PACKAGE / "stages" / f"{self.rule}.py"
        python = [path for one in self.data if (path := _plain(one)).endswith(".py")]
        return closure([module, *(path for one in python for path in _at_root(one))])


def _distilled(study: Study, cell: Cell) -> bool:
    variant = study.variants[cell.variant]
    return isinstance(variant, EfficientAdVariant) and variant.teacher == "distilled"


def _trains(study: Study) -> bool:
    return study.data.source != "published"


STAGES = (
    Stage(
        "data",
        "run",
        inputs=(),
        outputs=("{run}/manifests/{category}.json", "{run}/data-root.json"),
        before=True,
    ),
    Stage(
        "fit",
        "cell",
        inputs=("{cell}/cell.json", "{run}/manifests/{category}.json"),
        outputs=("{cell}/checkpoint.ckpt", "{cell}/fit.json"),
        data=(
            Only("{package}/models/teacher_small.safetensors", _distilled),
            Only("{package}/models/teacher_small.json", _distilled),
        ),
        gpu=True,
        applies=_trains,
    ),
    Stage(
        "predict",
        "cell",
        inputs=("{cell}/checkpoint.ckpt", "{run}/manifests/{category}.json"),
        outputs=("{cell}/predictions.npz", "{cell}/embeddings.npz", "{cell}/predict.json"),
        gpu=True,
        applies=_trains,
    ),
    Stage(
        "recover",
        "cell",
        inputs=("{run}/manifests/{category}.json",),
        outputs=("{cell}/predictions.npz", "{cell}/recover.json"),
        data=("{package}/panels/originals.tsv",),
        applies=lambda study: not _trains(study),
    ),
    Stage(
        "score",
        "cell",
        inputs=("{cell}/predictions.npz", "{cell}/recover.json"),
        outputs=("{cell}/scores.json",),
    ),
    Stage(
        "retrieve",
        "cell",
        inputs=("{cell}/predictions.npz", "{cell}/embeddings.npz", "{run}/queries.json"),
        outputs=("{cell}/hits.json",),
        applies=lambda study: bool(study.queries),
    ),
    Stage(
        "receptive-field",
        "run",
        inputs=(),
        outputs=("{run}/receptive_field.json",),
    ),
    Stage(
        "results",
        "report",
        inputs=(
            "{cell}/fit.json",
            "{cell}/predict.json",
            "{cell}/recover.json",
            "{cell}/scores.json",
            "{cell}/hits.json",
            "{run}/manifests/{category}.json",
            "{run}/receptive_field.json",
            "{run}/study.json",
        ),
        outputs=("{report}/results.json", "{report}/environment.json", "{report}/timings.json"),
    ),
    Stage(
        "verdicts",
        "report",
        inputs=("{report}/results.json",),
        optional=("{reports}/published/results.json", "{reports}/mvtec-fewshot/results.json"),
        outputs=("{report}/verdicts.json",),
        data=("{package}/claims/claims.toml",),
        short=True,
    ),
    Stage(
        "guard",
        "report",
        inputs=("{report}/results.json", "{report}/verdicts.json"),
        optional=("{root}/baselines/{study}-verdicts.json",),
        outputs=("{report}/guards.json",),
        data=("{package}/guards/conftest.py", "{package}/guards/test_guards.py"),
        short=True,
    ),
    Stage(
        "figures",
        "report",
        inputs=("{report}/results.json", "{report}/verdicts.json", "{cell}/predictions.npz"),
        optional=("{reports}/bench.json", "{reports}/published/results.json"),
        outputs=("{report}/figures/*", "{report}/figures/figures.json"),
        # One of the figures is of this table.
        data=("{package}/pipeline.py",),
    ),
    Stage(
        "render",
        "report",
        inputs=(
            "{report}/results.json",
            "{report}/environment.json",
            "{report}/verdicts.json",
            "{report}/guards.json",
            "{report}/figures/*",
            "{report}/figures/figures.json",
        ),
        optional=(
            "{reports}/bench.json",
            "{reports}/published/results.json",
            "{reports}/mvtec-fewshot/results.json",
            *(f"{{reports}}/{name}/results.json" for name in ABLATIONS),
        ),
        outputs=("{report}/paper.md", "{report}/paper.pdf", "{report}/paper.html"),
        data=("{package}/templates/*", "{package}/paper/references.toml"),
    ),
)
BY_NAME = {stage.name: stage for stage in STAGES}
OF_A_CELL = tuple(stage for stage in STAGES if stage.scope == "cell")
OF_A_REPORT = tuple(stage for stage in STAGES if stage.scope == "report")
#: What `repro reproduce --until` makes, by name.
TARGETS = {
    "train": ("fit", "recover"),
    "evaluate": ("results", "verdicts"),
    "figures": ("figures",),
    "paper": tuple(stage.name for stage in OF_A_REPORT),
}


@dataclass(frozen=True)
class Job:
    """A stage at work: on one cell, or for a study with its cells."""

    folder: RunFolder
    stage: Stage
    cell: Cell | None = None
    #: Of a stage that reads all cells: these.
    cells: tuple[Cell, ...] = ()
    #: None where no run is here, only a report.
    study: Study | None = field(default=None, compare=False)

    @property
    def command(self) -> str:
        of = f" --cell {shlex.quote(self.cell.key)}" if self.cell else ""
        return f"repro {self.stage.name} --study {self.folder.study}{of}"

    @property
    def inputs(self) -> list[Path]:
        """The files that decide what it makes, other than code: those it needs, and of the others those that exist."""
        needed = self.paths((*self.stage.inputs, *self.stage.data), of_this_study=True)
        return [*needed, *(path for path in self.paths(self.stage.optional) if path.is_file() and path not in needed)]

    @property
    def outputs(self) -> list[Path]:
        """The files that it makes."""
        return self.paths(self.stage.outputs)

    @property
    def awaited(self) -> list[Path]:
        """Its inputs and its code, as a workflow waits for them: of a folder that a stage fills, the list alone."""
        filled = {
            path for one in self.stage.inputs if one in MADE_BY and "*" in _plain(one) for path in self.paths([one])
        }
        listed = {path for one in MADE_BY if "*" not in one for path in self.paths([one])}
        return [path for path in (*self.inputs, *self.stage.code) if path not in filled - listed]

    @property
    def declared(self) -> list[Path]:
        """Those of its outputs that the table names one by one."""
        return self.paths(output for output in self.stage.outputs if "*" not in output)

    @property
    def timing(self) -> Path:
        """Where the stage notes how long it took and how much memory it held."""
        below = Path(self.stage.name, self.cell.key) if self.cell else Path(self.stage.name)
        return self.folder.run / "timings" / f"{below}.json"

    @property
    def finished(self) -> bool:
        """Whether it left its last file."""
        return self.outputs[-1].is_file()

    def paths(self, patterns: Iterable[str | Only], *, of_this_study: bool = False) -> list[Path]:
        """The files that patterns stand for, each once, in order.

        With `of_this_study`, without the files of stages that the study does not have.
        """
        found: dict[Path, None] = {}
        for one in patterns:
            pattern = _plain(one)
            makers = MADE_BY.get(pattern)
            study = self.study
            if of_this_study and makers and study and not any(maker.applies(study) for maker in makers):
                continue
            for cell in [self.cell] if self.cell else self.cells or [None]:
                if isinstance(one, Only) and not (self.study and cell and one.when(self.study, cell)):
                    continue
                if cell is None and ("{cell}" in pattern or "{category}" in pattern):
                    continue
                found |= dict.fromkeys(_expand(pattern, self.folder, cell))
        return list(found)


#: The stages that leave the files of a pattern; of each study at most one of them.
MADE_BY = {
    pattern: tuple(stage for stage in STAGES if pattern in stage.outputs)
    for pattern in dict.fromkeys(pattern for stage in STAGES for pattern in stage.outputs)
}


def jobs(folder: RunFolder, study: Study | None, cells: Sequence[Cell]) -> list[Job]:
    """Every stage of a study with these cells, in the order in which they run."""
    of_cells = [Job(folder, stage, cell, study=study) for cell in cells for stage in _applying(study, OF_A_CELL)]
    of_study = [
        Job(folder, stage, None, _read_by(stage, folder, cells), study)
        for stage in _applying(study, STAGES)
        if stage.scope != "cell"
    ]
    return of_study[:1] + of_cells + of_study[1:]


def job(folder: RunFolder, name: str, cell: Cell | None = None) -> Job:
    """One stage of the study that was last run, of one cell where it has cells."""
    stage, study = BY_NAME[name], resolved(folder)
    cells = () if cell else _read_by(stage, folder, study.cells if study else ())
    return Job(folder, stage, cell, cells, study)


def _read_by(stage: Stage, folder: RunFolder, cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The cells that a stage reads; what follows on a partial results.json reads the cells in it."""
    after_results = stage.scope == "report" and stage.name != "results"
    return tuple((reported_cells(folder.report) if after_results else []) or cells)


def is_finished(folder: RunFolder, study: Study, cell: Cell) -> bool:
    """Whether all stages of a cell have left their files."""
    return all(Job(folder, stage, cell, study=study).finished for stage in _applying(study, OF_A_CELL))


def resolved(folder: RunFolder) -> Study | None:
    """The study last run; None where there was none or its file is damaged, which the stage itself reports."""
    try:
        return load_resolved(folder) if folder.study_file.is_file() else None
    except ReproError:
        return None


def reported_cells(report: Path) -> list[Cell]:
    """The cells of a report's results.json; none where it is damaged, which the stage itself reports."""
    try:
        return [
            Cell.from_key(key) for key in json.loads((report / "results.json").read_text(encoding="utf-8"))["cells"]
        ]
    except (OSError, ValueError, KeyError, TypeError, ReproError):
        return []


def _applying(study: Study | None, stages: Iterable[Stage]) -> Iterator[Stage]:
    return (stage for stage in stages if study is None or stage.applies(study))


def _plain(one: str | Only) -> str:
    return one if isinstance(one, str) else one.pattern


def _at_root(pattern: str) -> list[Path]:
    return _expand(pattern, RunFolder("embedded"), None)


def _expand(pattern: str, folder: RunFolder, cell: Cell | None) -> list[Path]:
    of_cell = {"cell": folder.cell(cell), "category": cell.category} if cell else {"cell": "", "category": ""}
    place, _, name = pattern.rpartition("/")
    within = Path(
        place.format(
            run=folder.run,
            report=folder.report,
            reports=folder.report.parent,
            root=folder.root,
            package=PACKAGE,
            **of_cell,
        )
    )
    if "*" in name:
        return sorted(path for path in within.glob(name) if not path.name.startswith("."))
    return [within / name.format(study=folder.study, **of_cell)]
