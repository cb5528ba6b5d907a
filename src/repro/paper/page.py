"""Page: the marked Markdown of the paper in, one HTML file that needs nothing else and asks no network out.

Every number becomes a link to the file that holds it and says, when pointed at, where it stands there.
"""

import base64
import hashlib
import html
import json
import mimetypes
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pypandoc

from repro.errors import ReproError
from repro.paper.inputs import Inputs
from repro.paper.markdown import MARK, Written
from repro.paper.provenance import describe
from repro.paper.trace import Source
from repro.records.figures import FigureRecord
from repro.records.results import Results

#: `good` are the normal images of MVTec AD.
GOOD = "good"


def to_html(written: Written, report: Path, inputs: Inputs, templates: Path) -> str:
    """The whole page, styles, script and pictures in it."""
    style, script = ((templates / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    sheets = [figure for figure in inputs.figures.figures if figure.kind == "contact_sheet"]
    images = browsable(inputs.results, sheets)
    pictures = {sheet.file: _embedded(report / "figures" / sheet.file) for sheet in sheets}
    style += "".join(f'.sheet-{n} {{ background-image: url("{pictures[s.file]}") }}\n' for n, s in enumerate(sheets))
    command = [pypandoc.get_pandoc_path(), "--from=gfm", "--to=html5", "--wrap=none", "--standalone", "--toc"]
    command += ["--toc-depth=2", "--section-divs", f"--template={templates / 'page.html'}"]
    command += [f"--lua-filter={templates / 'page.lua'}"]
    command += [f"--metadata={name}-hash:{_hash(text)}" for name, text in (("style", style), ("script", script))]
    command += [f"--metadata=study:{inputs.results.study.name}", f"--metadata=commit:{inputs.environment.commit}"]
    done = subprocess.run(command, input=written.marked, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise ReproError(f"pandoc refused it ({done.stderr.strip()})", where="templates/page.lua", hint="fix it")
    # The policy of the page lets no attribute set a style.
    page = re.sub(r'<(t[hd]) style="text-align: (\w+);"', r'<\1 class="\2"', done.stdout)
    page = MARK.sub(lambda found: _number(found[2], written.sources[int(found[1])], inputs.results), page)
    page = re.sub(
        # Within an image alone: a text may spell such an attribute out.
        r'(<img[^>]*? src=)"(figures/[^"]+)"',
        lambda found: f'{found[1]}"{_embedded(report / unquote(found[2]))}"',
        page,
    )
    # Last, so that nothing in them is taken for a mark.
    for name, text in (("style", style), ("script", script), ("images", _json(images))):
        page = page.replace(f"<!--{name}-->", text)
    return page


def browsable(results: Results, sheets: list[FigureRecord]) -> dict[str, Any]:
    """What the browser for test images shows: by image its place on a sheet, by variant its score and verdict."""
    names = results.names
    shown: list[dict[str, Any]] = []
    for number, sheet in enumerate(sheets):
        for index, image in enumerate(sheet.images):
            row, column = divmod(index, sheet.across or 1)
            defect = image.split("/")[-2]
            place = {"sheet": number, "row": row, "column": column * (1 + len(names)), "defect": defect}
            shown.append({"image": image, "category": sheet.category, **place, "seen": []})
        by_image = {one["image"]: one for one in shown if one["sheet"] == number}
        for variant in names:
            cell = results.cells.get(f"{variant}/{sheet.category}/seed{results.seeds(variant)[0]}")
            if cell is None:
                # The place is kept, so that the others' are theirs.
                for entry in by_image.values():
                    entry["seen"].append(None)
                continue
            for one in cell.scores:
                if one.image in by_image:
                    found, wrong = cell.calls_anomalous(one), one.defect != GOOD
                    word = ("false alarm", "passed", "missed", "found")[2 * wrong + (found == wrong)]
                    seen = {"score": one.score, "threshold": cell.thresholds.image, "verdict": word}
                    by_image[one.image]["seen"].append(seen)
    grids = []
    for sheet in sheets:
        across = sheet.across or 1
        grids.append({"rows": -(-len(sheet.images) // across), "columns": across * (1 + len(names))})
    return {"models": list(names.values()), "sheets": grids, "images": shown}


def _number(text: str, sources: tuple[Source, ...], results: Results) -> str:
    said = html.escape(describe(sources, results))
    file = sources[0].file
    if not file.endswith(".json"):
        return f'<span class="n" title="{said}">{text}</span>'
    return f'<a class="n" href="{html.escape(file)}" title="{said}">{text}</a>'


def _hash(text: str) -> str:
    """What the page's Content-Security-Policy calls an inline style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _embedded(path: Path) -> str:
    kind = "image/webp" if path.suffix == ".webp" else mimetypes.guess_type(path.name)[0]
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _json(content: Any) -> str:
    """JSON that stands in a page: no `<` that could end its element."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
