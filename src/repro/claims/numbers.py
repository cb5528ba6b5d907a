"""Numbers: claims on scores of MVTec AD, judged only on the official data and in the published configuration."""

import math

from repro.claims.evidence import (
    Judgement,
    Measured,
    as_published,
    categories_of,
    estimate,
    lacking,
    not_tested,
    on_official_data,
)
from repro.claims.published import Claim, Published, siblings
from repro.records.metrics import Interval
from repro.records.results import Results


def value(claim: Claim, published: Published, results: Results) -> Judgement:
    """Whether the published value lies in the combined interval."""
    variant = _variant(claim, published, results)
    if isinstance(variant, Judgement):
        return variant
    assert claim.category and claim.metric and claim.value is not None
    found = estimate(results, variant, claim.category, claim.metric)
    return _within(claim.value, found)


def lowest(claim: Claim, published: Published, results: Results) -> Judgement:
    """Whether the lowest category is the published one, and its value within the combined interval."""
    variant = _variant(claim, published, results)
    if isinstance(variant, Judgement):
        return variant
    assert claim.lowest
    names = siblings(claim.lowest, published.scores)
    if missing := [name.split(".")[1] for name in names if name.split(".")[1] not in results.data.categories]:
        return not_tested(f"no {' and '.join(missing)} in this study")
    if refused := lacking(results, variant, {name.split(".")[1] for name in names}):
        return refused
    found = {side: _estimate(results, variant, side) for side in names}
    least = min(found, key=lambda name: found[name].value)
    if least != claim.lowest:
        one = found[least]
        return Judgement(
            "not reproduced", f"{one.value:.4f}, on {least.split('.')[1]}", one.value, one.interval, one.evidence
        )
    return _within(published.scores[claim.lowest], found[least])


def order(claim: Claim, published: Published, results: Results) -> Judgement:
    """Whether every inequality holds by more than its interval; the intervals of two sides add as squares."""
    variant = _variant(claim, published, results)
    if isinstance(variant, Judgement):
        return variant
    pairs = [(_side(results, variant, left), _side(results, variant, right)) for left, right in claim.greater]
    gaps = [gap(left, right) for left, right in pairs]
    weakest = min(range(len(gaps)), key=lambda row: gaps[row][1].low)
    difference, interval, resolution = gaps[weakest]
    holds = interval.low > 0 and all(difference >= image for difference, _, image in gaps)
    left, right = claim.greater[weakest]
    return Judgement(
        "reproduced" if holds else "not reproduced",
        f"least certain: {name(left)} less {name(right)} is {difference:.4f}, one image {resolution:.4f}",
        difference,
        interval,
        pairs[weakest][0].evidence,
    )


def smaller_defects(claim: Claim, published: Published, results: Results) -> Judgement:
    """Whether the masks mark a smaller share of the pixels in one category than in each of the others."""
    del published
    if refused := on_official_data(results, categories_of(claim)):
        return refused
    shares: dict[str, tuple[float, str]] = {}
    for key, cell in results.cells.items():
        # A map that was cropped sees a part of the masks only.
        if cell.map_size == (results.study.image_size, results.study.image_size):
            shares.setdefault(cell.category, (cell.anomalous_pixels, key))
    if not categories_of(claim) <= shares.keys():
        if results.missing:
            return not_tested("cells that see whole images are missing")
        return not_tested("no model here sees whole images of all these categories")
    assert claim.category
    own, key = shares[claim.category]
    holds = all(own < shares[other][0] for other in claim.others)
    words = ", ".join(f"{100 * shares[name][0]:.2f} % on {name}" for name in (claim.category, *claim.others))
    return Judgement("reproduced" if holds else "not reproduced", words, own, evidence=f"cells.{key}.anomalous_pixels")


def _variant(claim: Claim, published: Published, results: Results) -> str | Judgement:
    if refused := on_official_data(results, categories_of(claim)):
        return refused
    assert claim.model
    variant = as_published(results, claim.model, published.configuration[claim.model])
    if isinstance(variant, Judgement):
        return variant
    return lacking(results, variant, categories_of(claim)) or variant


def _estimate(results: Results, variant: str, name: str) -> Measured:
    _, category, metric = name.split(".")
    return estimate(results, variant, category, metric)


def _within(value: float, found: Measured) -> Judgement:
    inside = found.interval.low <= value <= found.interval.high
    return Judgement(
        "reproduced" if inside else "not reproduced", f"{found.value:.4f}", found.value, found.interval, found.evidence
    )


def _side(results: Results, variant: str, side: str | float) -> Measured:
    return _estimate(results, variant, side) if isinstance(side, str) else Measured(side, side, side, 0.0, "")


def gap(left: Measured, right: Measured) -> tuple[float, Interval, float]:
    """Left less right, its interval, and one image's worth."""
    difference = left.value - right.value
    low = difference - math.hypot(left.value - left.low, right.high - right.value)
    high = difference + math.hypot(left.high - left.value, right.value - right.low)
    interval = Interval(low=round(low, 4), high=round(high, 4))
    return round(difference, 6), interval, max(left.resolution, right.resolution)


def name(side: str | float) -> str:
    """A metric on a category, or a number, in words."""
    if isinstance(side, str):
        _, category, metric = side.split(".")
        return f"{metric.replace('_', ' ').replace('auroc', 'AUROC').replace('f1', 'F1')} on {category}"
    return f"{side:g}"
