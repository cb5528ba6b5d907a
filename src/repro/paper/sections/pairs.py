"""Pairs: paired comparisons of the variants in, the table of them out."""

from dataclasses import dataclass

from repro.paper.trace import count, traced
from repro.records.comparison import ComparisonRecord
from repro.records.results import Results

#: Of the adjusted p-values below which two variants are called different; the template's constants repeat it.
LEVEL = 0.05


@dataclass(frozen=True)
class PairRow:
    """Two variants: their difference by category, and in the mean over all."""

    first: str
    second: str
    #: By category of `Pairs`; None where one of them has no results.
    by_category: tuple[ComparisonRecord | None, ...]
    mean: ComparisonRecord | None


@dataclass(frozen=True)
class Pairs:
    categories: tuple[str, ...]
    rows: tuple[PairRow, ...]
    count: int
    #: Comparisons whose adjusted p-value is below 5 %.
    different: int
    #: Least and greatest difference that a category's images would show.
    detectable: tuple[float, float]


def pairs(results: Results) -> Pairs | None:
    """Arrange the comparisons; None where there is none."""
    found = results.comparisons
    by_category = [one for one in found if one.category is not None]
    if not by_category:
        return None
    categories = results.study.categories
    named = dict.fromkeys((one.first, one.second) for one in found)
    detectable = [one.detectable for one in by_category]
    adjusted = [one.p_adjusted for one in found]
    return Pairs(
        categories=tuple(categories),
        rows=tuple(
            PairRow(
                results.names[first],
                results.names[second],
                tuple(_find(found, first, second, category) for category in categories),
                _find(found, first, second, None),
            )
            for first, second in named
        ),
        count=count(adjusted),
        different=traced(sum(value < LEVEL for value in adjusted), adjusted),
        detectable=(traced(min(detectable), detectable), traced(max(detectable), detectable)),
    )


def _find(
    found: tuple[ComparisonRecord, ...], first: str, second: str, category: str | None
) -> ComparisonRecord | None:
    return next((one for one in found if (one.first, one.second, one.category) == (first, second, category)), None)
