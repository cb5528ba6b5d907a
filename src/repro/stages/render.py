"""Paper: the JSON and figures of a report folder and the templates in, paper.md, paper.pdf and paper.html out.

Computes no result. Jinja writes the Markdown, pandoc and Typst the pages; no date and no font of the machine enters.
"""

from concurrent.futures import ThreadPoolExecutor

from repro.paper.build import to_markdown
from repro.paper.inputs import TEMPLATES, read_inputs
from repro.paper.page import to_html
from repro.paper.pdf import to_pdf
from repro.runs import RunFolder, write_text, writing


def render(folder: RunFolder) -> None:
    """Write paper.md, paper.pdf and paper.html of a study into its report folder.

    Raises ReproError where a record or a figure is missing, damaged, of another schema version, or made from another
    results.json, and where a template holds a number of its own. Then no file is changed.
    """
    inputs = read_inputs(folder.report)
    written = to_markdown(inputs)
    with ThreadPoolExecutor() as pool:
        page = pool.submit(to_html, written, folder.report, inputs, TEMPLATES)
        study, commit = inputs.results.study.name, inputs.environment.commit
        pdf = to_pdf(written.plain, folder.report, study=study, commit=commit)
        html = page.result()
    write_text(folder.report / "paper.md", written.plain)
    with writing(folder.report / "paper.pdf") as temporary:
        temporary.write_bytes(pdf)
    write_text(folder.report / "paper.html", html)
