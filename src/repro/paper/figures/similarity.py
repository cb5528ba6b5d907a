"""Similarity sheets: what each feature finds for a query, side by side."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from matplotlib.lines import Line2D

from repro.data.layout import GOOD
from repro.paper.figures.images import Photograph
from repro.paper.figures.sheet import WIDTH, Picture, Sheet, file_name
from repro.records.figures import FigureRecord
from repro.records.results import Results
from repro.records.retrieval import QueryRecord
from repro.runs import Cell

#: How a hit relates to its query: what the legend says, colour, line style.
SAME_DEFECT = ("same defect type, or both good", "#009E73", "-")
SAME_LABEL = ("another defect type", "#E69F00", (0, (3, 1)))
OTHER_LABEL = ("other label (normal or anomalous)", "#CC0066", (0, (1, 1)))


def similarity(results: Results, variant: str, category: str, photograph: Photograph) -> Iterator[Picture]:
    """A sheet for each query shown of a cell: what the published feature and the patch embedding find for it."""
    found = results.retrieval.get(Cell(variant, category, results.seeds(variant)[0]).key)
    if found is None:
        return
    for number, query in enumerate(found.published.queries, 1):
        same = [
            other
            for other in (found.patch_embedding.queries if found.patch_embedding else ())
            if other.image == query.image
        ]
        rows = {"published feature": query} | dict(zip(["patch embedding"], same, strict=False))
        said = []
        for feature, asked in rows.items():
            hits = [f"{hit.defect} {hit.score:.4f}" + _itself(hit.image, query.image, " ({})") for hit in asked.hits]
            said.append(f"by {feature} {', '.join(hits) or 'none'}")
        alt = f"{results.names[variant]}, query {query.image} ({query.defect}), and its hits: {'; '.join(said)}."
        file = file_name("similar", variant, category, str(number), suffix="jpg")
        about = {"variant": variant, "category": category, "query": query.image}
        yield FigureRecord(file=file, kind="similarity", alt=alt, **about), partial(_sheet, photograph, rows)


def _sheet(photograph: Photograph, rows: dict[str, QueryRecord]) -> Sheet:
    label, gap, apart, caption = 0.5, 0.18, 0.3, 1.3
    most = max(1, *(len(query.hits) for query in rows.values()), 1)
    side = min((WIDTH - label - apart) / (most + 1) - gap, 3.0)
    sheet = Sheet(0.1 + len(rows) * (side + caption) + 0.55)
    used: set[tuple[str, str, Any]] = set()
    for row, (feature, query) in enumerate(rows.items()):
        y = 0.1 + row * (side + caption)
        sheet.text(0.25, y + side / 2, feature, side + 0.8, 8, rotation=90, va="center")
        shown: list[tuple[str, str, str, tuple[str, str, Any]]] = [
            ("query", query.defect, query.image, ("", "black", "-"))
        ]
        shown += [
            (f"{hit.rank}:  {hit.score:.4f}", hit.defect, hit.image, _relation(hit.defect, query.defect))
            for hit in query.hits
        ]
        used.update(relation for *_, relation in shown[1:])
        for column, (first, defect, image, (_, colour, style)) in enumerate(shown):
            x = label + column * (side + gap) + apart * (column > 0)
            sheet.image(x, y, side, side, photograph(image))
            sheet.square(x, y, side, "white", linewidth=2.6)
            sheet.square(x, y, side, colour, linewidth=2.2, linestyle=style, joinstyle="miter", capstyle="butt")
            last = (_itself(image, query.image) if column else "") or image.rsplit("/", 1)[-1]
            for line, text in enumerate((first, defect, last)):
                weight = "bold" if text in ("query", _itself(image, query.image)) and line != 1 else "normal"
                sheet.text(x + side / 2, y + side + 0.12 + 0.34 * line, text, side, weight=weight)
    relations = [relation for relation in (SAME_DEFECT, SAME_LABEL, OTHER_LABEL) if relation in used]
    sheet.legend(
        sheet.height - 0.25,
        [Line2D([], [], color=colour, linewidth=2.2, linestyle=style, label=name) for name, colour, style in relations],
    )
    return sheet


def _relation(defect: str, asked: str) -> tuple[str, str, Any]:
    if defect == asked:
        return SAME_DEFECT
    return OTHER_LABEL if GOOD in (defect, asked) else SAME_LABEL


def _itself(image: str, query: str, form: str = "{}") -> str:
    return form.format("the query itself") if image == query else ""
