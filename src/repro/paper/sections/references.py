"""References: comparisons with others in, what the paper's section on them prints out."""

from typing import Any

from repro.paper.references import METRICS, comparisons, references
from repro.paper.trace import count
from repro.records.results import Results


def reference_table(results: Results) -> dict[str, Any]:
    """Others' scores on the categories of the study, and for each variant of ours a comparison or why there is none."""
    categories = [category for category in results.study.categories if any(one.of(category) for one in references())]
    found = comparisons(results)
    shown = [one for one in references() if any(one.model == record.model for record in results.variants.values())]
    return {
        "categories": categories,
        "rows": [
            {
                "reference": one,
                "scores": [[s.get(m) for m in METRICS] for s in (*map(one.of, categories), one.mean)],
            }
            for one in shown
        ],
        "compared": [(one, results.names[one.variant]) for one in found if one.pairs],
        "same_data": results.data.official,
        "refused": [(one, results.names[one.variant]) for one in found if one.refusals],
        "count": count([one.reference.key for one in found]),
        "compared_count": count([one.reference.key for one in found if one.pairs]),
    }
