"""PDF: the paper's Markdown in, PDF/UA-1 out, typeset by pandoc and Typst."""

from pathlib import Path
from typing import Literal

import typst

from repro.errors import ReproError
from repro.paper.inputs import HINT, TEMPLATES
from repro.paper.pandoc import convert


def to_pdf(markdown: str, report: Path, *, study: str, commit: str) -> bytes:
    """Typeset the Markdown with templates/paper.lua and templates/paper.typ; figures are read from `report`.

    Raises ReproError where pandoc or Typst fails.
    """
    arguments = ["--to=typst", f"--template={TEMPLATES / 'paper.typ'}", f"--lua-filter={TEMPLATES / 'paper.lua'}"]
    arguments += [f"--metadata=study:{study}", f"--metadata=commit:{commit}"]
    source = convert(markdown, arguments, where="templates/paper.lua").encode()
    try:
        return _typeset(source, report, "ua-1")
    except typst.TypstError as error:
        # PDF/UA-1 forbids characters that no embedded font has; with one, the file is ordinary PDF.
        if "could not be displayed" in error.message:
            return _typeset(source, report, "1.7")
        raise ReproError(f"Typst failed ({error.message})", where=report / "paper.md", hint=HINT) from None


def _typeset(source: bytes, report: Path, standard: Literal["ua-1", "1.7"]) -> bytes:
    compiler = typst.Compiler(source, root=report, ignore_system_fonts=True)
    pdf = compiler.compile(format="pdf", pdf_standards=standard)
    assert isinstance(pdf, bytes)
    return pdf
