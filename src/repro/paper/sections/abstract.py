"""Abstract: verdicts and results in, the findings of the first page out."""

from collections.abc import Sequence
from dataclasses import dataclass

from repro.paper.cells import cells_of
from repro.paper.sections.ablation import Ablation
from repro.paper.stat import Spread, mean
from repro.paper.trace import traced
from repro.records.results import Results
from repro.records.verdicts import Verdict

#: Claims that are named on the first page; the rest are counted.
MOST_NAMED = 8
#: Rules of refuted claims, the one with the most consequences first.
CONSEQUENCE = ("pretrained", "similarity", "feature", "efficientnet", "epochs", "blur")
METRICS = ("image_auroc", "pixel_auroc", "aupro")


@dataclass(frozen=True)
class Rank:
    """A variant's place by its mean over the categories of a metric."""

    name: str
    mean: float
    span: Spread
    #: The categories with the lowest value, to 4 decimals.
    lowest: tuple[str, ...]


@dataclass(frozen=True)
class Abstract:
    """Refuted claims other than those on receptive fields, claims not reproduced, and the order of the variants."""

    wrong: tuple[Verdict, ...]
    more_wrong: int
    missed: tuple[Verdict, ...]
    more_missed: int
    #: By metric.
    ranks: dict[str, list[Rank]]
    #: Mean change of image AUROC by pre-training PatchCore's network, on this study's images; None if not measured.
    pretraining: float | None


def abstract(results: Results, verdicts: Sequence[Verdict], studies: Sequence[Ablation]) -> Abstract:
    """Select the findings of the first page; `studies` are the ablations."""
    wrong = [verdict for verdict in verdicts if verdict.verdict == "refuted" and not verdict.claim.startswith("rf-")]
    wrong.sort(key=lambda verdict: CONSEQUENCE.index(verdict.rule_name) if verdict.rule_name in CONSEQUENCE else -1)
    missed = [verdict for verdict in verdicts if verdict.verdict == "not reproduced"]
    return Abstract(
        wrong=tuple(wrong[:MOST_NAMED]),
        more_wrong=_rest(wrong),
        missed=tuple(missed[:MOST_NAMED]),
        more_missed=_rest(missed),
        ranks={metric: ranks(results, metric) for metric in METRICS},
        pretraining=next(
            (
                contrast.differences[0]
                for study in studies
                if study.same_images
                for contrast in study.contrasts
                if (contrast.model, contrast.setting) == ("PatchCore", "pretrained")
            ),
            None,
        ),
    )


def ranks(results: Results, metric: str) -> list[Rank]:
    """The variants, the one with the highest mean first.

    In a partial report a variant that lacks a category is left out: its mean is not comparable with the others'.
    """
    ranked = []
    for variant, name in results.names.items():
        cells = {category: cells_of(results, variant, category) for category in results.study.categories}
        values = {
            category: mean([getattr(cell.metrics, metric) for cell in seeds])
            for category, seeds in cells.items()
            if seeds
        }
        if values and (not results.missing or len(values) == len(cells)):
            least = round(min(values.values()), 4)
            lowest = tuple(category for category, value in values.items() if round(value, 4) == least)
            ranked.append(Rank(name, mean(list(values.values())), Spread.of(values.values()), lowest))
    return sorted(ranked, key=lambda rank: (-rank.mean, rank.name))


def _rest(verdicts: Sequence[Verdict]) -> int:
    """How many verdicts are not named."""
    rest: int = traced(max(len(verdicts) - MOST_NAMED, 0), [verdict.verdict for verdict in verdicts])
    return rest
