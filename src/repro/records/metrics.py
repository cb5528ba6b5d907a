"""Metrics of a cell, their intervals and its leak-free thresholds; part of results.json."""

from repro.records.base import Record, Score


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


class TieBounds(Record):
    """Ends of what a metric may have been before the maps were stored in 256 levels.

    Pixels of one level may be in any order, and images whose scores are no more than a level apart. `image_f1` is that
    of `score > threshold`, as anomalib predicts, `pixel_f1` that of `score >= threshold`.
    """

    image_auroc: Interval
    image_f1: Interval
    #: Where images of one score are all on one side of the threshold, but for the one that set it.
    image_f1_apart: Score
    image_ap: Interval
    pixel_auroc: Interval
    pixel_f1: Interval
    pixel_ap: Interval


class MaximumRecord(Record):
    """Image metrics where an image's score is the maximum of its map; the model's own may be another."""

    image_auroc: Score
    #: At its highest over `score >= t`.
    image_f1: Score


class LowRateRecord(Record):
    """How well defects are segmented where few normal pixels are called anomalous, as practice needs."""

    #: Area under the per-region overlap curve up to a false positive rate of 0.05, divided by 0.05.
    aupro: Score
    #: Mean of AUPIMO over the images with a defect, and that of each, by name; None where normal pixels are too few.
    aupimo: Score | None
    aupimo_images: dict[str, Score]


class DefectRecord(Record):
    """The test images of one defect type."""

    defect: str
    images: int
    #: Of these images against all normal ones.
    image_auroc: Score
    #: How many have a score below the threshold that maximises F1 on the test images.
    missed: int
    #: Area under the per-region overlap curve up to a false positive rate of 0.3, of these and the normal images.
    aupro: Score


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


class SplitLeak(Record):
    """The leak over many random splits into halves, in points of F1."""

    mean: float
    #: The central 95 % over the splits.
    low: float
    high: float
    #: Where each image is judged at the threshold of all others, so that hardly an image is lost for choosing it.
    leave_one_out: float


class SplitsRecord(Record):
    splits: int
    image: SplitLeak
    pixel: SplitLeak


class SoundRecord(Record):
    """F1 of `score >= threshold` where no image has entered the threshold that judges it."""

    folds: tuple[Fold, Fold]
    image_f1: Score
    pixel_f1: Score
    #: Against `raw.image_f1` and `raw.pixel_f1`, which differ in the threshold alone.
    image_leak: Leak
    pixel_leak: Leak
    #: None in results of earlier versions.
    repeated: SplitsRecord | None = None


class RuleRecord(Record):
    """What a threshold decides on the test images; `score >= threshold` is anomalous."""

    thresholds: Thresholds
    image_f1: Score
    pixel_f1: Score
    #: Share of the normal test images that are called anomalous, and of the anomalous ones that are called normal.
    false_alarms: Score
    missed: Score


class HeldOutRecord(Record):
    """Thresholds from normal training images that were held out from training; no test image enters them."""

    images: int
    #: Mean plus 3 standard deviations of the scores, and of the pixels of the maps.
    deviations: RuleRecord
    #: Their 0.99 quantile.
    quantile: RuleRecord


class ImageScore(Record):
    image: str
    #: `good` or the defect type.
    defect: str
    score: float


class ScoresRecord(Record):
    """scores.json: the metrics of a cell and what they were computed with."""

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
    #: Image metrics by the maximum of the map.
    maximum: MaximumRecord | None = None
    #: None in results of earlier versions.
    low_rate: LowRateRecord | None = None
    #: By defect type, in the order of their names.
    defects: tuple[DefectRecord, ...] = ()
    #: None where maps were not stored in levels.
    ties: TieBounds | None = None
    #: None where a half of the test images holds no defect.
    sound: SoundRecord | None
    #: None where no training image was held out.
    held_out: HeldOutRecord | None = None
    scores: tuple[ImageScore, ...]
    #: SHA-256 over scores, maps, masks and labels.
    fingerprint: str
