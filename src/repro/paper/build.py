"""Build: the inputs of a paper in, its Markdown out, with its appendix on where each table and figure comes from."""

from typing import Any

from repro.paper.content import view
from repro.paper.figure_sources import made_from
from repro.paper.inputs import TEMPLATES, Inputs
from repro.paper.markdown import Written, write
from repro.paper.provenance import patterns


def to_markdown(inputs: Inputs) -> Written:
    """The paper as Markdown, with its appendix on where each table and figure comes from."""
    content = view(inputs)
    drawn = {figure.file: made_from(figure, inputs.results) for figure in inputs.figures.figures}
    study = inputs.results.study.name

    def about(written: Written | None) -> dict[str, Any]:
        if written is None:
            return {"provenance": []}
        found = []
        for (kind, label), _ in written.labels.items():
            if kind == "table" and (places := written.sources_of(label) if label in written.tables else ()):
                command = f"repro table --study {study} {label}"
            elif kind == "figure":
                places, command = drawn[label], f"repro figures --study {study} --only {label}"
            else:
                continue
            if label != "sources":
                found.append({"kind": kind, "label": label, "places": patterns(places), "command": command})
        return {"provenance": found}

    return write(content, TEMPLATES, about)
