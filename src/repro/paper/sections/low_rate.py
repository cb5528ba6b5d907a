"""Low rates: cells in, segmentation at low false positive rates by variant and category out."""

from dataclasses import dataclass

from repro.paper.cells import cells_of
from repro.paper.stat import Stat, stat
from repro.records.results import Results


@dataclass(frozen=True)
class LowRateRow:
    """A variant on a category, over its seeds."""

    category: str
    name: str
    aupro: Stat
    #: None where normal pixels are too few.
    aupimo: Stat | None


def low_rates(results: Results) -> list[LowRateRow]:
    """A row for each variant and category that was measured so."""
    rows = []
    for category in results.study.categories:
        for variant, name in results.names.items():
            records = [cell.low_rate for cell in cells_of(results, variant, category) if cell.low_rate]
            if records:
                scores = [record.aupimo for record in records if record.aupimo is not None]
                rows.append(
                    LowRateRow(category, name, stat([one.aupro for one in records]), stat(scores) if scores else None)
                )
    return rows
