"""The records of results.json, verdicts.json and guards.json: what the paper may read. Schema version 1.

results.json says what was measured, verdicts.json what follows from it, guards.json what pytest asserted.
None of them holds a time, a path of the machine or a host name, so equal inputs give equal bytes.
Image names are relative to the data root, for example `grid/test/bent/000.png`.
"""

from collections import Counter
from typing import Any, Literal

from repro.record import Record, Score

SCHEMA_VERSION = 1
MODEL_NAMES = {"efficientad": "EfficientAD", "patchcore": "PatchCore"}


class GuardBound(Record):
    """The least value of a metric that the study accepts, for every category of a variant or for one."""

    variant: str
    metric: str
    minimum: Score
    #: None: the bound holds for each category.
    category: str | None = None


class StudyRecord(Record):
    name: str
    title: str
    #: `published`: thresholds are chosen on the test images, as the published study did.
    protocol: Literal["published"]
    image_size: int
    categories: tuple[str, ...]
    seeds: tuple[int, ...]
    guards: tuple[GuardBound, ...]
    #: SHA-256 of the resolved study.
    fingerprint: str


class CategoryRecord(Record):
    train: int
    #: Test images by defect type; `good` are the normal ones.
    test: dict[str, int]
    #: Width and height of the images on disk; several where they differ.
    image_sizes: tuple[tuple[int, int], ...]
    #: Pillow modes found, for example `L` or `RGB`.
    modes: tuple[str, ...]
    #: SHA-256 over the names and hashes of the category's files.
    fingerprint: str


class DataRecord(Record):
    source: Literal["procedural", "folder"]
    #: What to call the data in a sentence, for example `MVTec AD` or `procedural stand-ins`.
    name: str
    #: Whether split sizes and image sizes are those of the official MVTec AD.
    official: bool
    categories: dict[str, CategoryRecord]
    fingerprint: str


class WeightsRecord(Record):
    """Where the weights or images of one role come from."""

    #: For example `random`, `official`, `timm`.
    kind: str
    description: str
    #: Of the weights file or over the folder of images; None for weights drawn from the cell's seed.
    sha256: str | None


class VariantRecord(Record):
    model: Literal["efficientad", "patchcore"]
    #: The variant's settings in the study file.
    settings: dict[str, Any]
    #: By role: `teacher` and `penalty` of EfficientAD, `backbone` of PatchCore.
    weights: dict[str, WeightsRecord]


class Thresholds(Record):
    """In the units of the raw scores and maps."""

    image: float
    pixel: float


class Metrics(Record):
    """As the study defines them: thresholds that maximise F1 on the test images, anomalib's normalisation."""

    image_auroc: Score
    image_f1: Score
    pixel_auroc: Score
    pixel_f1: Score
    #: Average precision.
    image_ap: Score
    pixel_ap: Score
    #: Area under the per-region overlap curve up to a false positive rate of 0.3, divided by 0.3.
    aupro: Score


class RawMetrics(Record):
    """The published metrics on raw scores, neither normalised nor clamped; F1 is the highest over `score >= t`."""

    image_auroc: Score
    image_f1: Score
    pixel_auroc: Score
    pixel_f1: Score


class ImageScore(Record):
    image: str
    #: `good` or the defect type.
    defect: str
    score: float


class HeatMap(Record):
    """An image chosen by rule: of its defect type the best, median or worst by rank of score over the variants."""

    category: str
    defect: str
    place: Literal["best", "median", "worst"]
    image: str


class CellRecord(Record):
    variant: str
    category: str
    seed: int
    epochs_asked: int
    #: What the trainer reports after fitting.
    epochs_run: int
    steps: int
    #: `patches` kept and their `dimension`; None for models without a memory bank.
    memory_bank: dict[str, int] | None
    #: Height and width of the anomaly maps, after the model's own crop.
    map_size: tuple[int, int]
    images: int
    anomalous: int
    #: Share of the test pixels, inside the map, that the masks mark.
    anomalous_pixels: Score
    thresholds: Thresholds
    metrics: Metrics
    raw: RawMetrics
    scores: tuple[ImageScore, ...]
    #: Modules of the trained model whose class name says EfficientNet.
    efficientnet_modules: int
    #: SHA-256 over scores, maps, masks and labels.
    fingerprint: str

    def calls_anomalous(self, one: ImageScore) -> bool:
        """Whether an image's score lies above the threshold, both to the 6 decimals that scores are kept with."""
        return one.score > round(self.thresholds.image, 6)


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


class FeatureRecord(Record):
    """One way to search the test images of a cell, over all of them as queries."""

    dimension: int
    #: Whether hits are filtered to the query's own label (normal or anomalous).
    label_filter: bool
    #: Whether the query itself is among what can be returned.
    self_match: bool
    #: How many different vectors the collection holds (rounded to 6 decimals), of how many points.
    distinct_vectors: int
    points: int
    #: How many different similarities occur among all hits (rounded to 6 decimals).
    distinct_scores: int
    #: Share of the first 5 hits that have the query's defect type, and its label, mean over queries.
    defect_precision_at_5: Score
    label_precision_at_5: Score
    #: The same for hits drawn at random from what the query may return.
    chance_defect_precision_at_5: Score
    chance_label_precision_at_5: Score
    #: Share of queries that find themselves among their first 5 hits.
    self_match_at_5: Score
    #: How many different lists of first 5 hits all queries together got; few mean that the query hardly matters.
    distinct_hit_lists: int
    #: The queries shown in the paper: the study's own, else the first of each category.
    queries: tuple[QueryRecord, ...]


