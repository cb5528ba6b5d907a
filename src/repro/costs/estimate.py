"""Estimate: a study in, the hours, disk space and memory that it will take out, before it starts. Needs no torch.

Hours come from earlier runs: the core-seconds of each stage per unit of work, times the work of each unfinished cell.
They are only an estimate, because cores of other machines are faster or slower.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pydantic import TypeAdapter

from repro.costs import needs
from repro.costs.growth import seconds_at
from repro.costs.needs import Images
from repro.costs.timings import timings
from repro.data import formats, visa
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
#: Core-seconds that a stage takes before its work starts, as a fork; measured on two cores of an AMD EPYC.
START = {"fit": 1.0, "predict": 1.0, "score": 0.5, "retrieve": 0.5}
#: Stages that run the network, on a GPU if there is one; the others always run on the CPU.
NETWORK_STAGES = tuple(stage.name for stage in OF_A_CELL if stage.gpu)
#: Memory of the stages for which it is estimated; the others take less.
MEMORY = {"fit": needs.fit_memory, "predict": needs.predict_memory, "score": needs.score_memory}
HINT = "delete it, or run `nox -s reproduce` again"

#: Cells with the names of their stages that are not finished.
Unfinished = list[tuple[Cell, list[str]]]


@dataclass(frozen=True)
class Workload:
    """A stage of one cell, described by what determines its time."""

    stage: str
    variant: Variant
    image_size: int
    images: Images

    @property
    def units(self) -> float:
        """Units of work, at least 1: training steps or test images by area, or pairs of images for the search."""
        if self.stage == "retrieve":
            return max(self.images.test**2, 1)
        area = needs.relative_area(self.variant, self.image_size)
        if self.stage == "fit":
            epochs = self.variant.epochs if isinstance(self.variant, EfficientAdVariant) else 1
            return max(epochs * self.images.train * area, 1)
        return max(self.images.test * area, 1)

    @property
    def network(self) -> str:
        """The network on which the time of a unit depends."""
        return self.variant.size if isinstance(self.variant, EfficientAdVariant) else self.variant.backbone

    def fixed_core_seconds(self, bench: Bench | None) -> float:
        """Core-seconds that are not proportional to the units: imports and, if benchmarked, the coreset selection."""
        start = START.get(self.stage, 0.0)
        if bench is None or self.stage != "fit" or not isinstance(self.variant, PatchCoreVariant):
            return start
        measured = sorted((pair.points, pair.seconds) for pair in bench.pairs if pair.points)
        patches = needs.patch_count(self.variant, self.image_size, self.images.train)
        # The benchmark selects a tenth of the patches; a smaller coreset takes less.
        tenths = min(1.0, self.variant.coreset_ratio / 0.1)
        return start + bench.threads * seconds_at(patches, measured) * tenths


@dataclass(frozen=True)
class Timing:
    """The measured time of a workload."""

    workload: Workload
    core_seconds: float
    gpu: bool


@dataclass(frozen=True)
class VariantEstimate:
    """What the unfinished cells of one variant take."""

    variant: str
    #: All cells, finished ones included.
    cells: int
    #: Cells that are not trained yet.
    to_train: int
    #: None if a stage with this model was never timed.
    core_seconds: float | None
    #: Bytes that will be written.
    disk: int
    #: Peak bytes of one process, and how many such processes run at once.
    process_memory: int
    processes: int

    @property
    def memory(self) -> int:
        """Peak bytes of all processes."""
        return self.process_memory * self.processes


@dataclass(frozen=True)
class Estimate:
    """What the unfinished cells of a study take."""

    variants: tuple[VariantEstimate, ...]
    cores: int
    gpu: bool
    #: In words, where the numbers of images and the timings come from; None without timings.
    images_source: str
    timings_source: str | None

    @property
    def seconds(self) -> float | None:
        """Wall-clock seconds, assuming that work divides evenly over the cores; None if a variant's are unknown."""
        known = [variant.core_seconds for variant in self.variants if variant.core_seconds is not None]
        return sum(known) / self.cores if len(known) == len(self.variants) else None

    @property
    def disk(self) -> int:
        """Bytes that will be written."""
        return sum(variant.disk for variant in self.variants)

    @property
    def memory(self) -> int:
        """Peak bytes, those of the largest variant: different models rarely run at the same time."""
        return max((variant.memory for variant in self.variants), default=0)


