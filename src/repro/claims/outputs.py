"""Rules for claims on scores, judged by the study's published outputs: its anomaly maps of the official test images.

They answer two questions. Does the statement follow from the study's own outputs? A recovered map is quantised, so that
each metric has bounds. And would it hold on other test images? The bootstrap interval over the test images says that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from repro.claims import numbers
from repro.claims.evidence import Judgement, Measured, measure, not_tested
from repro.claims.published import Claim, Published, siblings
from repro.records.metrics import Interval
from repro.records.results import CellRecord, Results
from repro.records.verdicts import Elsewhere, VerdictWord

#: Half of the last decimal that the published tables print.
ROUNDING = 5e-5
#: PatchCore's image scores cannot be recovered: anomalib re-weights the maximum of the map.
UNSEEN = "the result images hold the maps, not PatchCore’s re-weighted image scores, which are near their maxima only"


@dataclass(frozen=True)
class OutputMetric:
    """A metric of the published outputs, with its bounds and its interval over the test images."""

    name: str
    value: float
    bounds: Interval
    measurement: Measured
    #: Whether the outputs include the scores that the metric is computed from.
    seen: bool

    @property
    def widened(self) -> Measured:
        """The measurement with the interval of other images, whatever the metric was within its bounds."""
        below, above = self.value - self.bounds.low, self.bounds.high - self.value
        return replace(self.measurement, low=self.measurement.low - below, high=self.measurement.high + above)


def value(claim: Claim, published: Published, outputs: Results, own: Iterable[Results] = ()) -> Judgement:
    """Judge whether the published value is within the bounds of the metric of the published outputs.

    `own` are results of own trainings, on which PatchCore's image score is compared with the maximum of its map.
    """
    del published
    assert claim.model and claim.category and claim.metric and claim.value is not None
    metric = _metric(outputs, f"{claim.model}.{claim.category}.{claim.metric}")
    if isinstance(metric, Judgement):
        return metric
    word: VerdictWord = "reproduced" if _covers(metric, claim.value) else "not reproduced"
    reason = None
    if not metric.seen:
        word, shift = "inconclusive", largest_shift(own, claim.metric)
        reason = UNSEEN + ("" if shift is None else f"; on our own PatchCore cells the two differ by up to {shift:.4f}")
    return _judgement(word, metric, f"{metric.value:.4f}", reason=reason)


def order(claim: Claim, published: Published, outputs: Results) -> Judgement:
    """Judge whether every inequality holds for all maps within the bounds, and whether it would on other images."""
    del published
    sides = [[_side(outputs, side) for side in pair] for pair in claim.greater]
    for side in chain.from_iterable(sides):
        if isinstance(side, Judgement):
            return side
    pairs = [
        (left, right) for left, right in sides if isinstance(left, OutputMetric) and isinstance(right, OutputMetric)
    ]
    differences = [numbers.subtract(left.widened, right.widened) for left, right in pairs]
    weakest = min(range(len(pairs)), key=lambda index: differences[index][1].low)
    if any(left.bounds.high <= right.bounds.low for left, right in pairs):
        word: VerdictWord = "not reproduced"
    elif all(left.bounds.low > right.bounds.high for left, right in pairs):
        word = "reproduced"
    else:
        word = "inconclusive"
    reason = None
    if word == "inconclusive":
        holds = all(left.value > right.value for left, right in pairs)
        reason = f"it {'holds' if holds else 'fails'} for the recovered maps; within their levels it might not"
    if not all(metric.seen for metric in chain.from_iterable(pairs)):
        word, reason = "inconclusive", UNSEEN
    difference, interval, _ = differences[weakest]
    left, right = pairs[weakest]
    return Judgement(
        word,
        f"least certain: {numbers.describe(claim.greater[weakest][0])} less "
        f"{numbers.describe(claim.greater[weakest][1])} is {difference:.4f}",
        difference,
        interval,
        left.measurement.evidence or right.measurement.evidence,
        reason,
        elsewhere=_elsewhere([ends for _, ends, _ in differences]),
    )


def lowest(claim: Claim, published: Published, outputs: Results) -> Judgement:
    """Judge whether the lowest category is the published one and its published value follows from the outputs."""
    assert claim.lowest
    metrics = {}
    for name in siblings(claim.lowest, published.scores):
        metric = _metric(outputs, name)
        if isinstance(metric, Judgement):
            return metric
        metrics[name] = metric
    claimed = metrics.pop(claim.lowest)
    value = published.scores[claim.lowest]
    follows = abs(claimed.value - value) <= ROUNDING or _covers(claimed, value)
    least = all(claimed.value < other.value for other in metrics.values())
    differences = [numbers.subtract(other.widened, claimed.widened)[1] for other in metrics.values()]
    word: VerdictWord = "reproduced" if follows and least else "not reproduced"
    return _judgement(word, claimed, f"{claimed.value:.4f}", elsewhere=_elsewhere(differences))


def largest_shift(own: Iterable[Results], metric: str) -> float | None:
    """Find the largest difference between an image metric of PatchCore as published and that of its maps' maxima."""
    shifts = [
        abs(getattr(cell.raw, metric) - getattr(cell.maximum, metric))
        for results in own
        for cell in results.cells.values()
        if cell.maximum is not None and results.variants[cell.variant].model == "patchcore"
        if results.variants[cell.variant].settings.get("protocol", "published") == "published"
    ]
    return max(shifts, default=None)


