"""Ablation: the results of ablation studies in, what the paper's section on them prints out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from repro.paper.stat import Stat, mean, stat
from repro.paper.trace import count, traced
from repro.records.results import MODEL_NAMES, CellRecord, Results

METRICS = ("image_auroc", "image_f1", "pixel_auroc", "pixel_f1", "aupro")
#: Settings that are asked after, each with its value before the change.
BEFORE = {"pretrained": False, "teacher": "random", "blur": 0.0}
WORDS = {
    "pretrained": "Pre-training on ImageNet",
    "teacher": "A distilled teacher instead of a random one",
    "blur": "A Gaussian blur of the images",
}


@dataclass(frozen=True)
class Contrast:
    """What one setting did: differences with it less without it, each a mean over categories, by metric."""

    model: str
    words: str
    without: str
    given: str
    differences: tuple[float, ...]
    #: In how many of how many categories the metric rose, by metric.
    risen: tuple[int, ...]
    categories: int


def ablations(found: Sequence[Results], paper: Results) -> list[dict[str, Any]]:
    """One entry an ablation study: its table of means, its contrasts, its table by category. None of a partial one."""
    return [_ablation(results, paper) for results in found if not results.missing]


def _ablation(results: Results, paper: Results) -> dict[str, Any]:
    categories = [c for c in results.study.categories if any(cell.category == c for cell in results.cells.values())]
    same = {name: record.fingerprint for name, record in paper.data.categories.items()}
    return {
        "key": results.study.name,
        "data": results.data,
        "categories": categories,
        "category_count": count(categories),
        "same_images": all(same.get(c) == results.data.categories[c].fingerprint for c in categories),
        "train": [results.data.categories[c].train for c in categories],
        "test": [sum(results.data.categories[c].test.values()) for c in categories],
        "epochs": sorted({c.epochs_run for c in results.cells.values() if _model(results, c) == "efficientad"}),
        "rows": [
            {"name": name, "weights": _weights(results, variant), "stats": _means(results, variant, categories)}
            for variant, name in results.names.items()
        ],
        "spread": {
            results.names[variant]: [one.half_range * 2 for one in _means(results, variant, categories)]
            for variant in results.variants
            if len(results.seeds(variant)) > 1
        },
        "contrasts": list(_contrasts(results, categories)),
        "details": [
            {"name": name, "category": category, "stats": _means(results, variant, [category])}
            for variant, name in results.names.items()
            for category in categories
        ],
    }


def _contrasts(results: Results, categories: Sequence[str]) -> Iterable[Contrast]:
    """Pairs of variants of a model whose settings differ in one that is asked after and in nothing else."""
    for without, given in permutations(results.variants, 2):
        first, second = (results.variants[name] for name in (without, given))
        if first.model != second.model:
            continue
        keys = [key for key in second.settings if key != "seeds" and first.settings.get(key) != second.settings[key]]
        if len(keys) != 1 or keys[0] not in BEFORE or first.settings[keys[0]] != BEFORE[keys[0]]:
            continue
        before = [_means(results, without, [category]) for category in categories]
        after = [_means(results, given, [category]) for category in categories]
        pairs = [
            [(old.mean, new.mean) for old, new in zip(*column, strict=True)]
            for column in zip(zip(*before, strict=True), zip(*after, strict=True), strict=True)
        ]
        yield Contrast(
            model=MODEL_NAMES[first.model],
            words=WORDS[keys[0]],
            without=results.names[without],
            given=results.names[given],
            differences=tuple(mean([new - old for old, new in pair]) for pair in pairs),
            risen=tuple(traced(sum(round(new, 4) > round(old, 4) for old, new in pair), pair) for pair in pairs),
            categories=len(categories),
        )


def _means(results: Results, variant: str, categories: Sequence[str]) -> list[Stat]:
    """Each metric's mean over the categories, and over seeds its mean and half its range."""
    stats = []
    for metric in METRICS:
        by_seed = [
            mean(
                [getattr(results.cells[f"{variant}/{category}/seed{seed}"].metrics, metric) for category in categories]
            )
            for seed in results.seeds(variant)
        ]
        stats.append(stat(by_seed))
    return stats


def _weights(results: Results, variant: str) -> str:
    settings = results.variants[variant].settings
    kind = settings.get("teacher") or ("ImageNet" if settings.get("pretrained") else "random")
    blur = f", blur {settings['blur']:g}" if settings.get("blur") else ""
    return f"{settings.get('backbone', 'teacher')}, {kind}{blur}"


def _model(results: Results, cell: CellRecord) -> str:
    return results.variants[cell.variant].model
