"""figures.json: the pictures of a report, in the order of the paper."""

from typing import Literal

from repro.records.base import Record


class FigureRecord(Record):
    """One picture below report/<study>/figures/."""

    #: Name of the file, for example `heat-maps-grid-median.jpg`; also its label in the paper without the suffix.
    file: str
    kind: Literal[
        "claims",
        "pipeline",
        "metrics",
        "thresholds",
        "distributions",
        "curves",
        "heat_maps",
        "similarity",
        "receptive_field",
        "receptive_table",
        "contact_sheet",
        "cost",
        # Of the study's own outputs.
        "published",
    ]
    #: What the picture shows, for those who cannot see it.
    alt: str
    #: What it is about; None where it does not apply.
    variant: str | None = None
    category: str | None = None
    #: The query image of a similarity sheet.
    query: str | None = None
    #: Of a contact sheet: the images in the order of its rows, left to right, `across` of them in a row; each takes
    #: a tile of the input and one for the map of each variant. `tile` is the side of a tile in pixels.
    images: tuple[str, ...] = ()
    across: int | None = None
    tile: int | None = None


class Figures(Record):
    """figures.json: the pictures in the order of the paper."""

    schema_version: Literal[1]
    figures: tuple[FigureRecord, ...]