def estimate(folder: RunFolder, study: Study, *, cores: int, accelerator: str = "auto") -> Estimate:
    """Estimate what the unfinished cells of a study take. Reads files and folders, writes nothing.

    Raises ReproError if the images of a category are not found and no official number of them is known.
    """
    gpu = bool(gpus(accelerator))
    images, images_source = count_images(study)
    past, timings_source = past_timings(folder)
    bench = _bench(folder)
    variants = []
    for name, variant in study.variants.items():
        cells = [cell for cell in study.cells if cell.variant == name]
        unfinished = [(cell, _unfinished_stages(folder, study, cell)) for cell in cells]
        seconds = [
            _core_seconds(Workload(stage, variant, study.image_size, images[cell.category]), past, bench, gpu=gpu)
            for cell, stages in unfinished
            for stage in stages
        ]
        known = [value for value in seconds if value is not None]
        process_memory, processes = _memory(study, name, unfinished, images, cores, gpu=gpu)
        variants.append(
            VariantEstimate(
                variant=name,
                cells=len(cells),
                to_train=sum("fit" in stages for _, stages in unfinished),
                core_seconds=sum(known) if len(known) == len(seconds) else None,
                disk=_disk(study, variant, unfinished, images, processes),
                process_memory=process_memory,
                processes=processes,
            )
        )
    return Estimate(tuple(variants), cores, gpu, images_source, timings_source if past else None)


def count_images(study: Study) -> tuple[dict[str, Images], str]:
    """Count the images of each category; also returns in words where the numbers come from."""
    if isinstance(study.data, PublishedData):
        listed = {name: Images(0, len(originals_of(FOLDERS["efficientad"], name))) for name in study.categories}
        return listed, "the published result images"
    if isinstance(study.data, ProceduralData):
        # At most five defect types for each category: those of MVTec AD that can be drawn.
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
    root, counts = Path(study.data.root), {}
    for category in study.categories:
        splits = _splits(study.data, root, category)
        if not splits:
            raise ReproError("no images of this category", where=root / category, hint="name another --data-root")
        counts[category] = Images(splits.count("train"), splits.count("test"))
    return counts, f"counted in {root}"


def _splits(data: FolderData, root: Path, category: str) -> list[str]:
    """`train` or `test` for each image."""
    if data.layout == "visa":
        return [row.folder.split("/")[0] for row in visa.read_split(root, [category])]
    return formats.splits(root, category)


def past_timings(folder: RunFolder) -> tuple[list[Timing], str]:
    """Read the timings of runs on this machine, or without any those of the reports; also returns which in words."""
    runs = {}
    for path in sorted((folder.root / "runs").glob("*/study.json")):
        past = list(_run_timings(RunFolder(path.parent.name, folder.root)))
        if any(timing.workload.stage == "fit" for timing in past):
            runs[path.parent.name] = past
    if folder.study in runs:
        runs = {folder.study: runs[folder.study]} | runs
    if runs:
        return [timing for past in runs.values() for timing in past], f"runs of {', '.join(runs)} on this machine"
    paths = sorted((folder.root / "report").glob("*/timings.json"))
    reported = [timing for path in paths for timing in _report_timings(path.parent)]
    studies = ", ".join(path.parent.name for path in paths)
    return reported, f"the reports of {studies}, made on another machine"


def _run_timings(run: RunFolder) -> Iterator[Timing]:
    """Timings of the trained cells of a run folder; none if another version of repro wrote its study.json."""
    try:
        study = check(read_json(run.study_file, hint=HINT), where=run.study_file)
    except ReproError:
        return
    for key, cost in timings(run.run, {cell.key for cell in study.cells}).items():
        stage, _, name = key.partition(" ")
        if stage not in STAGES:
            continue
        cell = Cell.from_key(name)
        manifest, fit_file = run.manifest(cell.category), run.cell(cell) / "fit.json"
        if not manifest.is_file() or not fit_file.is_file():
            continue
        fit = read_json(fit_file, hint=HINT)
        record = read_json(manifest, hint=HINT)["record"]
        images = Images(record["train"], sum(record["test"].values()))
        yield Timing(
            Workload(stage, study.variants[cell.variant], study.image_size, images),
            cost["seconds"] * (fit["threads"] if stage in NETWORK_STAGES else 1),
            gpu=not str(fit["device"]).startswith("cpu"),
        )


