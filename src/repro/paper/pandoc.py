"""Pandoc: Markdown and a pandoc command in, pandoc's output out."""

import subprocess
from collections.abc import Sequence

import pypandoc

from repro.errors import ReproError


def convert(markdown: str, arguments: Sequence[str], *, where: str) -> str:
    """Convert GitHub-flavoured Markdown.

    Raises ReproError, with `where` as its place, where pandoc fails.
    """
    command = [pypandoc.get_pandoc_path(), "--from=gfm", "--wrap=none", "--standalone", *arguments]
    result = subprocess.run(command, input=markdown, capture_output=True, text=True, encoding="utf-8", check=False)
    if result.returncode:
        raise ReproError(f"pandoc failed ({result.stderr.strip()})", where=where, hint="fix the template")
    return result.stdout
