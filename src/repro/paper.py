"""Paper: the JSON and figures of a report folder and the templates in, paper.md, paper.pdf and paper.html out.

Reads the records beside them and computes no result. Markdown comes from Jinja, the pages from pandoc and Typst.
Neither a clock nor a font of the machine has a say in it.
"""

import subprocess
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import pypandoc
import typst

from repro.cost_records import Bench
from repro.errors import ReproError
from repro.figure_view import made_from
from repro.markdown import Written, write
from repro.page import to_html
from repro.paper_view import Inputs, view
from repro.provenance import patterns
from repro.records import Environment, Figures, Guards, Results, Verdicts
from repro.runs import PROJECT_ROOT, RunFolder, read_record, sha256, write_text, writing
from repro.study import ABLATIONS
from repro.trace import follow

TEMPLATES = PROJECT_ROOT / "templates"
MEND = "run `nox -s reproduce`"


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


def read_inputs(report: Path) -> Inputs:
    """Read and check the records of a report folder, and that each figure they name is there."""
    results = read_record(report / "results.json", Results, mend=MEND)
    verdicts = read_record(report / "verdicts.json", Verdicts, mend=MEND)
    guards = read_record(report / "guards.json", Guards, mend=MEND)
    figures = read_record(report / "figures" / "figures.json", Figures, mend=MEND)
    digest = sha256(report / "results.json")
    for name, judged in (("verdicts.json", verdicts), ("guards.json", guards)):
        if judged.results_sha256 != digest:
            raise ReproError("was made from another results.json", where=report / name, mend=MEND)
    for figure in figures.figures:
        if not (report / "figures" / figure.file).is_file():
            raise ReproError("no such picture", where=report / "figures" / figure.file, mend="run `nox -s figures`")
    constants = tomllib.loads((TEMPLATES / "constants.toml").read_text(encoding="utf-8"))
    return Inputs(
        results=follow(results, "results.json"),
        verdicts=follow(verdicts, "verdicts.json"),
        guards=follow(guards, "guards.json"),
        environment=follow(
            read_record(report / "environment.json", Environment, mend=MEND),
            "environment.json",
        ),
        figures=figures,
        ablations=tuple(
            follow(read_record(path, Results, mend="run `nox -s ablate`"), f"../{name}/results.json")
            for name in ABLATIONS
            if name != report.name and (path := report.parent / name / "results.json").is_file()
        ),
        bench=follow(read_record(path, Bench, mend="run `nox -s bench`"), f"../{path.name}")
        if (path := report.parent / "bench.json").is_file()
        else None,
        constants=follow(constants, "constants.toml"),
    )


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


def to_pdf(markdown: str, report: Path, *, study: str, commit: str) -> bytes:
    """Set the Markdown with templates/paper.lua and templates/paper.typ; pictures are found below `report`."""
    command = [pypandoc.get_pandoc_path(), "--from=gfm", "--to=typst", "--wrap=none", "--standalone"]
    command += [f"--template={TEMPLATES / 'paper.typ'}", f"--lua-filter={TEMPLATES / 'paper.lua'}"]
    command += [f"--metadata=study:{study}", f"--metadata=commit:{commit}"]
    done = subprocess.run(command, input=markdown, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise ReproError(f"pandoc refused it ({done.stderr.strip()})", where="templates/paper.lua", mend="mend it")
    source = done.stdout.encode()
    try:
        return _typeset(source, report, "ua-1")
    except typst.TypstError as error:
        # PDF/UA-1 forbids a character that no embedded font has; a name in such letters is set without the promise.
        if "could not be displayed" in error.message:
            return _typeset(source, report, "1.7")
        raise ReproError(f"Typst refused it ({error.message})", where=report / "paper.md", mend=MEND) from None


def _typeset(source: bytes, report: Path, standard: Literal["ua-1", "1.7"]) -> bytes:
    compiler = typst.Compiler(source, root=report, ignore_system_fonts=True)
    pdf = compiler.compile(format="pdf", pdf_standards=standard)
    assert isinstance(pdf, bytes)
    return pdf
