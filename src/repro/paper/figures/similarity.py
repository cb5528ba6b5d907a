"""Similarity sheets: a query and its hits by each feature."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from matplotlib.lines import Line2D

from repro.data.layout import GOOD
from repro.paper.cells import first_key
from repro.paper.figures.images import ImageLoader
from repro.paper.figures.sheet import WIDTH, Picture, Sheet, file_name
from repro.records.figures import FigureRecord
from repro.records.results import Results
from repro.records.retrieval import QueryRecord

#: How a hit relates to its query: legend, colour, line style.
SAME_DEFECT = ("same defect type, or both good", "#009E73", "-")
SAME_LABEL = ("another defect type", "#E69F00", (0, (3, 1)))
OTHER_LABEL = ("other label (normal or anomalous)", "#CC0066", (0, (1, 1)))


def similarity(results: Results, variant: str, category: str, load_image: ImageLoader) -> Iterator[Picture]:
    """A sheet for each query of a variant's first seed: its hits by the published feature and by patch embedding."""
    record = results.retrieval.get(first_key(results, variant, category))
    if record is None:
        return
    patches = record.patch_embedding.queries if record.patch_embedding else ()
    for number, query in enumerate(record.published.queries, 1):
        rows = {"published feature": query}
        if same := next((other for other in patches if other.image == query.image), None):
            rows["patch embedding"] = same
        parts = []
        for feature, searched in rows.items():
            hits = [f"{hit.defect} {hit.score:.4f}" + _itself(hit.image, query.image, " ({})") for hit in searched.hits]
            parts.append(f"by {feature} {', '.join(hits) or 'none'}")
        alt = f"{results.names[variant]}, query {query.image} ({query.defect}), and its hits: {'; '.join(parts)}."
        file = file_name("similar", variant, category, str(number), suffix="jpg")
        figure = FigureRecord(
            file=file, kind="similarity", alt=alt, variant=variant, category=category, query=query.image
        )
        yield figure, partial(_sheet, load_image, rows)


def _sheet(load_image: ImageLoader, rows: dict[str, QueryRecord]) -> Sheet:
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
            sheet.image(x, y, side, side, load_image(image))
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


def _relation(defect: str, query: str) -> tuple[str, str, Any]:
    if defect == query:
        return SAME_DEFECT
    return OTHER_LABEL if GOOD in (defect, query) else SAME_LABEL


def _itself(image: str, query: str, form: str = "{}") -> str:
    return form.format("the query itself") if image == query else ""
