"""Leak: cells in, what the paper prints of thresholds chosen on the judged images and on others."""

from collections.abc import Sequence
from typing import Any

from repro.paper.stat import mean
from repro.paper.trace import count, traced
from repro.records.metrics import Leak
from repro.records.results import CellRecord, Results


def leak(results: Results) -> dict[str, Any]:
    """A row for each run, and what the leak was worth over all of them, for image and for pixel F1."""
    cells = [results.cells[key] for key in results.ordered]
    judged = [cell for cell in cells if cell.sound]
    return {
        "rows": [{"name": results.names[cell.variant], "cell": cell, "sound": cell.sound} for cell in judged],
        "undefined": traced(len(cells) - len(judged), [cell.images for cell in cells]),
        "largest_half": max((count(fold.judged) for c in judged if c.sound for fold in c.sound.folds), default=0),
        "image": _summary(judged, "image_leak") if judged else None,
        "pixel": _summary(judged, "pixel_leak") if judged else None,
        "efficientad": any(record.model == "efficientad" for record in results.variants.values()),
    }


def _summary(cells: Sequence[CellRecord], name: str) -> dict[str, Any]:
    leaks: list[Leak] = [getattr(cell.sound, name) for cell in cells]
    return {
        "mean": mean([one.points for one in leaks]),
        "least": min(one.points for one in leaks),
        "most": max(one.points for one in leaks),
        "positive": traced(sum(one.low > 0 for one in leaks), [one.low for one in leaks]),
        "count": count([one.points for one in leaks]),
    }
