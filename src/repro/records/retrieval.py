"""The records of the similarity search in results.json."""

from repro.records.base import Record, Score


class Hit(Record):
    rank: int
    image: str
    defect: str
    #: Cosine similarity as Qdrant returned it.
    score: float


class QueryRecord(Record):
    image: str
    defect: str
    hits: tuple[Hit, ...]


class RankingScores(Record):
    """Means over queries; relevant is an image of the query's defect type, `good` among them."""

    precision_at_1: Score
    precision_at_5: Score
    mean_average_precision: Score
    #: Share of all relevant images that are among the first 5.
    recall_at_5: Score


class SearchRecord(Record):
    """One way to search a collection, with every test image as the query."""

    #: Whether hits are filtered to the query's own label (normal or anomalous).
    label_filter: bool
    #: Whether the query itself is among what can be returned.
    self_match: bool
    measured: RankingScores
    #: The same, exactly, for an order drawn at random from what may be returned.
    chance: RankingScores
    #: Share of the first 5 hits that have the query's label, mean over queries, and the same by chance.
    label_precision_at_5: Score
    chance_label_precision_at_5: Score
    #: Share of queries that find themselves among their first 5 hits.
    self_match_at_5: Score
    #: How many different similarities occur among the first 5 hits of all queries (rounded to 6 decimals).
    distinct_scores: int
    #: How many different lists of first 5 hits all queries together got; few mean that the query hardly matters.
    distinct_hit_lists: int
    #: Share of queries whose first 5 hits are the very ones that come back where all images have the same vector.
    same_as_without_feature: Score


#: Distinct vectors that a feature of one sign can have.
SIGNS = 2
#: Normal and anomalous.
LABELS = 2


class FeatureRecord(Record):
    """One feature of the test images of a cell, searched with and without label filter and self-match."""

    dimension: int
    #: How many different vectors the collection holds (rounded to 6 decimals), of how many points.
    distinct_vectors: int
    points: int
    searches: tuple[SearchRecord, ...]
    #: The queries shown in the paper: the study's own, else the first anomalous image of the category.
    queries: tuple[QueryRecord, ...]

    def search(self, *, label_filter: bool, self_match: bool) -> SearchRecord:
        """The search of that kind."""
        return next(
            search for search in self.searches if (search.label_filter, search.self_match) == (label_filter, self_match)
        )

    @property
    def decided_by_sign(self) -> bool:
        """Whether the hits under the filter depend on no more of an image than its label and its feature's sign."""
        lists = self.search(label_filter=True, self_match=True).distinct_hit_lists
        return self.distinct_vectors <= SIGNS and lists <= LABELS * self.distinct_vectors


class RetrievalRecord(Record):
    #: The published feature: the anomaly map pooled to one number, padded to 1024, normalised. Its queries are searched
    #: as published, with label filter and self-match.
    published: FeatureRecord
    #: The mean-pooled patch embedding. Its queries, and those of the next, are searched with neither.
    #: None where no model was seen, as is the next.
    patch_embedding: FeatureRecord | None = None
    #: The patch embedding pooled by anomaly: a position weighs by how much the anomaly map there exceeds its median.
    weighted_embedding: FeatureRecord | None = None
