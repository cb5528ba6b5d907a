"""References: comparisons with others' scores in, what the paper's section on them prints out."""

from dataclasses import dataclass

from repro.paper.references import METRICS, Aupimo, Comparison, Reference, comparisons, references
from repro.paper.trace import count
from repro.records.results import MODEL_NAMES, Results


@dataclass(frozen=True)
class ReferenceRow:
    """Others' scores in per cent, by metric, on each category and over all 15; None where not reported."""

    reference: Reference
    scores: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class ReferenceTable:
    """Others' scores on the categories of the study, and what compares with ours; comparisons name the variant."""

    categories: tuple[str, ...]
    rows: tuple[ReferenceRow, ...]
    compared: tuple[tuple[Comparison, str], ...]
    refused: tuple[tuple[Comparison, str], ...]
    #: Whether ours are of the official MVTec AD.
    same_data: bool
    count: int
    compared_count: int
    #: Models compared image by image by AUPIMO's authors.
    aupimo: tuple[Aupimo, ...]


def reference_table(results: Results) -> ReferenceTable:
    """Compare each variant with each reference of its model.

    Raises ReproError where references.toml is not as it should be.
    """
    read = references()
    known = read.reference
    models = {variant.model for variant in results.variants.values()}
    categories = tuple(
        category for category in results.study.categories if any(reference.of(category) for reference in known)
    )
    pairs = [(comparison, results.names[comparison.variant]) for comparison in comparisons(results)]
    compared = tuple((comparison, name) for comparison, name in pairs if comparison.pairs)
    return ReferenceTable(
        categories=categories,
        rows=tuple(
            _row(reference, categories)
            for reference in known
            # Models that no study has are others' best today.
            if reference.model in models or reference.model not in MODEL_NAMES
        ),
        aupimo=tuple(one for one in read.aupimo if one.category in categories),
        compared=compared,
        refused=tuple((comparison, name) for comparison, name in pairs if comparison.refusals),
        same_data=results.data.official,
        count=count([comparison.reference.key for comparison, _ in pairs]),
        compared_count=count([comparison.reference.key for comparison, _ in compared]),
    )


def _row(reference: Reference, categories: tuple[str, ...]) -> ReferenceRow:
    columns = [*map(reference.of, categories), reference.mean]
    return ReferenceRow(reference, tuple(tuple(scores.get(metric) for metric in METRICS) for scores in columns))
