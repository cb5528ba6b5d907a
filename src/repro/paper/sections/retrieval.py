"""Retrieval: the judged searches of all cells in, what the paper's section on similarity search prints out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from repro.paper.stat import mean
from repro.paper.trace import count, traced
from repro.records.results import Results
from repro.records.retrieval import FeatureRecord, RetrievalRecord, SearchRecord

FEATURES = {
    "published": "published",
    "patch_embedding": "mean of patches",
    "weighted_embedding": "weighted patches",
}
SCORES = ("precision_at_1", "precision_at_5", "mean_average_precision", "recall_at_5")


@dataclass(frozen=True)
class Row:
    """One feature searched in one way, means over the cells of a variant."""

    name: str
    feature: str
    label_filter: bool
    self_match: bool
    #: Precision at 1 and 5, mean average precision, recall at 5, label precision at 5: measured and by chance.
    numbers: tuple[tuple[float, float], ...]
    same_as_without_feature: float


def search(results: Results) -> dict[str, Any]:
    """The table of searches, and the numbers of the sentences about it; `published` is None without a search."""
    kept = {key: record for key, record in results.retrieval.items() if key in results.cells}
    if not kept:
        return {"rows": [], "published": None}
    variants = [v for v in results.variants if any(results.cells[key].variant == v for key in kept)]
    rows = [
        _row(results, variant, feature, at, [kept[key] for key in kept if results.cells[key].variant == variant])
        for variant in variants
        for feature in FEATURES
        for at in range(len(next(iter(kept.values())).published.searches))
    ]
    as_published = [one.published.search(label_filter=True, self_match=True) for one in kept.values()]
    unfiltered = [one.published.search(label_filter=False, self_match=False) for one in kept.values()]
    return {
        "rows": rows,
        "published": {
            "cells": count(kept, [one.published.points for one in kept.values()]),
            "dimensions": sorted({one.published.dimension for one in kept.values()}),
            "queries": sum(one.published.points for one in kept.values()),
            "most_vectors": max(one.published.distinct_vectors for one in kept.values()),
            "most_scores": max(one.distinct_scores for one in as_published),
            "most_lists": max(one.distinct_hit_lists for one in as_published),
            "label_certain": all(
                one.label_precision_at_5 == one.chance_label_precision_at_5 == 1 for one in as_published
            ),
            "filter_alone": all(one.same_as_without_feature == 1 for one in as_published),
            "sign_alone": all(one.published.decided_by_sign for one in kept.values()),
            "order_alone": all(s.same_as_without_feature == 1 for one in kept.values() for s in one.published.searches),
            "same": mean([one.same_as_without_feature for one in as_published]),
            "found_itself": mean([one.self_match_at_5 for one in as_published]),
            "filtered": _means(as_published),
            "unfiltered": _means(unfiltered),
        },
        "fair": [
            {
                "name": results.names[variant],
                "features": [
                    (
                        FEATURES[feature],
                        _means(_fair(results, kept, variant, feature)),
                        _above(results, kept, variant, feature),
                    )
                    # What the published feature gets here is in `unfiltered`.
                    for feature in FEATURES
                    if feature != "published"
                ],
                "count": _count(results, kept, variant),
            }
            for variant in variants
        ],
    }


def _row(results: Results, variant: str, feature: str, at: int, records: Sequence[RetrievalRecord]) -> Row:
    searches = [_feature(record, feature).searches[at] for record in records]
    means = _means(searches)
    return Row(
        name=results.names[variant],
        feature=FEATURES[feature],
        label_filter=searches[0].label_filter,
        self_match=searches[0].self_match,
        numbers=(*means["scores"], means["label"]),
        same_as_without_feature=mean([one.same_as_without_feature for one in searches]),
    )


def _feature(record: RetrievalRecord, name: str) -> FeatureRecord:
    feature: FeatureRecord = getattr(record, name)
    return feature


def _means(searches: Iterable[SearchRecord]) -> dict[str, Any]:
    """Each measure and what chance gives, means over cells."""
    listed = list(searches)
    return {
        "scores": tuple(
            (mean([getattr(one.measured, name) for one in listed]), mean([getattr(one.chance, name) for one in listed]))
            for name in SCORES
        ),
        "label": (
            mean([one.label_precision_at_5 for one in listed]),
            mean([one.chance_label_precision_at_5 for one in listed]),
        ),
    }


def _fair(results: Results, kept: dict[str, RetrievalRecord], variant: str, feature: str) -> list[SearchRecord]:
    """The searches with neither filter nor self-match."""
    return [
        _feature(record, feature).search(label_filter=False, self_match=False)
        for key, record in kept.items()
        if results.cells[key].variant == variant
    ]


def _above(results: Results, kept: dict[str, RetrievalRecord], variant: str, feature: str) -> int:
    """In how many cells the mean average precision is above chance."""
    searches = _fair(results, kept, variant, feature)
    pairs = [(one.measured.mean_average_precision, one.chance.mean_average_precision) for one in searches]
    return traced(sum(found > by_chance for found, by_chance in pairs), pairs)


def _count(results: Results, kept: dict[str, RetrievalRecord], variant: str) -> int:
    """How many collections a variant has."""
    return count([record.published.points for key, record in kept.items() if results.cells[key].variant == variant])
