"""Scores of the rankings by a feature, beside chance and a search without any feature."""

import numpy as np
from numpy.typing import NDArray

from repro.data.layout import GOOD, defect_of
from repro.metrics.ranking import DECIMALS, DEPTH, chance, measured
from repro.records.retrieval import FeatureRecord, Hit, QueryRecord, SearchRecord
from repro.search.rankings import SEARCHES, Ranking, Rankings, Search


def evaluate(
    vectors: NDArray[np.float32],
    images: list[str],
    ranked: Rankings,
    constant: Rankings,
    shown: list[str],
    shown_by: Search,
) -> FeatureRecord:
    """Score the rankings by a feature.

    Args:
        vectors: [N, D], one for each of `images`.
        images: names relative to the data root.
        ranked: the rankings by these vectors.
        constant: the rankings by a vector that is the same for all images.
        shown: images whose hits are kept for the paper.
        shown_by: the search whose hits are kept.
    """
    defects = [defect_of(image) for image in images]
    return FeatureRecord(
        dimension=vectors.shape[1],
        distinct_vectors=len(np.unique(vectors.round(DECIMALS), axis=0)),
        points=len(images),
        searches=tuple(_score(search, defects, ranked[search], constant[search]) for search in SEARCHES),
        queries=tuple(
            QueryRecord(
                image=images[query],
                defect=defects[query],
                hits=tuple(
                    Hit(rank=rank, image=images[hit], defect=defects[hit], score=round(similarity, DECIMALS))
                    for rank, (hit, similarity) in enumerate(ranked[shown_by][query][:DEPTH], start=1)
                ),
            )
            for query in range(len(images))
            if images[query] in shown
        ),
    )


def _score(search: Search, defects: list[str], ranked: list[Ranking], constant: list[Ranking]) -> SearchRecord:
    rows = [[index for index, _ in ranking] for ranking in ranked]
    same_defect = [[defects[row] == defects[query] for row in ranking] for query, ranking in enumerate(rows)]
    same_label = [
        [(defects[row] == GOOD) == (defects[query] == GOOD) for row in ranking] for query, ranking in enumerate(rows)
    ]
    first = [tuple(ranking[:DEPTH]) for ranking in rows]
    first_constant = [tuple(index for index, _ in ranking[:DEPTH]) for ranking in constant]
    return SearchRecord(
        label_filter=search.label_filter,
        self_match=search.self_match,
        measured=measured(same_defect),
        chance=chance(same_defect),
        label_precision_at_5=_mean([same for ranking in same_label for same in ranking[:DEPTH]]),
        chance_label_precision_at_5=_mean([float(np.mean(ranking)) for ranking in same_label if ranking]),
        self_match_at_5=_mean([query in hits for query, hits in enumerate(first)]),
        distinct_scores=len({round(similarity, DECIMALS) for ranking in ranked for _, similarity in ranking[:DEPTH]}),
        distinct_hit_lists=len(set(first)),
        same_as_without_feature=_mean([hits == other for hits, other in zip(first, first_constant, strict=True)]),
    )


def _mean(values: list[bool] | list[float]) -> float:
    return round(float(np.mean(values)), DECIMALS) if values else 0.0
