"""Figures: figures.json in, the figures that each section of the paper shows out."""

from dataclasses import dataclass

from repro.paper.cells import first_key
from repro.paper.trace import count, traced
from repro.records.figures import FigureRecord, Figures
from repro.records.results import Results
from repro.records.retrieval import FeatureRecord

#: Kinds that a template asks for by name.
KINDS = (
    "claims",
    "pipeline",
    "metrics",
    "thresholds",
    "distributions",
    "curves",
    "receptive_field",
    "receptive_table",
    "cost",
    "published",
)


@dataclass(frozen=True)
class HeatMapFigures:
    """The overview in the text, and the sheets of single categories in the appendix."""

    text: tuple[FigureRecord, ...]
    appendix: tuple[FigureRecord, ...]


@dataclass(frozen=True)
class SameDefect:
    """How many of a query's hits have its defect type."""

    same: int
    hits: int
    defect: str


@dataclass(frozen=True)
class SimilarityFigure:
    """A similarity sheet; the counts are None where the feature was not searched with its query."""

    figure: FigureRecord
    #: Of the variant.
    name: str
    published: SameDefect | None
    patches: SameDefect | None


def figures_by_kind(figures: Figures) -> dict[str, tuple[FigureRecord, ...]]:
    """The figures of each of `KINDS`, in the order of figures.json."""
    return {kind: _of_kind(figures, kind) for kind in KINDS}


def heat_map_figures(figures: Figures) -> HeatMapFigures:
    """The heat maps, overview and categories apart."""
    sheets = _of_kind(figures, "heat_maps")
    return HeatMapFigures(
        text=tuple(sheet for sheet in sheets if sheet.category is None),
        appendix=tuple(sheet for sheet in sheets if sheet.category is not None),
    )


def similarity_figures(results: Results, figures: Figures) -> list[SimilarityFigure]:
    """The similarity sheets with the counts that their captions state."""
    return [_similarity(results, figure) for figure in _of_kind(figures, "similarity")]


def _of_kind(figures: Figures, kind: str) -> tuple[FigureRecord, ...]:
    return tuple(figure for figure in figures.figures if figure.kind == kind)


def _similarity(results: Results, figure: FigureRecord) -> SimilarityFigure:
    record = None
    if figure.variant in results.variants and figure.category is not None:
        record = results.retrieval.get(first_key(results, figure.variant, figure.category))
    return SimilarityFigure(
        figure=figure,
        name=results.names.get(figure.variant or "", ""),
        published=_same_defect(record.published, figure.query) if record else None,
        patches=_same_defect(record.patch_embedding, figure.query) if record else None,
    )


def _same_defect(feature: FeatureRecord | None, image: str | None) -> SameDefect | None:
    query = next((query for query in feature.queries if query.image == image), None) if feature else None
    if query is None:
        return None
    same = traced(sum(hit.defect == query.defect for hit in query.hits), query.hits)
    return SameDefect(same, count(query.hits), query.defect)
