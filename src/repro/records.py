"""The records of results.json, verdicts.json and guards.json: what the paper may read. Schema version 1.

results.json says what was measured, verdicts.json what follows from it, guards.json what pytest asserted.
None of them holds a time, a path of the machine or a host name, so equal inputs give equal bytes.
Image names are relative to the data root, for example `grid/test/bent/000.png`.
"""

from collections import Counter
from typing import Any, Literal

from repro.record import Record, Score
from repro.retrieval_records import RetrievalRecord

SCHEMA_VERSION = 1
MODEL_NAMES = {"efficientad": "EfficientAD", "patchcore": "PatchCore", "padim": "PaDiM"}


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
    #: Of a package: its weights file. Of timm: names, types, shapes and values of the loaded tensors, in the order of
    #: the network's layers that are used. Of a teacher: names and values. Of images: the hashes of all, by their paths.
    #: None for weights drawn from the cell's seed.
    sha256: str | None


class VariantRecord(Record):
    model: Literal["efficientad", "patchcore", "padim"]
    #: The variant's settings in the study file.
    settings: dict[str, Any]
    #: By role: `teacher` and `penalty` of EfficientAD, `backbone` of the others.
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


class Interval(Record):
    """The central 95 % over the resamples of a bootstrap, or what a verdict made of it."""

    low: float
    high: float


class Intervals(Record):
    """By metric: 2,000 resamples of the test images, normal and anomalous ones apart; pixels go with their image.

    As `Metrics` defines them, but on scores that were not clamped.
    """

    image_auroc: Interval
    image_f1: Interval
    pixel_auroc: Interval
    pixel_f1: Interval
    image_ap: Interval
    pixel_ap: Interval
    aupro: Interval


class Fold(Record):
    """One half of the test images, judged at thresholds from the other."""

    thresholds: Thresholds
    #: The images whose F1 the thresholds maximise.
    chosen_on: tuple[str, ...]
    #: The images to which they are applied.
    judged: tuple[str, ...]


class Leak(Record):
    """F1 at a threshold from the judged images less F1 at thresholds from the other half, in points of F1 (1/100)."""

    points: float
    low: float
    high: float


class SoundRecord(Record):
    """F1 of `score >= threshold` where no image has entered the threshold that judges it."""

    folds: tuple[Fold, Fold]
    image_f1: Score
    pixel_f1: Score
    #: Against `raw.image_f1` and `raw.pixel_f1`, which differ in the threshold alone.
    image_leak: Leak
    pixel_leak: Leak


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
    intervals: Intervals
    #: 1 over the number of test images: the finest difference that anything may turn on.
    resolution: Score
    #: The most by which the bins of the pixel bootstrap can move its AUROC.
    discretisation: Score
    #: None where a half of the test images holds no defect.
    sound: SoundRecord | None
    scores: tuple[ImageScore, ...]
    #: Modules of the trained model whose class name says EfficientNet.
    efficientnet_modules: int
    #: What the trained model does to an image before its network, step by step, as its checkpoint holds it.
    preprocessing: tuple[str, ...]
    #: SHA-256 over scores, maps, masks and labels.
    fingerprint: str

    def calls_anomalous(self, one: ImageScore) -> bool:
        """Whether an image's score lies above the threshold, both to the 6 decimals that scores are kept with."""
        return one.score > round(self.thresholds.image, 6)


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

    @property
    def missing(self) -> tuple[str, ...]:
        """Keys of the study's cells that no result is here of, in the study's order; none but in a partial report."""
        wanted = (f"{v}/{c}/seed{s}" for v in self.variants for c in self.study.categories for s in self.seeds(v))
        return tuple(key for key in wanted if key not in self.cells)


VerdictWord = Literal["reproduced", "not reproduced", "refuted", "not tested"]


class Verdict(Record):
    #: Of the claim, for example `rf-conv1-output`.
    claim: str
    #: Where the published paper says it.
    place: str
    #: The claim in a sentence of ours.
    statement: str
    published: str
    #: The evidence that judging it takes.
    needs: str
    #: Whether the published paper's own tables bear the sentence out; None where it is not about them.
    own_table: Literal["holds", "fails"] | None
    #: What was found instead or as well; None where nothing was tested.
    measured: str | None
    #: The same as a number, where it is one.
    value: float | None
    #: Combined 95 % interval of the value: bootstrap over images, and seeds where there are several.
    interval: Interval | None
    verdict: VerdictWord
    #: Why it was not tested; None where it was.
    reason: str | None
    #: The rule that decided: its name in claims.toml, and its text.
    rule_name: str
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
