"""Published outputs: the study's own maps scored again, and our training on a few of the same images."""

from collections.abc import Sequence
from dataclasses import dataclass

from repro.paper.stat import Stat, mean, stat
from repro.paper.trace import count, traced
from repro.records.metrics import DefectRecord, ImageScore, Interval
from repro.records.results import CellRecord, Results
from repro.records.verdicts import Verdict

#: Of the tables of scores, in the order of the published columns.
METRICS = ("image_auroc", "image_f1", "pixel_auroc", "pixel_f1")
#: Images named as those that a model finds least.
WORST = 5


@dataclass(frozen=True)
class Value:
    """A published score beside what its maps give."""

    published: str
    recovered: float
    bounds: Interval
    interval: Interval
    verdict: str


@dataclass(frozen=True)
class Row:
    """One model on one category."""

    name: str
    category: str
    cell: CellRecord
    #: One of each of `METRICS`; None where the study published none.
    values: tuple[Value | None, ...]


@dataclass(frozen=True)
class Worst:
    """Where a model loses a category: its hardest defect type, and the anomalous images that look most normal."""

    name: str
    category: str
    defect: DefectRecord
    image_auroc: float
    images: tuple[ImageScore, ...]
    #: Normal images that score higher than the highest of those.
    above: int
    normal: int


@dataclass(frozen=True)
class DefectRow:
    category: str
    defect: str
    #: In the order of the models.
    by_model: tuple[DefectRecord, ...]


@dataclass(frozen=True)
class FewShotRow:
    name: str
    category: str
    #: Image AUROC, image F1, pixel AUROC, pixel F1, AU-PRO over the seeds.
    stats: tuple[Stat, ...]


@dataclass(frozen=True)
class PublishedOutputs:
    """What the section on the published outputs prints."""

    rows: tuple[Row, ...]
    follows: int
    judged: int
    images: int
    #: Mean over the cells, in points of F1.
    image_leak: float
    pixel_leak: float
    #: Least agreement of map and mask, and largest mean distance from the colour table, over the cells.
    agreement: float
    distance: float
    worst: Worst
    names: tuple[str, ...]
    defects: tuple[DefectRow, ...]
    #: By model: image AUROC, pixel AUROC and AU-PRO of each category in per cent, as others report them.
    as_others: tuple[tuple[str, tuple[tuple[float, float, float], ...]], ...]
    few_shot: tuple[FewShotRow, ...]
    #: Training images by category of the few-shot data.
    few_train: tuple[tuple[str, int], ...]


def published_outputs(
    published: Results | None, few_shot: Results | None, verdicts: Sequence[Verdict]
) -> PublishedOutputs | None:
    """The section's numbers; None where the published outputs were not scored."""
    if published is None:
        return None
    by_claim = {verdict.claim: verdict for verdict in verdicts if verdict.rule_name == "value"}
    rows = tuple(
        Row(name, category, cell, tuple(_value(by_claim, variant, cell, metric) for metric in METRICS))
        for variant, name in published.names.items()
        for category in published.study.categories
        if (cell := published.cells.get(f"{variant}/{category}/seed{published.seeds(variant)[0]}")) is not None
    )
    values = [value for row in rows for value in row.values if value is not None]
    words = [value.verdict for value in values]
    sound = [row.cell.sound for row in rows if row.cell.sound is not None]
    recoveries = [row.cell.recovery for row in rows if row.cell.recovery is not None]
    images = {row.category: row.cell.images for row in rows}
    agreements, distances = (
        [recovery.agreement for recovery in recoveries],
        [recovery.mean_distance for recovery in recoveries],
    )
    return PublishedOutputs(
        rows=rows,
        follows=traced(words.count("reproduced"), words),
        judged=count(words),
        images=traced(sum(images.values()), list(images.values())),
        image_leak=mean([one.image_leak.points for one in sound]),
        pixel_leak=mean([one.pixel_leak.points for one in sound]),
        agreement=traced(min(agreements), agreements),
        distance=traced(max(distances), distances),
        worst=_worst(rows),
        names=tuple(dict.fromkeys(row.name for row in rows)),
        defects=_by_defect(rows),
        as_others=_as_others(rows),
        few_shot=() if few_shot is None else _few_shot(few_shot),
        few_train=()
        if few_shot is None
        else tuple((name, few_shot.data.categories[name].train) for name in few_shot.study.categories),
    )


def _value(by_claim: dict[str, Verdict], variant: str, cell: CellRecord, metric: str) -> Value | None:
    verdict = by_claim.get(f"{variant}-{cell.category}-{metric.replace('_', '-')}")
    if verdict is None or verdict.value is None or verdict.bounds is None or verdict.interval is None:
        return None
    return Value(verdict.published, verdict.value, verdict.bounds, verdict.interval, verdict.verdict)


def _as_others(rows: Sequence[Row]) -> tuple[tuple[str, tuple[tuple[float, float, float], ...]], ...]:
    found: dict[str, list[tuple[float, float, float]]] = {}
    for row in rows:
        cell = row.cell
        scores = (100 * cell.raw.image_auroc, 100 * cell.raw.pixel_auroc, 100 * cell.metrics.aupro)
        found.setdefault(row.name, []).append(scores)
    return tuple((name, tuple(scores)) for name, scores in found.items())


def _by_defect(rows: Sequence[Row]) -> tuple[DefectRow, ...]:
    found: dict[tuple[str, str], list[DefectRecord]] = {}
    for row in rows:
        for defect in row.cell.defects:
            found.setdefault((row.category, defect.defect), []).append(defect)
    return tuple(DefectRow(category, defect, tuple(records)) for (category, defect), records in found.items())


def _worst(rows: Sequence[Row]) -> Worst:
    """The cell with the lowest image AUROC by a score that is in the maps, EfficientAD's."""
    seen = [row for row in rows if row.name.startswith("EfficientAD")] or list(rows)
    row = min(seen, key=lambda one: one.cell.raw.image_auroc)
    cell = row.cell
    anomalous = sorted((one for one in cell.scores if one.defect != "good"), key=lambda one: (one.score, one.image))
    normal = [one.score for one in cell.scores if one.defect == "good"]
    images = tuple(anomalous[:WORST])
    highest = max(image.score for image in images)
    return Worst(
        name=row.name,
        category=row.category,
        defect=min(cell.defects, key=lambda one: one.image_auroc),
        image_auroc=cell.raw.image_auroc,
        images=images,
        above=traced(sum(score > highest for score in normal), normal),
        normal=count(normal),
    )


def _few_shot(few_shot: Results) -> tuple[FewShotRow, ...]:
    rows = []
    for category in few_shot.study.categories:
        for variant, name in few_shot.names.items():
            keys = [f"{variant}/{category}/seed{seed}" for seed in few_shot.seeds(variant)]
            metrics = [few_shot.cells[key].metrics for key in keys if key in few_shot.cells]
            if metrics:
                stats = (stat([getattr(one, metric) for one in metrics]) for metric in (*METRICS, "aupro"))
                rows.append(FewShotRow(name, category, tuple(stats)))
    return tuple(rows)
