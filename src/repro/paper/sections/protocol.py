"""Protocol: variants and cells in, settings, training runs and departures from the published protocol out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from repro.paper.sections.scores import Extremes, extremes
from repro.records.results import CellRecord, Results
from repro.records.weights import WeightsRecord


@dataclass(frozen=True)
class Variant:
    """A row of the table of settings, and the categories on which the variant scores highest and lowest."""

    name: str
    model: str
    settings: Mapping[str, Any]
    #: By role, for example `teacher` or `backbone`.
    weights: Mapping[str, WeightsRecord]
    #: None for a variant without results.
    image_auroc: Extremes | None
    pixel_auroc: Extremes | None


@dataclass(frozen=True)
class Run:
    """A row of the table of training runs."""

    name: str
    record: CellRecord


@dataclass(frozen=True)
class Protocol:
    """Where training or evaluation departs from what was asked for."""

    #: Variant, epochs asked, epochs run, where these differ.
    cut_short: tuple[tuple[str, int | None, int | None], ...]
    #: Whether the variants' anomaly maps of a category differ in size.
    areas_differ: bool
    #: Variant, height and width in pixels, where anomaly maps are smaller than the image.
    cropped: tuple[tuple[str, int, int], ...]


def variants(results: Results) -> list[Variant]:
    """The variants in the order of the study."""
    return [
        Variant(
            name=name,
            model=results.variants[variant].model,
            settings={
                key: _setting(value)
                for key, value in results.variants[variant].settings.items()
                if not _is_default(key, value)
            },
            weights=results.variants[variant].weights,
            image_auroc=extremes(results, variant, "image_auroc"),
            pixel_auroc=extremes(results, variant, "pixel_auroc"),
        )
        for variant, name in results.names.items()
    ]


def runs(results: Results) -> list[Run]:
    """The cells in the order of the study."""
    return [Run(results.names[results.cells[key].variant], results.cells[key]) for key in results.ordered]


def protocol(results: Results) -> Protocol:
    """Compare what was asked for with what the cells report."""
    names, cells = results.names, results.cells.values()
    sizes: dict[str, set[tuple[int, int]]] = {}
    for cell in cells:
        sizes.setdefault(cell.category, set()).add(cell.map_size)
    full = (results.study.image_size, results.study.image_size)
    cut_short = {
        (names[cell.variant], cell.epochs_asked, cell.epochs_run)
        for cell in cells
        if cell.epochs_run != cell.epochs_asked
    }
    return Protocol(
        cut_short=tuple(sorted(cut_short)),
        areas_differ=any(len(category_sizes) > 1 for category_sizes in sizes.values()),
        cropped=tuple(sorted({(names[cell.variant], *cell.map_size) for cell in cells if cell.map_size != full})),
    )


def _is_default(key: str, value: Any) -> bool:
    """Whether the table of settings leaves a setting out."""
    return (key in ("blur", "held_out") and not value) or (key == "seeds" and value is None)


def _setting(value: Any) -> Any:
    match value:
        case bool():
            return "on" if value else "off"
        case None:
            return "none"
        case list() | tuple():
            return ", ".join(str(item) for item in value)
    return value
