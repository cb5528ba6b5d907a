"""Cost: bench.json in, what a reproduction costs out: of this study, and of each costly step beside anomalib's."""

from collections.abc import Mapping
from typing import Any

from repro.paper.trace import traced
from repro.records.costs import Bench, Cost

#: What the steps of bench.json are, by the beginning of their name.
STEPS = {
    "coreset": "select a coreset of a tenth",
    "efficientad": "train EfficientAD for a step",
    "nearest": "search the neighbours of an image",
}
#: What the models of its latencies are called.
MODELS = {"efficientad": "EfficientAD", "patchcore": "PatchCore"}


def cost(bench: Bench | None, study: str, names: Mapping[str, str]) -> dict[str, Any] | None:
    """The measured steps, and what the stages of the study took where that was kept; None where nothing was."""
    if bench is None:
        return None
    run = bench.runs.get(study)
    pairs = [{"words": STEPS[pair.name.split("-")[0]], "record": pair} for pair in bench.pairs]
    largest = max(
        (pair for pair in bench.pairs if pair.points is not None), key=lambda one: one.points or 0, default=None
    )
    return {
        "bench": bench,
        "pairs": pairs,
        "models": MODELS,
        "largest": largest,
        "below": [pair.points for pair in bench.pairs if pair.points is not None and pair.seconds < pair.floor_seconds],
        "scaled": [pair for pair in bench.pairs if pair.measured_share < 1],
        "published": _published(bench),
        "run": None if run is None or not run.costs else {"record": run, **_stages(run.costs, names)},
    }


def _published(bench: Bench) -> dict[str, Any] | None:
    """Seconds of the published study's costly steps, here and in anomalib, by model; None where they are not known."""
    sides = ("seconds", "anomalib_seconds")
    return (
        {side: {one.model: getattr(one, side) for one in bench.published} for side in sides}
        if bench.published
        else None
    )


def _stages(costs: Mapping[str, Cost], names: Mapping[str, str]) -> dict[str, Any]:
    """What a run took: of all stages together, of the longest kind of stage, and by stage."""
    stages: dict[str, list[Cost]] = {}
    for name, one in costs.items():
        stages.setdefault(name.split(" ")[0], []).append(one)
    seconds = {stage: sum(one.seconds for one in found) for stage, found in stages.items()}
    longest = max(seconds, key=lambda stage: seconds[stage])
    return {
        "seconds": sum(seconds.values()),
        "peak": traced(max(one.peak_mb for one in costs.values()), [one.peak_mb for one in costs.values()]),
        "longest": longest,
        "share": seconds[longest] / sum(seconds.values()) if any(seconds.values()) else None,
        "stages": list(seconds),
        "rows": _by_variant(costs, names),
    }


def _by_variant(costs: Mapping[str, Cost], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Seconds by variant and stage, over all its cells, and the most memory that any of them took."""
    rows: dict[str, dict[str, Any]] = {}
    for name, one in costs.items():
        stage, _, cell = name.partition(" ")
        row = rows.setdefault(cell.split("/")[0], {"seconds": {}, "peak": one.peak_mb})
        row["seconds"][stage] = row["seconds"].get(stage, 0) + one.seconds
        row["peak"] = traced(max(row["peak"], one.peak_mb), row["peak"], one.peak_mb)
    return [{"name": names.get(variant, "the study"), **row} for variant, row in rows.items()]
