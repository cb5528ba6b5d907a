"""Ablation: the results of ablation studies in, what the paper's section on them prints out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from repro.paper.cells import cells_of
from repro.paper.stat import Stat, mean, stat
from repro.paper.trace import count, traced
from repro.records.comparison import ComparisonRecord
from repro.records.results import MODEL_NAMES, DataRecord, Results, VariantRecord

METRICS = ("image_auroc", "image_f1", "pixel_auroc", "pixel_f1", "aupro")
#: The settings whose effect is shown, each with its value before the change.
BEFORE = {"pretrained": False, "teacher": "random", "blur": 0.0}
WORDS = {
    "pretrained": "Pre-training on ImageNet",
    "teacher": "A distilled teacher instead of a random one",
    "blur": "A Gaussian blur of the images",
}


@dataclass(frozen=True)
class Contrast:
    """The effect of one setting: differences with it less without it, each a mean over categories, by metric."""

    model: str
    #: A key of `WORDS`, and the words.
    setting: str
    words: str
    #: Variants without and with the change.
    without: str
    given: str
    differences: tuple[float, ...]
    #: The paired difference of image AUROC on the same test images, with and without; None in earlier results.
    paired: ComparisonRecord | None
    #: In how many of how many categories the metric rose, by metric.
    risen: tuple[int, ...]
    categories: int


@dataclass(frozen=True)
class MeansRow:
    """A variant's metrics, mean over categories; over seeds their mean, least and greatest."""

    name: str
    weights: str
    stats: tuple[Stat, ...]


@dataclass(frozen=True)
class CategoryRow:
    """A variant's metrics on one category."""

    name: str
    category: str
    stats: tuple[Stat, ...]


@dataclass(frozen=True)
class Ablation:
    """One ablation study."""

    key: str
    data: DataRecord
    categories: tuple[str, ...]
    category_count: int
    #: Whether its images are those of the paper's own study.
    same_images: bool
    #: Images by category.
    train: tuple[int, ...]
    test: tuple[int, ...]
    #: Epochs that EfficientAD ran.
    epochs: tuple[int, ...]
    rows: tuple[MeansRow, ...]
    #: Range over seeds by name of a variant with several, by metric.
    spread: dict[str, tuple[float, ...]]
    contrasts: tuple[Contrast, ...]
    details: tuple[CategoryRow, ...]


def ablations(studies: Sequence[Results], paper: Results) -> list[Ablation]:
    """The complete ablation studies; `paper` are the results of the paper's own study."""
    return [_ablation(results, paper) for results in studies if not results.missing]


def _ablation(results: Results, paper: Results) -> Ablation:
    cells, records = results.cells.values(), results.data.categories
    categories = tuple(c for c in results.study.categories if any(cell.category == c for cell in cells))
    fingerprints = {category: record.fingerprint for category, record in paper.data.categories.items()}
    means = {variant: _means(results, variant, categories) for variant in results.variants}
    trained = (cell for cell in cells if results.variants[cell.variant].model == "efficientad")
    return Ablation(
        key=results.study.name,
        data=results.data,
        categories=categories,
        category_count=count(categories),
        same_images=all(fingerprints.get(category) == records[category].fingerprint for category in categories),
        train=tuple(records[category].train for category in categories),
        test=tuple(sum(records[category].test.values()) for category in categories),
        epochs=tuple(sorted({cell.epochs_run for cell in trained if cell.epochs_run is not None})),
        rows=tuple(
            MeansRow(name, _weights(results.variants[variant]), means[variant])
            for variant, name in results.names.items()
        ),
        spread={
            name: tuple(value.high - value.low for value in means[variant])
            for variant, name in results.names.items()
            if len(results.seeds(variant)) > 1
        },
        contrasts=tuple(_contrasts(results, categories)),
        details=tuple(
            CategoryRow(name, category, _means(results, variant, [category]))
            for variant, name in results.names.items()
            for category in categories
        ),
    )


def _contrasts(results: Results, categories: Sequence[str]) -> Iterator[Contrast]:
    """Pairs of variants of a model whose settings differ in one of `BEFORE` and in nothing else."""
    for without, given in permutations(results.variants, 2):
        first, second = results.variants[without], results.variants[given]
        setting = _changed_setting(first, second)
        if setting is None:
            continue
        before = [_means(results, without, [category]) for category in categories]
        after = [_means(results, given, [category]) for category in categories]
        # By metric: the values of each category before and after.
        pairs = [
            [(old.mean, new.mean) for old, new in zip(*column, strict=True)]
            for column in zip(zip(*before, strict=True), zip(*after, strict=True), strict=True)
        ]
        yield Contrast(
            model=MODEL_NAMES[first.model],
            setting=setting,
            words=WORDS[setting],
            without=results.names[without],
            given=results.names[given],
            differences=tuple(mean([new - old for old, new in pair]) for pair in pairs),
            paired=_paired(results, given, without),
            risen=tuple(traced(sum(round(new, 4) > round(old, 4) for old, new in pair), pair) for pair in pairs),
            categories=len(categories),
        )


def _paired(results: Results, given: str, without: str) -> ComparisonRecord | None:
    """The comparison of two variants over all categories, as the first less the second."""
    several = len({one.category for one in results.comparisons} - {None}) > 1
    for one in results.comparisons:
        if (one.category is None) == several and {one.first, one.second} == {given, without}:
            if one.first == given:
                return one
            numbers = {"difference": one.difference, "low": one.high, "high": one.low}
            turned = {name: traced(-value, value) for name, value in numbers.items()}
            return one.model_copy(update={"first": given, "second": without, **turned})
    return None


def _changed_setting(first: VariantRecord, second: VariantRecord) -> str | None:
    """The setting of `BEFORE` that alone was changed; None for any other pair."""
    if first.model != second.model:
        return None
    changed = [key for key, value in second.settings.items() if key != "seeds" and first.settings.get(key) != value]
    if len(changed) != 1 or changed[0] not in BEFORE:
        return None
    return changed[0] if first.settings.get(changed[0]) == BEFORE[changed[0]] else None


def _means(results: Results, variant: str, categories: Sequence[str]) -> tuple[Stat, ...]:
    """Each metric's mean over the categories; over seeds its mean, least and greatest."""
    cells = [cells_of(results, variant, category) for category in categories]
    by_seed = list(zip(*cells, strict=True))
    return tuple(
        stat([mean([getattr(cell.metrics, metric) for cell in seed]) for seed in by_seed]) for metric in METRICS
    )


def _weights(variant: VariantRecord) -> str:
    settings = variant.settings
    kind = settings.get("teacher") or ("ImageNet" if settings.get("pretrained") else "random")
    blur = f", blur {settings['blur']:g}" if settings.get("blur") else ""
    return f"{settings.get('backbone', 'teacher')}, {kind}{blur}"
