"""Page: the marked Markdown of the paper in, one self-contained HTML file out.

Every number becomes a link to the file that holds it, with its place there as tooltip.
"""

import base64
import hashlib
import html
import json
import mimetypes
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from repro.data.layout import GOOD
from repro.paper.cells import first_cell
from repro.paper.inputs import Inputs
from repro.paper.markdown import MARK, Written
from repro.paper.pandoc import convert
from repro.paper.provenance import describe
from repro.paper.trace import Source
from repro.records.figures import FigureRecord
from repro.records.metrics import ImageScore
from repro.records.results import CellRecord, Results
from repro.records.verdicts import Verdict

#: The published study and its author, for programs.
STUDY = "https://github.com/HanwenLiao/eng-ai-agents-hw"
AUTHOR = {"@type": "Person", "name": "Hanwen Liao"}


def to_html(written: Written, report: Path, inputs: Inputs, templates: Path) -> str:
    """The page, with styles, script and figures embedded.

    Raises ReproError where pandoc fails.
    """
    style, script = ((templates / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    sheets = [figure for figure in inputs.figures.figures if figure.kind == "contact_sheet"]
    images = browsable(inputs.results, sheets)
    pictures = {sheet.file: _embedded(report / "figures" / sheet.file) for sheet in sheets}
    style += "".join(f'.sheet-{n} {{ background-image: url("{pictures[s.file]}") }}\n' for n, s in enumerate(sheets))
    arguments = ["--to=html5", "--toc", "--toc-depth=3", "--section-divs", f"--template={templates / 'page.html'}"]
    arguments += [f"--lua-filter={templates / 'page.lua'}"]
    arguments += [f"--metadata={name}-hash:{_hash(text)}" for name, text in (("style", style), ("script", script))]
    arguments += [f"--metadata=study:{inputs.results.study.name}", f"--metadata=commit:{inputs.environment.commit}"]
    page = convert(written.marked, arguments, where="templates/page.lua")
    # The policy of the page lets no attribute set a style.
    page = re.sub(r'<(t[hd]) style="text-align: (\w+);"', r'<\1 class="\2"', page)
    page = MARK.sub(lambda mark: _number(mark[2], written.sources[int(mark[1])], inputs.results), page)
    page = re.sub(
        # Only within an image: a text may contain such an attribute.
        r'(<img[^>]*? src=)"(figures/[^"]+)"',
        lambda image: f'{image[1]}"{_embedded(report / unquote(image[2]))}"',
        page,
    )
    # Last, so that nothing in them is mistaken for a mark.
    reviews = _json(claim_reviews(inputs.verdicts.verdicts))
    for name, text in (("style", style), ("script", script), ("images", _json(images)), ("reviews", reviews)):
        page = page.replace(f"<!--{name}-->", text)
    return page


def claim_reviews(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Each judged claim as JSON-LD, which search engines and fact-checking tools read: https://schema.org/ClaimReview."""
    author = {"@type": "Organization", "name": "The repro maintainers"}
    study = {"@type": "ScholarlyArticle", "name": "HW2-Paper", "url": STUDY, "author": AUTHOR}
    return [
        {
            "@context": "https://schema.org",
            "@type": "ClaimReview",
            "claimReviewed": one.statement,
            "itemReviewed": {"@type": "Claim", "author": AUTHOR, "appearance": study | {"pagination": one.place}},
            "author": author,
            "reviewRating": {"@type": "Rating", "alternateName": one.verdict},
            "reviewBody": one.measured or one.rule,
        }
        for one in verdicts
        if one.verdict != "not tested"
    ]


def browsable(results: Results, sheets: Sequence[FigureRecord]) -> dict[str, Any]:
    """The JSON of the image browser: each test image's tiles on its sheet, and its score and outcome by variant."""
    width = 1 + len(results.variants)
    images, grids = [], []
    for number, sheet in enumerate(sheets):
        across = sheet.across or 1
        cells = [first_cell(results, variant, sheet.category or "") for variant in results.variants]
        outcomes = [_outcomes(cell) if cell else None for cell in cells]
        grids.append({"rows": -(-len(sheet.images) // across), "columns": across * width})
        for index, image in enumerate(sheet.images):
            row, column = divmod(index, across)
            images.append(
                {
                    "image": image,
                    "category": sheet.category,
                    "sheet": number,
                    "row": row,
                    "column": column * width,
                    "defect": image.split("/")[-2],
                    # None keeps the place of a variant whose cell is missing.
                    "seen": [outcome.get(image) if outcome else None for outcome in outcomes],
                }
            )
    return {"models": list(results.names.values()), "sheets": grids, "images": images}


def _outcomes(cell: CellRecord) -> dict[str, dict[str, Any]]:
    """By image: its score, the threshold, and what follows."""
    return {
        score.image: {"score": score.score, "threshold": cell.thresholds.image, "verdict": _outcome(cell, score)}
        for score in cell.scores
    }


def _outcome(cell: CellRecord, score: ImageScore) -> str:
    if score.defect == GOOD:
        return "false alarm" if cell.calls_anomalous(score) else "passed"
    return "found" if cell.calls_anomalous(score) else "missed"


def _number(text: str, sources: tuple[Source, ...], results: Results) -> str:
    title = html.escape(describe(sources, results))
    file = sources[0].file
    if not file.endswith(".json"):
        return f'<span class="n" title="{title}">{text}</span>'
    return f'<a class="n" href="{html.escape(file)}" title="{title}">{text}</a>'


def _hash(text: str) -> str:
    """The source expression of an inline style or script in the page's Content-Security-Policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _embedded(path: Path) -> str:
    kind = "image/webp" if path.suffix == ".webp" else mimetypes.guess_type(path.name)[0]
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _json(content: Any) -> str:
    """JSON within a page: no `<` that could end its element."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