def _metric(outputs: Results, name: str) -> OutputMetric | Judgement:
    model, category, metric = name.split(".")
    variant = next((variant for variant, record in outputs.variants.items() if record.model == model), None)
    if variant is None or category not in outputs.data.categories:
        return not_tested(f"no published output of {model} on {category}")
    cell = next(cell for cell in outputs.cells.values() if (cell.variant, cell.category) == (variant, category))
    value, bounds = _value(cell, metric)
    ends = getattr(cell.intervals, metric)
    measurement = replace(
        measure(outputs, variant, category, metric), value=value, low=min(ends.low, value), high=max(ends.high, value)
    )
    seen = model != "patchcore" or not metric.startswith("image")
    return OutputMetric(name, value, bounds, measurement, seen)


def _value(cell: CellRecord, metric: str) -> tuple[float, Interval]:
    """A metric and its bounds; pixel F1 is exact, because the masks predicted at its threshold were published."""
    if metric == "pixel_f1" and cell.recovery is not None:
        exact = cell.recovery.mask_f1
        return exact, Interval(low=exact, high=exact)
    value = getattr(cell.metrics, metric)
    if metric == "image_f1" and cell.ties is not None:
        # `score > threshold` would miss all images whose quantised score equals the threshold, not only one.
        value = cell.ties.image_f1_apart
    return value, getattr(cell.ties, metric, Interval(low=value, high=value))


def _side(outputs: Results, side: str | float) -> OutputMetric | Judgement:
    if isinstance(side, str):
        return _metric(outputs, side)
    return OutputMetric("", side, Interval(low=side, high=side), numbers.exactly(side), seen=True)


def _covers(metric: OutputMetric, published: float) -> bool:
    return metric.bounds.low - ROUNDING <= published <= metric.bounds.high + ROUNDING


def _judgement(
    word: VerdictWord,
    metric: OutputMetric,
    measured: str,
    *,
    reason: str | None = None,
    elsewhere: Elsewhere | None = None,
) -> Judgement:
    return Judgement(
        word,
        measured,
        metric.value,
        metric.measurement.interval,
        metric.measurement.evidence,
        reason,
        bounds=Interval(low=round(metric.bounds.low, 4), high=round(metric.bounds.high, 4)),
        elsewhere=elsewhere,
    )


def _elsewhere(differences: Sequence[Interval]) -> Elsewhere:
    """Whether inequalities would hold on other images, by the intervals of their differences."""
    if all(ends.low > 0 for ends in differences):
        return "holds"
    return "fails" if any(ends.high < 0 for ends in differences) else "inconclusive"
