"""Rules for claims on scores of MVTec AD, judged by a training on the official data as published."""

import math

from repro.claims.evidence import (
    Judgement,
    Measured,
    categories_of,
    measure,
    not_tested,
    published_variant,
    refuse_missing,
    refuse_unofficial,
    retrained,
)
from repro.claims.published import Claim, Published, siblings
from repro.records.metrics import Interval
from repro.records.results import Results


def value(claim: Claim, published: Published, results: Results) -> Judgement:
    """Judge whether the published value is one that another training may give.

    Both were measured on the same test images, so that only what differs between seeds counts.
    """
    variant = _variant(claim, published, results)
    if isinstance(variant, Judgement):
        return variant
    assert claim.category and claim.metric and claim.value is not None
    return _within(claim.value, retrained(results, variant, claim.category, claim.metric))


def lowest(claim: Claim, published: Published, results: Results) -> Judgement:
    """Judge whether the lowest category is the published one, with its value one that another training may give."""
    variant = _variant(claim, published, results)
    if isinstance(variant, Judgement):
        return variant
    assert claim.lowest
    names = siblings(claim.lowest, published.scores)
    if missing := [name.split(".")[1] for name in names if name.split(".")[1] not in results.data.categories]:
        return not_tested(f"no {' and '.join(missing)} in this study")
    if refused := refuse_missing(results, variant, {name.split(".")[1] for name in names}):
        return refused
    measurements = {name: _measure(results, variant, name) for name in names}
    least = min(measurements, key=lambda name: measurements[name].value)
    measured = retrained(results, variant, *least.split(".")[1:])
    if measured and least != claim.lowest:
        words = f"{measured.value:.4f}, on {least.split('.')[1]}"
        return Judgement("not reproduced", words, measured.value, measured.interval, measured.evidence)
    return _within(published.scores[claim.lowest], measured)


def order(claim: Claim, published: Published, results: Results) -> Judgement:
    """Judge whether every inequality holds beyond its interval; half-widths of both sides add in quadrature.

    Within its interval, or one image, an inequality is neither shown to hold nor to fail.
    """
    variant = _variant(claim, published, results)
    if isinstance(variant, Judgement):
        return variant
    pairs = [(_side(results, variant, left), _side(results, variant, right)) for left, right in claim.greater]
    differences = [subtract(left, right) for left, right in pairs]
    weakest = min(range(len(differences)), key=lambda index: differences[index][1].low)
    difference, interval, resolution = differences[weakest]
    holds = interval.low > 0 and all(difference >= image for difference, _, image in differences)
    fails = any(ends.high < 0 and difference <= -image for difference, ends, image in differences)
    left, right = claim.greater[weakest]
    return Judgement(
        "reproduced" if holds else "not reproduced" if fails else "inconclusive",
        f"least certain: {describe(left)} less {describe(right)} is {difference:.4f}, one image {resolution:.4f}",
        difference,
        interval,
        pairs[weakest][0].evidence,
    )


def smaller_defects(claim: Claim, published: Published, results: Results) -> Judgement:
    """Judge whether the masks mark a smaller share of the pixels in one category than in each other one."""
    del published
    if refused := refuse_unofficial(results, categories_of(claim)):
        return refused
    shares: dict[str, tuple[float, str]] = {}
    for key, cell in results.cells.items():
        # Cropped maps cover only a part of the masks.
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
    if refused := refuse_unofficial(results, categories_of(claim)):
        return refused
    assert claim.model
    variant = published_variant(results, claim.model, published.configuration[claim.model])
    if isinstance(variant, Judgement):
        return variant
    return refuse_missing(results, variant, categories_of(claim)) or variant


def _measure(results: Results, variant: str, name: str) -> Measured:
    _, category, metric = name.split(".")
    return measure(results, variant, category, metric)


def _within(value: float, measured: Measured | None) -> Judgement:
    if measured is None:
        return Judgement("inconclusive", reason="one seed: how far trainings differ is not known")
    inside = measured.interval.low <= value <= measured.interval.high
    return Judgement(
        "reproduced" if inside else "not reproduced",
        f"{measured.value:.4f}",
        measured.value,
        measured.interval,
        measured.evidence,
    )


def _side(results: Results, variant: str, side: str | float) -> Measured:
    return _measure(results, variant, side) if isinstance(side, str) else exactly(side)


def exactly(number: float) -> Measured:
    """Treat a number that a claim names as a measurement without an interval."""
    return Measured(number, number, number, 0.0, "")


def subtract(left: Measured, right: Measured) -> tuple[float, Interval, float]:
    """Left minus right, its interval, and the coarser resolution of the two."""
    difference = left.value - right.value
    low = difference - math.hypot(left.value - left.low, right.high - right.value)
    high = difference + math.hypot(left.high - left.value, right.value - right.low)
    interval = Interval(low=round(low, 4), high=round(high, 4))
    return round(difference, 6), interval, max(left.resolution, right.resolution)


def describe(side: str | float) -> str:
    """Describe a side of an inequality: a metric on a category, or a number."""
    if isinstance(side, str):
        _, category, metric = side.split(".")
        return f"{metric.replace('_', ' ').replace('auroc', 'AUROC').replace('f1', 'F1')} on {category}"
    return f"{side:g}"
