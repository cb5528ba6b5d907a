"""Estimate: a study in, the hours, disk and memory it will take out, before anything starts. Needs no torch.

Hours come from earlier runs: of each stage the rate at which they worked, in core-seconds for a unit of work, times the
work of each cell that is left. What an hour is worth elsewhere, no formula knows: it is an estimate and says so.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from pydantic import TypeAdapter

from repro.costs import needs
from repro.costs.growth import seconds_at
from repro.costs.needs import Images
from repro.costs.timings import timings
from repro.data import visa
from repro.data.layout import samples
from repro.data.official import OFFICIAL
from repro.errors import ReproError
from repro.gpus import gpus
from repro.panels.originals import FOLDERS, originals_of
from repro.pipeline import OF_A_CELL, jobs
from repro.records.base import SCHEMA_VERSION
from repro.records.costs import Bench
from repro.runs import Cell, RunFolder, read_json, read_record
from repro.study import (
    EfficientAdVariant,
    FolderData,
    PatchCoreVariant,
    ProceduralData,
    PublishedData,
    Study,
    Variant,
    check,
)

STAGES = tuple(stage.name for stage in OF_A_CELL)
#: Core-seconds before a stage begins its work: imports. Measured on two cores of an AMD EPYC.
START = {"fit": 11.0, "predict": 11.0, "score": 3.0, "retrieve": 3.0}
#: Stages that run where the network does; the others always run on the CPU.
NETWORK = tuple(stage.name for stage in OF_A_CELL if stage.gpu)
HINT = "delete it, or run `nox -s reproduce` again"


@dataclass(frozen=True)
class Timed:
    """A stage of a cell as it was timed."""

    stage: str
    variant: Variant
    image_size: int
    images: Images
    core_seconds: float
    gpu: bool


@dataclass(frozen=True)
class Share:
    """What the cells of one variant take."""

    variant: str
    cells: int
    #: Cells that are not trained yet.
    to_train: int
    #: Core-seconds of all that is left; None where nothing like it was ever timed.
    core_seconds: float | None
    #: Bytes that are still to be written.
    disk: int
    #: Bytes that one process holds at most, and how many of them run at once.
    memory: int
    beside: int


@dataclass(frozen=True)
class Estimate:
    """What is left of a study takes this."""

    shares: tuple[Share, ...]
    cores: int
    gpu: bool
    #: Where the number of images is from, and the times.
    counted: str
    timed: str | None

    @property
    def seconds(self) -> float | None:
        """Of all that is left, work divided evenly over the cores."""
        known = [share.core_seconds for share in self.shares if share.core_seconds is not None]
        return sum(known) / self.cores if len(known) == len(self.shares) else None

    @property
    def disk(self) -> int:
        return sum(share.disk for share in self.shares)

    @property
    def memory(self) -> int:
        """Most that processes hold at once; stages of different models seldom meet, so the largest counts."""
        return max((share.memory * share.beside for share in self.shares), default=0)


def estimate(folder: RunFolder, study: Study, *, cores: int, accelerator: str = "auto") -> Estimate:
    """What the cells of a study that have not run yet take. Reads files and folders; writes nothing."""
    gpu = bool(gpus(accelerator))
    images, counted = count_images(study)
    where, times = earlier(folder)
    bench = _bench(folder)
    shares = []
    for name, variant in study.variants.items():
        cells = [cell for cell in study.cells if cell.variant == name]
        left = [(cell, _left(folder, study, cell)) for cell in cells]
        seconds = [
            _core_seconds(times, bench, stage, variant, study.image_size, images[cell.category], gpu=gpu)
            for cell, stages in left
            for stage in stages
        ]
        known = [second for second in seconds if second is not None]
        memory, beside = _memory(study, name, left, images, cores, gpu=gpu)
        shares.append(
            Share(
                variant=name,
                cells=len(cells),
                to_train=sum("fit" in stages for _, stages in left),
                core_seconds=sum(known) if len(known) == len(seconds) else None,
                disk=_disk(study, variant, left, images, beside),
                memory=memory,
                beside=beside,
            )
        )
    return Estimate(tuple(shares), cores, gpu, counted, where if times else None)


def count_images(study: Study) -> tuple[dict[str, Images], str]:
    """Images of each category, and in words how they were counted."""
    if isinstance(study.data, PublishedData):
        listed = {name: Images(0, len(originals_of(FOLDERS["efficientad"], name))) for name in study.categories}
        return listed, "the published result images"
    if isinstance(study.data, ProceduralData):
        # Five defect types a category, as MVTec AD has of those that can be drawn.
        drawn = Images(study.data.train, study.data.test_good + 5 * study.data.test_defect)
        return dict.fromkeys(study.categories, drawn), "as the study draws them"
    if study.data.root is None:
        unknown = [category for category in study.categories if category not in OFFICIAL]
        if unknown:
            raise ReproError(
                f"no images and no official number of them for {', '.join(unknown)}",
                where=f"study {study.name}",
                hint="say where the images are with --data-root",
            )
        official = {name: Images(OFFICIAL[name][0], OFFICIAL[name][2]) for name in study.categories}
        return official, "the official numbers of MVTec AD; no images are on disk"
    root, found = Path(study.data.root), {}
    for category in study.categories:
        splits = _splits(study.data, root, category)
        if not splits:
            raise ReproError("no images of this category", where=root / category, hint="name another --data-root")
        found[category] = Images(splits.count("train"), splits.count("test"))
    return found, f"counted in {root}"


def _splits(data: FolderData, root: Path, category: str) -> list[str]:
    """Of each image `train` or `test`."""
    if data.layout == "visa":
        return [row.folder.split("/")[0] for row in visa.read_split(root, [category])]
    return [sample.split for sample in samples(root, category)]


def earlier(folder: RunFolder) -> tuple[str, list[Timed]]:
    """Stages timed on this machine, of this study where it has some, else those of the committed reports; and whose."""
    ours = {path.parent.name: list(_timed(RunFolder(path.parent.name, folder.root))) for path in _runs(folder)}
    ours = {name: times for name, times in ours.items() if any(time.stage == "fit" for time in times)}
    if folder.study in ours:
        ours = {folder.study: ours[folder.study]} | ours
    if ours:
        said = f"runs of {', '.join(ours)} on this machine"
        return said, [time for times in ours.values() for time in times]
    theirs = {path.parent.name: list(_reported(path.parent)) for path in _reports(folder)}
    said = f"the reports of {', '.join(theirs)}, made on another machine"
    return said, [time for times in theirs.values() for time in times]


def _runs(folder: RunFolder) -> list[Path]:
    return sorted((folder.root / "runs").glob("*/study.json"))


def _reports(folder: RunFolder) -> list[Path]:
    return sorted((folder.root / "report").glob("*/timings.json"))


def _timed(run: RunFolder) -> Iterator[Timed]:
    """Of a run folder."""
    try:
        study = check(read_json(run.study_file, hint=HINT), where=run.study_file)
    except ReproError:
        return  # Of another version: it says nothing, and does no harm.
    for key, cost in timings(run.run, {cell.key for cell in study.cells}).items():
        stage, _, name = key.partition(" ")
        if stage not in STAGES or not run.manifest(Cell.from_key(name).category).is_file():
            continue
        cell = Cell.from_key(name)
        fitted = run.cell(cell) / "fit.json"
        if not fitted.is_file():
            continue
        fit = read_json(fitted, hint=HINT)
        record = read_json(run.manifest(cell.category), hint=HINT)["record"]
        yield Timed(
            stage,
            study.variants[cell.variant],
            study.image_size,
            Images(record["train"], sum(record["test"].values())),
            cost["seconds"] * (fit["threads"] if stage in NETWORK else 1),
            gpu=not str(fit["device"]).startswith("cpu"),
        )


def _reported(report: Path) -> Iterator[Timed]:
    """Of a report folder, whose environment.json holds the most threads that any cell had."""
    results, environment = (read_json(report / f"{name}.json", hint=HINT) for name in ("results", "environment"))
    if results.get("schema_version") != SCHEMA_VERSION:
        return
    variants: dict[str, Variant] = {
        name: TypeAdapter(Variant).validate_python({"model": one["model"], **one["settings"]})
        for name, one in results["variants"].items()
    }
    beside = sum(variants[cell["variant"]].model == "patchcore" for cell in results["cells"].values())
    for key, cost in read_json(report / "timings.json", hint=HINT).items():
        stage, _, name = key.partition(" ")
        if stage not in STAGES or name not in results["cells"]:
            continue
        cell = Cell.from_key(name)
        record = results["data"]["categories"][cell.category]
        alone = variants[cell.variant].model != "patchcore"
        threads = environment["threads"] if alone else max(1, environment["threads"] // beside)
        yield Timed(
            stage,
            variants[cell.variant],
            results["study"]["image_size"],
            Images(record["train"], sum(record["test"].values())),
            cost["seconds"] * (threads if stage in NETWORK else 1),
            gpu=not all(str(one).startswith("cpu") for one in environment["devices"]),
        )


def _bench(folder: RunFolder) -> Bench | None:
    path = folder.root / "report" / "bench.json"
    return read_record(path, Bench, hint="run `nox -s bench`") if path.is_file() else None


def _core_seconds(
    times: list[Timed], bench: Bench | None, stage: str, variant: Variant, size: int, images: Images, *, gpu: bool
) -> float | None:
    """Of a stage of one cell: what its start, its coreset and, at the rate of earlier runs, its work take."""
    known = [time for time in times if time.stage == stage and (stage not in NETWORK or time.gpu == gpu)]
    alike = [one for one in known if one.variant.model == variant.model]
    # Networks differ; where the same one was timed, others say nothing.
    same = [one for one in alike if _network(one.variant) == _network(variant)]
    rates = [
        max(one.core_seconds - START[stage] - _coreset(bench, stage, one.variant, one.image_size, one.images), 0)
        / _work(stage, one.variant, one.image_size, one.images)
        for one in same or alike
    ]
    if not rates:
        return None
    fixed = START[stage] + _coreset(bench, stage, variant, size, images)
    return fixed + median(rates) * _work(stage, variant, size, images)


def _network(variant: Variant) -> str:
    return variant.size if isinstance(variant, EfficientAdVariant) else variant.backbone


def _work(stage: str, variant: Variant, size: int, images: Images) -> float:
    """What the time of a stage grows with: steps, or images, by their area; pairs of images for the search."""
    area = needs.area(variant, size)
    match stage:
        case "fit":
            passes = variant.epochs if isinstance(variant, EfficientAdVariant) else 1
            return max(passes * images.train * area, 1)
        case "retrieve":
            return max(images.test**2, 1)
    return max(images.test * area, 1)


def _coreset(bench: Bench | None, stage: str, variant: Variant, size: int, images: Images) -> float:
    """Core-seconds to select a coreset."""
    if bench is None or stage != "fit" or not isinstance(variant, PatchCoreVariant):
        return 0.0
    measured = sorted((pair.points, pair.seconds) for pair in bench.pairs if pair.points)
    seconds = seconds_at(needs.patches(variant, size, images.train), measured)
    # Measured for a tenth of the patches; fewer take less.
    tenths = min(1.0, variant.coreset_ratio / 0.1)
    return bench.threads * seconds * tenths


def _left(folder: RunFolder, study: Study, cell: Cell) -> list[str]:
    """Stages of a cell that are not finished."""
    return [job.stage.name for job in jobs(folder, study, [cell]) if job.cell and not job.finished]


Left = list[tuple[Cell, list[str]]]


def _disk(study: Study, variant: Variant, left: Left, images: Mapping[str, Images], beside: int) -> int:
    size, total = study.image_size, 0
    spilled = 0
    for cell, stages in left:
        of = images[cell.category]
        if "fit" in stages:
            total += needs.checkpoint(variant, size, of.train)
            if isinstance(variant, PatchCoreVariant):
                spilled = max(spilled, needs.bank(variant, size, of.train))
        if "predict" in stages:
            total += needs.predictions(variant, size, of.test) + needs.embeddings(variant, of.test)
        total += needs.PER_IMAGE * of.test * bool(stages)
    begun = any("fit" in stages for _, stages in left)
    return total + beside * spilled + needs.WEIGHTS * (begun and isinstance(variant, EfficientAdVariant))


def _memory(
    study: Study, name: str, left: Left, images: Mapping[str, Images], cores: int, *, gpu: bool
) -> tuple[int, int]:
    """Most bytes of a process, and how many such run at once, for the stage that takes most."""
    variant, size = study.variants[name], study.image_size
    together = cores // needs.cores_of(study, name, cores, int(gpu))
    computed: dict[str, Any] = {"fit": needs.fit_memory, "predict": needs.predict_memory, "score": needs.score_memory}
    most = (0, 1)
    for stage, formula in computed.items():
        sizes = [formula(variant, size, images[cell.category]) for cell, stages in left if stage in stages]
        if sizes:
            most = max(most, (max(sizes), min(together if stage in NETWORK else cores, len(sizes))), key=math.prod)
    return most
