"""Cost: bench.json in, the measured steps and what the study itself took out."""

from collections.abc import Mapping
from dataclasses import dataclass

from repro.paper.trace import traced
from repro.records.costs import Bench, Cost, CostPair, RunCost

#: What a step of bench.json does, by the beginning of its name.
STEPS = {
    "coreset": "select a coreset of a tenth",
    "efficientad": "train EfficientAD for a step",
    "nearest": "search the neighbours of an image",
}
#: Names of the models of the latencies.
MODELS = {"efficientad": "EfficientAD", "patchcore": "PatchCore"}


@dataclass(frozen=True)
class Step:
    """A step measured here and in anomalib."""

    words: str
    record: CostPair


@dataclass(frozen=True)
class PublishedStudy:
    """Estimated seconds of the published study's costly steps by model, here and in anomalib."""

    seconds: dict[str, float]
    anomalib_seconds: dict[str, float]


@dataclass(frozen=True)
class VariantCost:
    """What the cells of a variant took, or the stages without a cell."""

    name: str
    #: Sum over cells, by stage.
    seconds: dict[str, float]
    #: Most memory in MB.
    peak: float


@dataclass(frozen=True)
class StudyCost:
    """What the stages of the study took."""

    record: RunCost
    seconds: float
    #: Most memory in MB.
    peak: float
    #: The stage that took longest over all cells, and its share of all seconds; None where nothing took any.
    longest: str
    share: float | None
    stages: tuple[str, ...]
    rows: tuple[VariantCost, ...]


@dataclass(frozen=True)
class CostSection:
    bench: Bench
    pairs: tuple[Step, ...]
    models: dict[str, str]
    #: The coreset of most points.
    largest: CostPair | None
    #: Points of the coresets that took less than the plain matrix product.
    below: tuple[int, ...]
    #: Steps of which anomalib's work was measured in part.
    scaled: tuple[CostPair, ...]
    #: None where not estimated.
    published: PublishedStudy | None
    #: None where not recorded.
    run: StudyCost | None


def cost(bench: Bench | None, study: str, names: Mapping[str, str]) -> CostSection | None:
    """The section's numbers, with names by variant; None where nothing was measured."""
    if bench is None:
        return None
    run = bench.runs.get(study)
    coresets = [pair for pair in bench.pairs if pair.points is not None]
    return CostSection(
        bench=bench,
        pairs=tuple(Step(STEPS[pair.name.split("-")[0]], pair) for pair in bench.pairs),
        models=MODELS,
        largest=max(coresets, key=lambda pair: pair.points or 0, default=None),
        below=tuple(pair.points for pair in coresets if pair.points is not None and pair.seconds < pair.floor_seconds),
        scaled=tuple(pair for pair in bench.pairs if pair.measured_share < 1),
        published=_published(bench),
        run=_study_cost(run, names) if run and run.costs else None,
    )


def _published(bench: Bench) -> PublishedStudy | None:
    if not bench.published:
        return None
    return PublishedStudy(
        seconds={model.model: model.seconds for model in bench.published},
        anomalib_seconds={model.model: model.anomalib_seconds for model in bench.published},
    )


def _study_cost(run: RunCost, names: Mapping[str, str]) -> StudyCost:
    by_stage: dict[str, list[Cost]] = {}
    for name, stage_cost in run.costs.items():
        by_stage.setdefault(name.split(" ")[0], []).append(stage_cost)
    seconds = {stage: sum(stage_cost.seconds for stage_cost in costs) for stage, costs in by_stage.items()}
    longest = max(seconds, key=lambda stage: seconds[stage])
    peaks = [stage_cost.peak_mb for stage_cost in run.costs.values()]
    return StudyCost(
        record=run,
        seconds=sum(seconds.values()),
        peak=traced(max(peaks), peaks),
        longest=longest,
        share=seconds[longest] / sum(seconds.values()) if any(seconds.values()) else None,
        stages=tuple(seconds),
        rows=_by_variant(run.costs, names),
    )


def _by_variant(costs: Mapping[str, Cost], names: Mapping[str, str]) -> tuple[VariantCost, ...]:
    seconds: dict[str, dict[str, float]] = {}
    peaks: dict[str, list[float]] = {}
    for name, stage_cost in costs.items():
        stage, _, cell = name.partition(" ")
        variant = cell.split("/")[0]
        by_stage = seconds.setdefault(variant, {})
        by_stage[stage] = by_stage.get(stage, 0) + stage_cost.seconds
        peaks.setdefault(variant, []).append(stage_cost.peak_mb)
    return tuple(
        VariantCost(names.get(variant, "the study"), by_stage, traced(max(peaks[variant]), peaks[variant]))
        for variant, by_stage in seconds.items()
    )
