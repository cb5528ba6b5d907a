"""Retrieval: the searches of all cells in, what the paper's section on similarity search prints out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from repro.paper.stat import mean
from repro.paper.trace import count
from repro.records.results import Results
from repro.records.retrieval import FeatureRecord, RetrievalRecord, SearchRecord

FEATURES = {
    "published": "published",
    "patch_embedding": "mean of patches",
    "weighted_embedding": "weighted patches",
}
SCORES = ("precision_at_1", "precision_at_5", "mean_average_precision", "recall_at_5")

#: A measure, and its value by chance.
Pair = tuple[float, float]


@dataclass(frozen=True)
class Means:
    """Means over searches."""

    #: By `SCORES`.
    scores: tuple[Pair, ...]
    #: Label precision at 5.
    label: Pair


@dataclass(frozen=True)
class Row:
    """One feature searched in one way, means over the cells of a variant."""

    name: str
    feature: str
    label_filter: bool
    self_match: bool
    #: Precision at 1 and 5, mean average precision, recall at 5, label precision at 5.
    numbers: tuple[Pair, ...]
    same_as_without_feature: float


@dataclass(frozen=True)
class PublishedSearch:
    """The searches by the published feature, over all cells."""

    cells: int
    dimensions: tuple[int, ...]
    queries: int
    most_vectors: int
    most_lists: int
    #: Whether every hit has the query's label, and would have by chance.
    label_certain: bool
    #: Whether the hits are decided by the filter alone, by filter and sign of the feature, and, in all searches, by
    #: the order of insertion alone.
    filter_alone: bool
    sign_alone: bool
    order_alone: bool
    #: Share of queries whose hits are the same without a feature, and of queries that are among their own hits.
    same: float
    found_itself: float
    #: With filter and self-match, and with neither.
    filtered: Means
    unfiltered: Means


@dataclass(frozen=True)
class SearchSection:
    """The table of searches, and the numbers of the sentences about it; `published` is None without a search."""

    rows: tuple[Row, ...]
    #: Those with neither filter nor self-match; where the published feature finds the same by all models, once.
    fair_rows: tuple[Row, ...]
    published: PublishedSearch | None
    #: Features other than the published one whose mean average precision is above chance for every model there.
    above_chance: tuple[str, ...]


def search(results: Results) -> SearchSection:
    """Average the searches of the cells that have results."""
    by_variant: dict[str, dict[str, RetrievalRecord]] = {}
    for key, record in results.retrieval.items():
        if key in results.cells:
            by_variant.setdefault(results.cells[key].variant, {})[key] = record
    variants = [variant for variant in results.variants if variant in by_variant]
    records = [record for key, record in results.retrieval.items() if key in results.cells]
    rows = tuple(
        row
        for variant in variants
        for feature in FEATURES
        for row in _rows(results.names[variant], FEATURES[feature], _features(by_variant[variant].values(), feature))
    )
    return SearchSection(
        rows=rows,
        fair_rows=tuple(_fair_rows(rows)),
        published=_published(records) if records else None,
        above_chance=tuple(_above_chance(rows)),
    )


def _features(records: Iterable[RetrievalRecord], name: str) -> list[FeatureRecord]:
    """A feature of each record; those of recovered maps lack all but the published one."""
    return [feature for record in records if (feature := getattr(record, name)) is not None]


def _rows(name: str, feature: str, records: list[FeatureRecord]) -> Iterable[Row]:
    """A row for each way to search."""
    for searches in zip(*(record.searches for record in records), strict=True):
        means = _means(searches)
        yield Row(
            name=name,
            feature=feature,
            label_filter=searches[0].label_filter,
            self_match=searches[0].self_match,
            numbers=(*means.scores, means.label),
            same_as_without_feature=mean([search.same_as_without_feature for search in searches]),
        )


def _fair_rows(rows: Sequence[Row]) -> Iterator[Row]:
    fair = [row for row in rows if not row.label_filter and not row.self_match]
    published = [row for row in fair if row.feature == FEATURES["published"]]
    alike = len({tuple(round(part, 4) for pair in row.numbers for part in pair) for row in published}) == 1
    for row in fair:
        if not (alike and row in published):
            yield row
        elif row is published[0]:
            yield replace(row, name="any" if len(published) > 1 else row.name)


def _published(records: list[RetrievalRecord]) -> PublishedSearch:
    features = [record.published for record in records]
    as_published = [feature.search(label_filter=True, self_match=True) for feature in features]
    unfiltered = [feature.search(label_filter=False, self_match=False) for feature in features]
    every = [search for feature in features for search in feature.searches]
    return PublishedSearch(
        cells=count(records, [feature.points for feature in features]),
        dimensions=tuple(sorted({feature.dimension for feature in features})),
        queries=sum(feature.points for feature in features),
        most_vectors=max(feature.distinct_vectors for feature in features),
        most_lists=max(search.distinct_hit_lists for search in as_published),
        label_certain=all(
            search.label_precision_at_5 == search.chance_label_precision_at_5 == 1 for search in as_published
        ),
        filter_alone=all(search.same_as_without_feature == 1 for search in as_published),
        sign_alone=all(feature.decided_by_sign for feature in features),
        order_alone=all(search.same_as_without_feature == 1 for search in every),
        same=mean([search.same_as_without_feature for search in as_published]),
        found_itself=mean([search.self_match_at_5 for search in as_published]),
        filtered=_means(as_published),
        unfiltered=_means(unfiltered),
    )


def _above_chance(rows: Sequence[Row]) -> Iterator[str]:
    place = SCORES.index("mean_average_precision")
    for feature in [name for name in FEATURES.values() if name != FEATURES["published"]]:
        pairs = [row.numbers[place] for row in _fair_rows(rows) if row.feature == feature]
        if pairs and all(measured > chance for measured, chance in pairs):
            yield feature


def _means(searches: Sequence[SearchRecord]) -> Means:
    scores = (
        [(getattr(search.measured, name), getattr(search.chance, name)) for search in searches] for name in SCORES
    )
    labels = [(search.label_precision_at_5, search.chance_label_precision_at_5) for search in searches]
    return Means(scores=tuple(map(_mean_pair, scores)), label=_mean_pair(labels))


def _mean_pair(pairs: Sequence[Pair]) -> Pair:
    return mean([measured for measured, _ in pairs]), mean([chance for _, chance in pairs])
