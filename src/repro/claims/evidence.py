"""Evidence: what a results.json holds that a claim may be judged on, and measured values with combined intervals."""

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from scipy.stats import t as student

from repro.claims.published import Claim
from repro.records.metrics import Interval
from repro.records.results import CellRecord, Results
from repro.records.verdicts import Elsewhere, VerdictWord
from repro.runs import Cell

#: Of a two-sided interval of 95 %.
QUANTILE = 0.975


@dataclass(frozen=True)
class Judgement:
    """What a rule says of a claim."""

    verdict: VerdictWord
    #: In words or a number; None where nothing was tested.
    measured: str | None = None
    value: float | None = None
    interval: Interval | None = None
    #: Path into results.json.
    evidence: str | None = None
    #: Why it was not tested, or is not certain.
    reason: str | None = None
    #: Of a recovered metric, what it may have been before its map was stored in levels.
    bounds: Interval | None = None
    #: Whether it would hold on other images.
    elsewhere: Elsewhere | None = None


def not_tested(reason: str) -> Judgement:
    """The claim cannot be judged on these results."""
    return Judgement("not tested", reason=reason)


@dataclass(frozen=True)
class Measured:
    """A metric over the seeds of a variant on a category, with its combined 95 % interval."""

    value: float
    low: float
    high: float
    resolution: float
    evidence: str

    @property
    def interval(self) -> Interval:
        return Interval(low=round(self.low, 4), high=round(self.high, 4))


def estimate(results: Results, variant: str, category: str, metric: str) -> Measured:
    """Mean of a metric over seeds and the interval in which another run on other such images is expected.

    With m the mean over the k seeds, b- and b+ the mean distances from a seed's value to the ends of its bootstrap
    interval, and s the standard deviation between seeds, pooled over the categories of the variant with d degrees of
    freedom: the interval reaches from m - sqrt(b-^2 + e^2) to m + sqrt(b+^2 + e^2). The error of predicting one more
    run is e = t(0.975, d) s sqrt(1 + 1/k). Where no category has several seeds, e is 0 and the interval holds the
    images only. It is never narrower than one image to either side, and ends at 0 and 1.
    """
    runs = _runs(results, variant)
    cells = runs[category]
    values = [getattr(cell.metrics, metric) for cell in cells]
    middle = fmean(values)
    ends = [getattr(cell.intervals, metric) for cell in cells]
    error = _between_seeds(runs, metric) * math.sqrt(1 + 1 / len(cells))
    resolution = max(cell.resolution for cell in cells)
    below = max(math.hypot(fmean(max(v - end.low, 0) for v, end in zip(values, ends, strict=True)), error), resolution)
    above = max(math.hypot(fmean(max(end.high - v, 0) for v, end in zip(values, ends, strict=True)), error), resolution)
    return Measured(
        value=middle,
        low=max(middle - below, 0.0),
        high=min(middle + above, 1.0),
        resolution=resolution,
        evidence=f"cells.{variant}/{category}/seed{cells[0].seed}.metrics.{metric}",
    )


def _runs(results: Results, variant: str) -> dict[str, list[CellRecord]]:
    runs: dict[str, list[CellRecord]] = {}
    for cell in results.cells.values():
        if cell.variant == variant:
            runs.setdefault(cell.category, []).append(cell)
    return runs


def _between_seeds(runs: Mapping[str, list[CellRecord]], metric: str) -> float:
    """t(0.975, d) s: the standard deviation between seeds, pooled over categories, times Student's quantile."""
    squares, freedom = 0.0, 0
    for cells in runs.values():
        values = [getattr(cell.metrics, metric) for cell in cells]
        squares += sum((value - fmean(values)) ** 2 for value in values)
        freedom += len(values) - 1
    return float(student.ppf(QUANTILE, freedom)) * math.sqrt(squares / freedom) if freedom else 0.0


def of_protocol(results: Results, model: str | None = None) -> list[str]:
    """Variants that follow the published protocol, of one model or of all."""
    return [
        name
        for name, variant in results.variants.items()
        if model in (None, variant.model) and variant.settings.get("protocol", "published") == "published"
    ]


def differences(settings: Mapping[str, Any], published: Mapping[str, Any]) -> list[str]:
    """In words, each setting of the published configuration that a variant does not have."""
    return [
        f"{key.replace('_', ' ')} {_words(settings.get(key))} instead of {_words(value)}"
        for key, value in published.items()
        if settings.get(key) != value
    ]


def as_published(results: Results, model: str, published: Mapping[str, Any]) -> str | Judgement:
    """The variant of a model that has the published settings; why there is none as a judgement."""
    names = of_protocol(results, model)
    if not names:
        return not_tested("no such model in the published protocol")
    for name in names:
        if not differences(results.variants[name].settings, published):
            return lacking(results, name) or name
    return not_tested("other settings: " + ", ".join(differences(results.variants[names[0]].settings, published)))


def lacking(results: Results, variant: str, categories: Set[str] | None = None) -> Judgement | None:
    """Why a claim on a variant cannot be judged on a partial report; None where it can.

    Any cell of the categories is missing, or where none are given, every cell of the variant.
    """
    gone = [cell for cell in map(Cell.from_key, results.missing) if cell.variant == variant]
    if categories is None:
        return not_tested("all its cells are missing") if gone and not _runs(results, variant) else None
    here = [cell.key for cell in gone if cell.category in categories]
    return not_tested(f"missing: {here[0]}{' and others' if len(here) > 1 else ''}") if here else None


def on_official_data(results: Results, categories: set[str]) -> Judgement | None:
    """Why a claim on scores of MVTec AD cannot be judged; None where the data allows it."""
    if not results.data.official:
        return not_tested("stand-in data" if results.data.source == "procedural" else "not the official data")
    missing = sorted(categories - set(results.data.categories))
    return not_tested(f"no {' and '.join(missing)} in this study") if missing else None


def categories_of(claim: Claim) -> set[str]:
    """The categories that a claim speaks of."""
    names = [side for pair in claim.greater for side in pair if isinstance(side, str)]
    names += [claim.lowest] if claim.lowest else []
    own = [claim.category] if claim.category else []
    return {name.split(".")[1] for name in names} | {*own, *claim.others}


def _words(value: Any) -> str:
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
