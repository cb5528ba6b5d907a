"""Published outputs: the study's own maps, scored again, and a training on a few of the images in, the section out."""

from collections.abc import Sequence
from dataclasses import dataclass

from repro.data.layout import GOOD
from repro.paper.cells import cells_of, first_cell
from repro.paper.sections.scores import over_seeds
from repro.paper.stat import Stat, mean
from repro.paper.trace import count, traced
from repro.records.metrics import DefectRecord, ImageScore, Interval
from repro.records.results import CellRecord, Results
from repro.records.verdicts import Verdict

#: The columns of the published tables of scores.
METRICS = ("image_auroc", "image_f1", "pixel_auroc", "pixel_f1")
#: How many anomalous images with the lowest scores are named.
WORST = 5


@dataclass(frozen=True)
class Value:
    """A published score, and the same from the recovered maps."""

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
    #: By `METRICS`; None where the study published none.
    values: tuple[Value | None, ...]


@dataclass(frozen=True)
class Worst:
    """Where a model is weakest: its hardest defect type, and the anomalous images with the lowest scores."""

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
    """The numbers of the section on the published outputs."""

    rows: tuple[Row, ...]
    #: How many published scores follow from the maps, of how many judged.
    follows: int
    judged: int
    images: int
    #: Mean over the cells, and over random splits where they were made, in points of F1.
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
        if (cell := first_cell(published, variant, category)) is not None
    )
    words = [value.verdict for row in rows for value in row.values if value is not None]
    sound = [row.cell.sound for row in rows if row.cell.sound is not None]
    recoveries = [row.cell.recovery for row in rows if row.cell.recovery is not None]
    agreements = [recovery.agreement for recovery in recoveries]
    distances = [recovery.mean_distance for recovery in recoveries]
    images = {row.category: row.cell.images for row in rows}
    return PublishedOutputs(
        rows=rows,
        follows=traced(words.count("reproduced"), words),
        judged=count(words),
        images=traced(sum(images.values()), list(images.values())),
        image_leak=mean([one.repeated.image.mean if one.repeated else one.image_leak.points for one in sound]),
        pixel_leak=mean([one.repeated.pixel.mean if one.repeated else one.pixel_leak.points for one in sound]),
        agreement=traced(min(agreements), agreements),
        distance=traced(max(distances), distances),
        worst=_worst(rows),
        names=tuple(dict.fromkeys(row.name for row in rows)),
        defects=_by_defect(rows),
        as_others=_as_others(rows),
        few_shot=_few_shot(few_shot) if few_shot else (),
        few_train=_few_train(few_shot) if few_shot else (),
    )


def _value(by_claim: dict[str, Verdict], variant: str, cell: CellRecord, metric: str) -> Value | None:
    verdict = by_claim.get(f"{variant}-{cell.category}-{metric.replace('_', '-')}")
    if verdict is None or verdict.value is None or verdict.bounds is None or verdict.interval is None:
        return None
    return Value(verdict.published, verdict.value, verdict.bounds, verdict.interval, verdict.verdict)


def _as_others(rows: Sequence[Row]) -> tuple[tuple[str, tuple[tuple[float, float, float], ...]], ...]:
    by_name: dict[str, list[tuple[float, float, float]]] = {}
    for row in rows:
        raw = row.cell.raw
        scores = (100 * raw.image_auroc, 100 * raw.pixel_auroc, 100 * row.cell.metrics.aupro)
        by_name.setdefault(row.name, []).append(scores)
    return tuple((name, tuple(scores)) for name, scores in by_name.items())


def _by_defect(rows: Sequence[Row]) -> tuple[DefectRow, ...]:
    by_defect: dict[tuple[str, str], list[DefectRecord]] = {}
    for row in rows:
        for defect in row.cell.defects:
            by_defect.setdefault((row.category, defect.defect), []).append(defect)
    return tuple(DefectRow(category, defect, tuple(records)) for (category, defect), records in by_defect.items())


def _worst(rows: Sequence[Row]) -> Worst:
    """The cell with the lowest image AUROC, of EfficientAD where it is there: its score is the maximum of the map."""
    row = min(
        [row for row in rows if row.name.startswith("EfficientAD")] or rows,
        key=lambda row: row.cell.raw.image_auroc,
    )
    cell = row.cell
    anomalous = [score for score in cell.scores if score.defect != GOOD]
    images = sorted(anomalous, key=lambda score: (score.score, score.image))[:WORST]
    highest = max(image.score for image in images)
    normal = [score.score for score in cell.scores if score.defect == GOOD]
    return Worst(
        name=row.name,
        category=row.category,
        defect=min(cell.defects, key=lambda defect: defect.image_auroc),
        image_auroc=cell.raw.image_auroc,
        images=tuple(images),
        above=traced(sum(score > highest for score in normal), normal),
        normal=count(normal),
    )


def _few_shot(few_shot: Results) -> tuple[FewShotRow, ...]:
    rows = []
    for category in few_shot.study.categories:
        for variant, name in few_shot.names.items():
            if seeds := cells_of(few_shot, variant, category):
                stats = (over_seeds(seeds, metric) for metric in (*METRICS, "aupro"))
                rows.append(FewShotRow(name, category, tuple(stats)))
    return tuple(rows)


def _few_train(few_shot: Results) -> tuple[tuple[str, int], ...]:
    return tuple((category, few_shot.data.categories[category].train) for category in few_shot.study.categories)