class RetrievalRecord(Record):
    #: The published feature: the anomaly map pooled to one number, padded to 1024, normalised.
    published: FeatureRecord
    #: The mean-pooled patch embedding, no label filter, no self-match.
    patch_embedding: FeatureRecord


class LayerRecord(Record):
    name: str
    kernel: int
    stride: int
    padding: int
    dilation: int
    #: Width of the square output, jump and receptive field in input pixels, centre of the first output pixel.
    output: int
    jump: int
    receptive_field: int
    start: float


class NetworkRecord(Record):
    """One patch description network, layer by layer, and what running it showed."""

    size: Literal["small", "medium"]
    padding: bool
    layers: tuple[LayerRecord, ...]
    #: Output widths that forward hooks saw, in the order of `layers`.
    measured_outputs: tuple[int, ...]
    #: Width of the support of the gradient of one central output pixel with respect to the input.
    measured_receptive_field: int


class ReceptiveFieldRecord(Record):
    input_size: int
    #: `small`, `small-padded`, `medium`, `medium-padded`.
    networks: dict[str, NetworkRecord]


class Results(Record):
    """results.json: what was measured."""

    schema_version: Literal[1]
    study: StudyRecord
    data: DataRecord
    variants: dict[str, VariantRecord]
    #: By cell key, `variant/category/seedN`.
    cells: dict[str, CellRecord]
    #: By category; the same images for every variant.
    heat_maps: tuple[HeatMap, ...]
    #: By cell key; empty for a study without queries.
    retrieval: dict[str, RetrievalRecord]
    receptive_field: ReceptiveFieldRecord

    @property
    def names(self) -> dict[str, str]:
        """What to call each variant: the model's name, with the rest of the variant's own where a model has several."""
        models = Counter(record.model for record in self.variants.values())
        names = {}
        for variant, record in self.variants.items():
            rest = variant.removeprefix(record.model).removeprefix("-")
            names[variant] = MODEL_NAMES[record.model] + (f" ({rest})" if rest and models[record.model] > 1 else "")
        return names

    def seeds(self, variant: str) -> tuple[int, ...]:
        """The seeds with which a variant was trained."""
        return tuple(self.variants[variant].settings.get("seeds") or self.study.seeds)


VerdictWord = Literal["reproduced", "not reproduced", "refuted", "not tested"]


class Verdict(Record):
    #: Of the claim, for example `rf-conv1-output`.
    claim: str
    #: Where the published paper says it.
    place: str
    #: The claim in a sentence of ours.
    statement: str
    published: str
    #: What was found instead or as well; None where nothing was tested.
    measured: str | None
    verdict: VerdictWord
    #: The rule that decided, in a sentence.
    rule: str
    #: Path into results.json, for example `receptive_field.networks.small.layers.0.output`.
    evidence: str | None


class Verdicts(Record):
    """verdicts.json: what follows from results.json and the published claims."""

    schema_version: Literal[1]
    results_sha256: str
    verdicts: tuple[Verdict, ...]


class Assertion(Record):
    #: pytest's id of the test.
    test: str
    #: What is asserted, in a sentence.
    statement: str
    value: str
    bound: str
    outcome: Literal["passed", "failed"]


class Guards(Record):
    """guards.json: what pytest asserted of a results.json."""

    schema_version: Literal[1]
    results_sha256: str
    passed: int
    failed: int
    assertions: tuple[Assertion, ...]


class Environment(Record):
    """environment.json: the software and the machine behind a results.json; not part of the measurements."""

    schema_version: Literal[1]
    #: Commit of the project, with `+changes` where tracked files outside report/ differ from it; `unknown` outside git.
    commit: str
    python: str
    platform: str
    processor: str
    #: The devices that trained the cells, for example `cpu` or `cuda (NVIDIA A100)`.
    devices: tuple[str, ...]
    threads: int
    packages: dict[str, str]
    data_fingerprint: str
    #: `variant role` to SHA-256.
    weights: dict[str, str]


class FigureRecord(Record):
    """One picture below report/<study>/figures/."""

    #: Name of the file, for example `heat-maps-grid-median.jpg`; also its label in the paper without the suffix.
    file: str
    kind: Literal[
        "pipeline",
        "metrics",
        "distributions",
        "curves",
        "heat_maps",
        "similarity",
        "receptive_field",
        "contact_sheet",
        "cost",
    ]
    #: What the picture shows, for those who cannot see it.
    alt: str
    #: What it is about; None where it does not apply.
    variant: str | None = None
    category: str | None = None
    #: The query image of a similarity sheet.
    query: str | None = None
    #: Of a contact sheet: the images in the order of its rows, left to right, `across` of them in a row; each takes
    #: a tile of the input and one for the map of each variant. `tile` is the side of a tile in pixels.
    images: tuple[str, ...] = ()
    across: int | None = None
    tile: int | None = None


class Figures(Record):
    """figures.json: the pictures in the order of the paper."""

    schema_version: Literal[1]
    figures: tuple[FigureRecord, ...]
