"""PDF: the paper's Markdown in, PDF/UA-1 out, set by pandoc and Typst."""

import subprocess
from pathlib import Path
from typing import Literal

import pypandoc
import typst

from repro.errors import ReproError
from repro.paper.inputs import HINT, TEMPLATES


def to_pdf(markdown: str, report: Path, *, study: str, commit: str) -> bytes:
    """Set the Markdown with templates/paper.lua and templates/paper.typ; pictures are found below `report`."""
    command = [pypandoc.get_pandoc_path(), "--from=gfm", "--to=typst", "--wrap=none", "--standalone"]
    command += [f"--template={TEMPLATES / 'paper.typ'}", f"--lua-filter={TEMPLATES / 'paper.lua'}"]
    command += [f"--metadata=study:{study}", f"--metadata=commit:{commit}"]
    done = subprocess.run(command, input=markdown, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise ReproError(f"pandoc refused it ({done.stderr.strip()})", where="templates/paper.lua", hint="fix it")
    source = done.stdout.encode()
    try:
        return _typeset(source, report, "ua-1")
    except typst.TypstError as error:
        # PDF/UA-1 forbids a character that no embedded font has; a name in such letters is set without the promise.
        if "could not be displayed" in error.message:
            return _typeset(source, report, "1.7")
        raise ReproError(f"Typst refused it ({error.message})", where=report / "paper.md", hint=HINT) from None


def _typeset(source: bytes, report: Path, standard: Literal["ua-1", "1.7"]) -> bytes:
    compiler = typst.Compiler(source, root=report, ignore_system_fonts=True)
    pdf = compiler.compile(format="pdf", pdf_standards=standard)
    assert isinstance(pdf, bytes)
    return pdf
