"""Outputs: claims on scores, judged by the published study's own outputs: its anomaly maps on the official test images.

Two questions are kept apart. Does the statement follow from the study's own outputs? A recovered map is known to within
the levels that it was stored in, so that each metric lies between bounds. And would it hold on other images? That is
what the bootstrap's interval over the test images says.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from repro.claims import numbers
from repro.claims.evidence import Judgement, Measured, estimate, not_tested
from repro.claims.published import Claim, Published, siblings
from repro.records.metrics import Interval
from repro.records.results import CellRecord, Results
from repro.records.verdicts import Elsewhere, VerdictWord

#: Half of the last decimal that the published tables print.
ROUNDING = 5e-5
#: PatchCore's image score is not in its maps: anomalib weighs their maximum again.
UNSEEN = "the result images hold the maps, not PatchCore’s re-weighted image scores, which are near their maxima only"


@dataclass(frozen=True)
class Known:
    """A metric of the published outputs."""

    name: str
    value: float
    bounds: Interval
    #: Over the test images.
    estimate: Measured
    #: Whether the outputs hold what the metric is made of.
    seen: bool


def value(claim: Claim, published: Published, outputs: Results, own: Iterable[Results] = ()) -> Judgement:
    """Whether the published value lies within the bounds of what the published outputs give.

    `own` are results of trainings of ours: PatchCore's image score and the maximum of its map are compared on them.
    """
    del published
    assert claim.model and claim.category and claim.metric and claim.value is not None
    known = _known(outputs, f"{claim.model}.{claim.category}.{claim.metric}")
    if isinstance(known, Judgement):
        return known
    low, high = known.bounds.low - ROUNDING, known.bounds.high + ROUNDING
    inside = low <= claim.value <= high
    word: VerdictWord = "reproduced" if inside else "not reproduced"
    reason = None
    if not known.seen:
        word, shift = "inconclusive", largest_shift(own, claim.metric)
        reason = UNSEEN + ("" if shift is None else f"; on our own PatchCore cells the two differ by up to {shift:.4f}")
    return _judgement(word, known, f"{known.value:.4f}", reason=reason)


def order(claim: Claim, published: Published, outputs: Results) -> Judgement:
    """Whether every inequality holds whatever the maps were within their levels, and whether beyond chance as well."""
    del published
    sides = [[_side(outputs, side) for side in pair] for pair in claim.greater]
    for known in (one for pair in sides for one in pair):
        if isinstance(known, Judgement):
            return known
    pairs = [(left, right) for left, right in sides if isinstance(left, Known) and isinstance(right, Known)]
    margins = [left.value - right.value for left, right in pairs]
    gaps = [numbers.gap(left.estimate, right.estimate) for left, right in pairs]
    weakest = min(range(len(pairs)), key=lambda row: gaps[row][1].low)
    left, right = pairs[weakest]
    if any(one.bounds.high <= other.bounds.low for one, other in pairs):
        word: VerdictWord = "not reproduced"
    elif all(one.bounds.low > other.bounds.high for one, other in pairs):
        word = "reproduced"
    else:
        word = "inconclusive"
    unseen = any(not one.seen for pair in pairs for one in pair)
    reason = None
    if word == "inconclusive":
        holds = all(margin > 0 for margin in margins)
        reason = f"it {'holds' if holds else 'fails'} for the recovered maps; within their levels it might not"
    if unseen:
        word, reason = "inconclusive", UNSEEN
    gap, interval, _ = gaps[weakest]
    return Judgement(
        word,
        f"least certain: {numbers.name(claim.greater[weakest][0])} less {numbers.name(claim.greater[weakest][1])} "
        f"is {gap:.4f}",
        gap,
        interval,
        left.estimate.evidence or right.estimate.evidence,
        reason,
        elsewhere=_elsewhere(gap[1] for gap in gaps),
    )


def lowest(claim: Claim, published: Published, outputs: Results) -> Judgement:
    """Whether the lowest category is the published one and its published value follows."""
    assert claim.lowest
    metrics = {name: _known(outputs, name) for name in siblings(claim.lowest, published.scores)}
    known = {name: one for name, one in metrics.items() if isinstance(one, Known)}
    if len(known) < len(metrics):
        return next(metric for metric in metrics.values() if isinstance(metric, Judgement))
    own = known[claim.lowest]
    others = [one for name, one in known.items() if name != claim.lowest]
    follows = abs(own.value - published.scores[claim.lowest]) <= ROUNDING or _holds(own, published.scores[claim.lowest])
    least = all(own.value < other.value for other in others)
    gaps = [numbers.gap(other.estimate, own.estimate)[1] for other in others]
    word: VerdictWord = "reproduced" if follows and least else "not reproduced"
    return _judgement(word, own, f"{own.value:.4f}", elsewhere=_elsewhere(gaps))


def largest_shift(own: Iterable[Results], metric: str) -> float | None:
    """The most by which an image metric of PatchCore, as published, differs from that of its maps' maxima."""
    shifts = [
        abs(getattr(cell.raw, metric) - getattr(cell.maximum, metric))
        for results in own
        for cell in results.cells.values()
        if cell.maximum is not None and results.variants[cell.variant].model == "patchcore"
        if results.variants[cell.variant].settings.get("protocol", "published") == "published"
    ]
    return max(shifts, default=None)


