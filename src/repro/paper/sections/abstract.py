"""Abstract: verdicts and results in, what the first half page says of them out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from repro.paper.stat import Spread, mean
from repro.paper.trace import traced
from repro.records.results import Results
from repro.records.verdicts import Verdict

#: Claims that are named on the first page; the rest are counted.
MOST_NAMED = 5
METRICS = ("image_auroc", "pixel_auroc", "aupro")


@dataclass(frozen=True)
class Rank:
    """A variant's place by its mean over the categories of a metric."""

    name: str
    mean: float
    span: Spread
    lowest: tuple[str, ...]


def abstract(results: Results, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """What was found, in short."""
    wrong = [verdict for verdict in verdicts if verdict.verdict == "refuted" and not verdict.claim.startswith("rf-")]
    missed = [verdict for verdict in verdicts if verdict.verdict == "not reproduced"]
    return {
        "wrong": wrong[:MOST_NAMED],
        "more_wrong": traced(max(len(wrong) - MOST_NAMED, 0), [one.verdict for one in wrong]),
        "missed": missed[:MOST_NAMED],
        "more_missed": traced(max(len(missed) - MOST_NAMED, 0), [one.verdict for one in missed]),
        "ranks": {metric: ranks(results, metric) for metric in METRICS},
    }


def ranks(results: Results, metric: str) -> list[Rank]:
    """The variants, the one with the highest mean first."""
    ranked = []
    for variant, name in results.names.items():
        values: dict[str, float] = {}
        for category in results.study.categories:
            keys = [f"{variant}/{category}/seed{seed}" for seed in results.seeds(variant)]
            found = [getattr(results.cells[key].metrics, metric) for key in keys if key in results.cells]
            if found:
                values[category] = mean(found)
        # A mean over fewer categories stands in no rank with the others'.
        if values and (not results.missing or len(values) == len(results.study.categories)):
            least = round(min(values.values()), 4)
            lowest = tuple(category for category, one in values.items() if round(one, 4) == least)
            ranked.append(Rank(name, mean(list(values.values())), Spread.of(values.values()), lowest))
    return sorted(ranked, key=lambda one: (-one.mean, one.name))
