"""Paper: the JSON and figures of a report folder and the templates in, paper.md, paper.pdf and paper.html out.

Reads the records beside them and computes no result. Markdown comes from Jinja, the pages from pandoc and Typst.
Neither a clock nor a font of the machine has a say in it.
"""

from concurrent.futures import ThreadPoolExecutor

from repro.paper.build import to_markdown
from repro.paper.inputs import TEMPLATES, read_inputs
from repro.paper.page import to_html
from repro.paper.pdf import to_pdf
from repro.runs import RunFolder, write_text, writing

HINT = "run `nox -s reproduce`"


def render(folder: RunFolder) -> None:
    """Write paper.md, paper.pdf and paper.html of a study into its report folder.

    Raises ReproError where a record or a figure is missing, damaged, of another schema version, or judged from
    another results.json, and where a template holds a number of its own. Then no file is touched.
    """
    inputs = read_inputs(folder.report)
    written = to_markdown(inputs)
    with ThreadPoolExecutor() as pool:
        page = pool.submit(to_html, written, folder.report, inputs, TEMPLATES)
        study, commit = inputs.results.study.name, inputs.environment.commit
        pdf = to_pdf(written.plain, folder.report, study=study, commit=commit)
        html = page.result()
    write_text(folder.report / "paper.md", written.plain)
    with writing(folder.report / "paper.pdf") as beside:
        beside.write_bytes(pdf)
    write_text(folder.report / "paper.html", html)
