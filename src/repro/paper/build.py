"""Build: the inputs of a paper in, its Markdown out."""

from collections.abc import Iterator

from repro.paper.content import template_variables
from repro.paper.figure_sources import figure_sources
from repro.paper.inputs import TEMPLATES, Inputs
from repro.paper.markdown import Origin, Written, write
from repro.paper.provenance import patterns
from repro.paper.trace import Source

#: The table of sources, which does not list itself.
SOURCES = "sources"


def to_markdown(inputs: Inputs) -> Written:
    """The paper as Markdown, with an appendix on where each table and figure comes from.

    Raises ReproError where a verdict's evidence is not in the results, and where a template prints a number that
    comes from no record.
    """
    figures = {figure.file: figure_sources(figure, inputs.results) for figure in inputs.figures.figures}
    return write(
        template_variables(inputs),
        TEMPLATES,
        lambda written: list(_origins(written, figures, inputs.results.study.name)),
    )


def _origins(written: Written, figures: dict[str, tuple[Source, ...]], study: str) -> Iterator[Origin]:
    for kind, label in written.labels:
        match kind:
            case "table" if label != SOURCES and (places := written.tables[label].sources):
                yield Origin(kind, label, patterns(places), f"repro table --study {study} {label}")
            case "figure" if label != SOURCES:
                yield Origin(kind, label, patterns(figures[label]), f"repro figures --study {study} --only {label}")
