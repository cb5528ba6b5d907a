"""Evidence for claims: which cells of a results.json may judge a claim, and metrics with combined intervals."""

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from scipy.stats import t as student

from repro.claims.published import Claim
from repro.records.metrics import Interval
from repro.records.results import CellRecord, Results
from repro.records.verdicts import Elsewhere, VerdictWord
from repro.runs import Cell

#: Upper quantile of a two-sided 95 % interval.
QUANTILE = 0.975


@dataclass(frozen=True)
class Judgement:
    """Outcome of a rule for a claim."""

    verdict: VerdictWord
    #: In words or as a number; None where not tested.
    measured: str | None = None
    value: float | None = None
    interval: Interval | None = None
    #: Path into results.json.
    evidence: str | None = None
    #: Why it is not tested or inconclusive.
    reason: str | None = None
    #: Bounds of a recovered metric before its map was quantised.
    bounds: Interval | None = None
    #: Whether it would hold on other test images.
    elsewhere: Elsewhere | None = None


def not_tested(reason: str) -> Judgement:
    """Judgement of a claim that these results cannot test."""
    return Judgement("not tested", reason=reason)


@dataclass(frozen=True)
class Measured:
    """Mean of a metric over the seeds of a variant on a category, with its combined 95 % interval."""

    value: float
    low: float
    high: float
    resolution: float
    evidence: str

    @property
    def interval(self) -> Interval:
        return Interval(low=round(self.low, 4), high=round(self.high, 4))


def measure(results: Results, variant: str, category: str, metric: str) -> Measured:
    """Average a metric over seeds, with the interval in which another run on other such images is expected.

    With m the mean over the k seeds, b- and b+ the mean distances from a seed's value to the ends of its bootstrap
    interval, and s the standard deviation between seeds, pooled over the categories of the variant with d degrees of
    freedom, the interval is from m - sqrt(b-^2 + e^2) to m + sqrt(b+^2 + e^2). The prediction error of one more
    run is e = t(0.975, d) s sqrt(1 + 1/k). Where no category has several seeds, e is 0 and the interval covers the
    images only. It extends at least one image to each side and is clipped to [0, 1].
    """
    cells_by_category = _by_category(results, variant)
    cells = cells_by_category[category]
    values = [getattr(cell.metrics, metric) for cell in cells]
    center = fmean(values)
    intervals = [getattr(cell.intervals, metric) for cell in cells]
    error = _between_seeds(cells_by_category, metric) * math.sqrt(1 + 1 / len(cells))
    resolution = max(cell.resolution for cell in cells)
    pairs = list(zip(values, intervals, strict=True))
    below = max(math.hypot(fmean(max(value - ends.low, 0) for value, ends in pairs), error), resolution)
    above = max(math.hypot(fmean(max(ends.high - value, 0) for value, ends in pairs), error), resolution)
    return Measured(
        value=center,
        low=max(center - below, 0.0),
        high=min(center + above, 1.0),
        resolution=resolution,
        evidence=f"cells.{variant}/{category}/seed{cells[0].seed}.metrics.{metric}",
    )


def retrained(results: Results, variant: str, category: str, metric: str) -> Measured | None:
    """Average a metric over seeds, with the interval in which another training is expected on the same test images.

    With m the mean over the k seeds and e as in `measure`, it is m - e to m + e, at least one image to each side and
    clipped to [0, 1]. None where no category has several seeds.
    """
    cells_by_category = _by_category(results, variant)
    cells = cells_by_category[category]
    error = _between_seeds(cells_by_category, metric) * math.sqrt(1 + 1 / len(cells))
    if not any(len(one) > 1 for one in cells_by_category.values()):
        return None
    everything = measure(results, variant, category, metric)
    reach = max(error, everything.resolution)
    return replace(everything, low=max(everything.value - reach, 0.0), high=min(everything.value + reach, 1.0))


def _by_category(results: Results, variant: str) -> dict[str, list[CellRecord]]:
    cells: dict[str, list[CellRecord]] = {}
    for cell in results.cells.values():
        if cell.variant == variant:
            cells.setdefault(cell.category, []).append(cell)
    return cells


def _between_seeds(cells_by_category: Mapping[str, list[CellRecord]], metric: str) -> float:
    """t(0.975, d) s: Student's quantile times the standard deviation between seeds, pooled over categories."""
    squares, freedom = 0.0, 0
    for cells in cells_by_category.values():
        values = [getattr(cell.metrics, metric) for cell in cells]
        squares += sum((value - fmean(values)) ** 2 for value in values)
        freedom += len(values) - 1
    return float(student.ppf(QUANTILE, freedom)) * math.sqrt(squares / freedom) if freedom else 0.0


def published_protocol(results: Results, model: str | None = None) -> list[str]:
    """List the variants that follow the published protocol, of one model or of all."""
    return [
        name
        for name, variant in results.variants.items()
        if model in (None, variant.model) and variant.settings.get("protocol", "published") == "published"
    ]


def differences(settings: Mapping[str, Any], published: Mapping[str, Any]) -> list[str]:
    """Describe each published setting that the settings of a variant differ from."""
    return [
        f"{key.replace('_', ' ')} {_describe(settings.get(key))} instead of {_describe(value)}"
        for key, value in published.items()
        if settings.get(key) != value
    ]


def published_variant(results: Results, model: str, published: Mapping[str, Any]) -> str | Judgement:
    """Find the variant of a model with the published settings; without one, a judgement says why."""
    names = published_protocol(results, model)
    if not names:
        return not_tested("no such model in the published protocol")
    for name in names:
        if not differences(results.variants[name].settings, published):
            return refuse_missing(results, name) or name
    return not_tested("other settings: " + ", ".join(differences(results.variants[names[0]].settings, published)))


def refuse_missing(results: Results, variant: str, categories: Set[str] | None = None) -> Judgement | None:
    """Judge a claim on a variant as not tested where a partial report lacks its cells; None where it does not.

    With `categories` any missing cell of them counts, else only that every cell of the variant is missing.
    """
    missing = [cell for cell in map(Cell.from_key, results.missing) if cell.variant == variant]
    if categories is None:
        return not_tested("all its cells are missing") if missing and not _by_category(results, variant) else None
    keys = [cell.key for cell in missing if cell.category in categories]
    return not_tested(f"missing: {keys[0]}{' and others' if len(keys) > 1 else ''}") if keys else None


def refuse_unofficial(results: Results, categories: set[str]) -> Judgement | None:
    """Judge a claim on scores of MVTec AD as not tested on other data; None on the official data."""
    if not results.data.official:
        return not_tested("stand-in data" if results.data.source == "procedural" else "not the official data")
    missing = sorted(categories - set(results.data.categories))
    return not_tested(f"no {' and '.join(missing)} in this study") if missing else None


def categories_of(claim: Claim) -> set[str]:
    """Collect the categories that a claim names."""
    names = [side for pair in claim.greater for side in pair if isinstance(side, str)]
    names += [claim.lowest] if claim.lowest else []
    own = [claim.category] if claim.category else []
    return {name.split(".")[1] for name in names} | {*own, *claim.others}


def _describe(value: Any) -> str:
    match value:
        case True:
            return "on"
        case False:
            return "off"
        case None:
            return "none"
        case list() | tuple():
            return "/".join(map(str, value))
    return str(value)