def _report_timings(report: Path) -> Iterator[Timing]:
    """Timings of a report folder; none if another version of repro wrote its results.json."""
    results, environment = (read_json(report / f"{name}.json", hint=HINT) for name in ("results", "environment"))
    if results.get("schema_version") != SCHEMA_VERSION:
        return
    variants: dict[str, Variant] = {
        name: TypeAdapter(Variant).validate_python({"model": record["model"], **record["settings"]})
        for name, record in results["variants"].items()
    }
    # environment.json holds the most threads of any cell; the cells of PatchCore ran in parallel.
    parallel = sum(variants[cell["variant"]].model == "patchcore" for cell in results["cells"].values())
    for key, cost in read_json(report / "timings.json", hint=HINT).items():
        stage, _, name = key.partition(" ")
        if stage not in STAGES or name not in results["cells"]:
            continue
        cell = Cell.from_key(name)
        variant = variants[cell.variant]
        record = results["data"]["categories"][cell.category]
        images = Images(record["train"], sum(record["test"].values()))
        threads = environment["threads"]
        if variant.model == "patchcore":
            threads = max(1, threads // parallel)
        yield Timing(
            Workload(stage, variant, results["study"]["image_size"], images),
            cost["seconds"] * (threads if stage in NETWORK_STAGES else 1),
            gpu=not all(str(device).startswith("cpu") for device in environment["devices"]),
        )


def _bench(folder: RunFolder) -> Bench | None:
    path = folder.root / "report" / "bench.json"
    return read_record(path, Bench, hint="run `nox -s bench`") if path.is_file() else None


def _core_seconds(workload: Workload, past: list[Timing], bench: Bench | None, *, gpu: bool) -> float | None:
    """Core-seconds of a workload at the median rate of past ones; None if none is comparable.

    Comparable are those of the same stage, model and kind of device. If any has the same network, only those count.
    """
    comparable = [
        timing
        for timing in past
        if timing.workload.stage == workload.stage
        and timing.workload.variant.model == workload.variant.model
        and (timing.gpu == gpu or workload.stage not in NETWORK_STAGES)
    ]
    same_network = [timing for timing in comparable if timing.workload.network == workload.network]
    rates = [
        max(timing.core_seconds - timing.workload.fixed_core_seconds(bench), 0) / timing.workload.units
        for timing in same_network or comparable
    ]
    return workload.fixed_core_seconds(bench) + median(rates) * workload.units if rates else None


def _unfinished_stages(folder: RunFolder, study: Study, cell: Cell) -> list[str]:
    return [job.stage.name for job in jobs(folder, study, [cell]) if job.cell and not job.finished]


def _disk(study: Study, variant: Variant, unfinished: Unfinished, images: Mapping[str, Images], processes: int) -> int:
    """Bytes that the cells write, with the files of patches that PatchCore keeps while it selects its coreset."""
    size = study.image_size
    total = largest_bank = 0
    for cell, stages in unfinished:
        train, test = images[cell.category].train, images[cell.category].test
        if "fit" in stages:
            total += needs.checkpoint_size(variant, size, train)
            if isinstance(variant, PatchCoreVariant):
                largest_bank = max(largest_bank, needs.bank_size(variant, size, train))
        if "predict" in stages:
            total += needs.predictions_size(variant, size, test) + needs.embeddings_size(variant, test)
        if stages:
            total += needs.PER_IMAGE * test
    if isinstance(variant, EfficientAdVariant) and any("fit" in stages for _, stages in unfinished):
        total += needs.WEIGHTS
    return total + processes * largest_bank


def _memory(
    study: Study, name: str, unfinished: Unfinished, images: Mapping[str, Images], cores: int, *, gpu: bool
) -> tuple[int, int]:
    """Peak bytes of a process and how many run at once, of the stage for which their product is largest."""
    variant = study.variants[name]
    parallel = cores // needs.cores_of(study, name, cores, int(gpu))
    process_memory, processes = 0, 1
    for stage, formula in MEMORY.items():
        sizes = [
            formula(variant, study.image_size, images[cell.category]) for cell, stages in unfinished if stage in stages
        ]
        if not sizes:
            continue
        at_once = min(parallel if stage in NETWORK_STAGES else cores, len(sizes))
        if max(sizes) * at_once > process_memory * processes:
            process_memory, processes = max(sizes), at_once
    return process_memory, processes
