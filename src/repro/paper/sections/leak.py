"""Leak: cells in, what the paper prints of thresholds chosen on the test images and on others out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from repro.paper.stat import mean
from repro.paper.trace import count, traced
from repro.records.metrics import HeldOutRecord, SoundRecord
from repro.records.results import CellRecord, Results

Kind = Literal["image_leak", "pixel_leak"]


@dataclass(frozen=True)
class LeakSummary:
    """The leak over cells, in points of F1."""

    mean: float
    least: float
    most: float
    count: int


@dataclass(frozen=True)
class LeakRow:
    """One cell."""

    name: str
    cell: CellRecord
    sound: SoundRecord


@dataclass(frozen=True)
class HeldOutRow:
    """One cell with thresholds from training images that were held out."""

    name: str
    cell: CellRecord
    held_out: HeldOutRecord


@dataclass(frozen=True)
class VariantLeak:
    """The leak over the cells of a variant."""

    name: str
    image: LeakSummary
    pixel: LeakSummary
    #: Over random splits, and leave-one-out; None in results of earlier versions.
    image_repeated: LeakSummary | None
    image_one_out: LeakSummary | None
    pixel_repeated: LeakSummary | None
    pixel_one_out: LeakSummary | None


@dataclass(frozen=True)
class LeakSection:
    """A row for each cell whose halves both hold a defect, and their summary; None where there is no such cell."""

    rows: tuple[LeakRow, ...]
    by_variant: tuple[VariantLeak, ...]
    held_out: tuple[HeldOutRow, ...]
    #: Cells in which a half of the test images holds no defect.
    undefined: int
    #: Images in the larger half.
    largest_half: int
    image: LeakSummary | None
    pixel: LeakSummary | None
    #: Mean over the variants of each one's mean over its trainings, over random splits where they were made.
    image_mean: float | None
    pixel_mean: float | None
    #: Number of random splits; None in results of earlier versions.
    repeated: int | None
    #: Names of the variants of EfficientAD whose maps are scaled by test images.
    scaled_by_test: tuple[str, ...]
    #: What anomalib's strict comparison costs, in points of image F1.
    strict: LeakSummary


def leak(results: Results) -> LeakSection:
    """What F1 gains when thresholds are chosen on the images it is computed for."""
    cells = [results.cells[key] for key in results.ordered]
    rows = tuple(LeakRow(results.names[cell.variant], cell, cell.sound) for cell in cells if cell.sound)
    by_variant = tuple(_by_variant(results))
    return LeakSection(
        rows=rows,
        by_variant=by_variant,
        held_out=tuple(HeldOutRow(results.names[cell.variant], cell, cell.held_out) for cell in cells if cell.held_out),
        image_mean=mean([(one.image_repeated or one.image).mean for one in by_variant]) if by_variant else None,
        pixel_mean=mean([(one.pixel_repeated or one.pixel).mean for one in by_variant]) if by_variant else None,
        undefined=traced(len(cells) - len(rows), [cell.images for cell in cells]),
        largest_half=max((count(fold.judged) for row in rows for fold in row.sound.folds), default=0),
        image=leak_summary(cells, "image_leak"),
        pixel=leak_summary(cells, "pixel_leak"),
        repeated=next((row.sound.repeated.splits for row in rows if row.sound.repeated), None),
        scaled_by_test=tuple(
            results.names[name]
            for name, record in results.variants.items()
            if record.model == "efficientad" and not record.settings.get("held_out")
        ),
        strict=_of([_strict(cell) for cell in cells]),
    )


def _by_variant(results: Results) -> Iterator[VariantLeak]:
    for variant, name in results.names.items():
        cells = [cell for cell in results.cells.values() if cell.variant == variant]
        image, pixel = leak_summary(cells, "image_leak"), leak_summary(cells, "pixel_leak")
        if image and pixel:
            repeated = [cell.sound.repeated for cell in cells if cell.sound and cell.sound.repeated]
            yield VariantLeak(
                name,
                image,
                pixel,
                _summary([one.image.mean for one in repeated]),
                _summary([one.image.leave_one_out for one in repeated]),
                _summary([one.pixel.mean for one in repeated]),
                _summary([one.pixel.leave_one_out for one in repeated]),
            )


def leak_summary(cells: Sequence[CellRecord], kind: Kind) -> LeakSummary | None:
    """Over the cells whose halves both hold a defect; None where there is no such cell."""
    return _summary([getattr(cell.sound, kind).points for cell in cells if cell.sound])


def _strict(cell: CellRecord) -> float:
    """What `score > threshold` costs in image F1 where the search for the threshold took `score >= threshold`."""
    return traced(100 * (cell.raw.image_f1 - cell.metrics.image_f1), [cell.raw.image_f1, cell.metrics.image_f1])


def _summary(points: Sequence[float]) -> LeakSummary | None:
    return _of(points) if points else None


def _of(points: Sequence[float]) -> LeakSummary:
    return LeakSummary(
        mean=mean(points),
        least=traced(min(points), points),
        most=traced(max(points), points),
        count=count(points),
    )