def _known(outputs: Results, name: str) -> Known | Judgement:
    model, category, metric = name.split(".")
    variant = next((one for one, record in outputs.variants.items() if record.model == model), None)
    if variant is None or category not in outputs.data.categories:
        return not_tested(f"no published output of {model} on {category}")
    cell = next(one for one in outputs.cells.values() if (one.variant, one.category) == (variant, category))
    point, bounds = _value(cell, metric)
    found, ends = estimate(outputs, variant, category, metric), getattr(cell.intervals, metric)
    found = replace(found, value=point, low=min(ends.low, point), high=max(ends.high, point))
    seen = model != "patchcore" or not metric.startswith("image")
    return Known(name, point, bounds, found, seen)


def _value(cell: CellRecord, metric: str) -> tuple[float, Interval]:
    """A metric and its bounds; the predicted masks were published, so that pixel F1 at their threshold is exact."""
    if metric == "pixel_f1" and cell.recovery is not None:
        exact = cell.recovery.mask_f1
        return exact, Interval(low=exact, high=exact)
    point = getattr(cell.metrics, metric)
    if metric == "image_f1" and cell.ties is not None:
        # Many images of one score would all be lost to a threshold that only one of them set.
        point = cell.ties.image_f1_apart
    return point, getattr(cell.ties, metric, Interval(low=point, high=point))


def _side(outputs: Results, side: str | float) -> Known | Judgement:
    if isinstance(side, str):
        return _known(outputs, side)
    exact = Interval(low=side, high=side)
    return Known("", side, exact, Measured(side, side, side, 0.0, ""), seen=True)


def _holds(known: Known, published: float) -> bool:
    return known.bounds.low - ROUNDING <= published <= known.bounds.high + ROUNDING


def _judgement(
    word: VerdictWord, known: Known, measured: str, *, reason: str | None = None, elsewhere: Elsewhere | None = None
) -> Judgement:
    return Judgement(
        word,
        measured,
        known.value,
        known.estimate.interval,
        known.estimate.evidence,
        reason,
        bounds=Interval(low=round(known.bounds.low, 4), high=round(known.bounds.high, 4)),
        elsewhere=elsewhere,
    )


def _elsewhere(gaps: Iterable[Interval]) -> Elsewhere:
    """Whether inequalities would hold on other images, by the intervals of their differences."""
    listed = list(gaps)
    if all(gap.low > 0 for gap in listed):
        return "holds"
    return "fails" if any(gap.high < 0 for gap in listed) else "inconclusive"
