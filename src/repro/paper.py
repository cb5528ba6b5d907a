"""Paper: the JSON and figures of a report folder and the templates in, paper.md and paper.pdf out.

Reads results.json, verdicts.json, guards.json, environment.json and figures/figures.json; computes no result.
Markdown comes from Jinja, the page from pandoc and Typst. Neither a clock nor a font of the machine has a say in it.
"""

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import jinja2
import pypandoc
import typst

from repro.errors import ReproError
from repro.paper_view import Inputs, Spread, view
from repro.records import Environment, Figures, Guards, Results, Verdicts
from repro.runs import PROJECT_ROOT, RunFolder, read_record, sha256, write_text, writing
from repro.stat import Stat
from repro.study import ABLATIONS

TEMPLATES = PROJECT_ROOT / "templates"
MEND = "run `nox -s reproduce`"


def render(folder: RunFolder) -> None:
    """Write paper.md and paper.pdf of a study into its report folder.

    Raises ReproError where a record or a figure is missing, damaged, of another schema version, or judged from
    another results.json.
    """
    inputs = read_inputs(folder.report)
    markdown = to_markdown(view(inputs))
    write_text(folder.report / "paper.md", markdown)
    with writing(folder.report / "paper.pdf") as beside:
        beside.write_bytes(
            to_pdf(markdown, folder.report, study=inputs.results.study.name, commit=inputs.environment.commit)
        )


def read_inputs(report: Path) -> Inputs:
    """Read and check the records of a report folder, and that each figure they name is there."""
    inputs = Inputs(
        results=read_record(report / "results.json", Results, mend=MEND),
        verdicts=read_record(report / "verdicts.json", Verdicts, mend=MEND),
        guards=read_record(report / "guards.json", Guards, mend=MEND),
        environment=read_record(report / "environment.json", Environment, mend=MEND),
        figures=read_record(report / "figures" / "figures.json", Figures, mend=MEND),
        ablations=tuple(
            read_record(path, Results, mend="run `nox -s ablate`")
            for name in ABLATIONS
            if name != report.name and (path := report.parent / name / "results.json").is_file()
        ),
    )
    digest = sha256(report / "results.json")
    for name, record in (("verdicts.json", inputs.verdicts), ("guards.json", inputs.guards)):
        if record.results_sha256 != digest:
            raise ReproError("was made from another results.json", where=report / name, mend=MEND)
    for figure in inputs.figures.figures:
        if not (report / "figures" / figure.file).is_file():
            raise ReproError("no such picture", where=report / "figures" / figure.file, mend="run `nox -s figures`")
    return inputs


def to_markdown(content: dict[str, Any]) -> str:
    """Fill templates/paper.md.jinja: GitHub-flavoured Markdown with numbered tables, figures and references."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_finalize,
    )
    environment.filters |= FILTERS
    template = environment.get_template("paper.md.jinja")
    # The first pass learns which number each label gets, so that the second can point ahead.
    labels = Labels()
    template.render(content, **labels.functions())
    labels = Labels(known=labels.given)
    text = template.render(content, **labels.functions())
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


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


class Marked(str):
    """Markdown that is not to be escaped again."""


def escape(text: str) -> Marked:
    """Text from data as Markdown that shows it literally, in a paragraph and in a table cell."""
    flat = re.sub(r"\s+", " ", text)
    flat = re.sub(r"[\\`*_\[\]<|~$&]", r"\\\g<0>", flat)
    # Elsewhere in a line these mean nothing: the colon and dot of an address, and what begins a list, heading or quote.
    flat = re.sub(r"(?<=[A-Za-z]):(?=//)|(?<=www)\.|^[-+#>=]", r"\\\g<0>", flat)
    return Marked(re.sub(r"^(\d{1,9})([.)])(?= |$)", r"\1\\\2", flat))


def code(text: str) -> Marked:
    """A name in typewriter type, or escaped where a code span cannot hold it."""
    return Marked(f"`{text}`") if re.fullmatch(r"[^\s`|\\]+( [^\s`|\\]+)*", text) else escape(text)


def path(file: str) -> Marked:
    """A file name as part of a link."""
    return Marked(quote(file))


def series(items: Iterable[object]) -> Marked:
    """Items as a sentence lists them: `a`, `a and b`, `a, b and c`."""
    shown = [_finalize(item) for item in items]
    return Marked(" and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown))


def score(value: Stat | Spread | float) -> Marked:
    """A number with 4 decimals; over several seeds the mean and half the range; of a spread both ends."""
    match value:
        case Stat():
            return Marked(f"{value.mean:.4f}" + (f" ± {value.half_range:.4f}" if value.count > 1 else ""))
        case Spread():
            return _ends(f"{value.low:.4f}", f"{value.high:.4f}")
    return Marked(f"{value:.4f}")


def percent(value: Spread | float) -> Marked:
    """A share in per cent with one decimal, or both ends of a spread."""
    if isinstance(value, Spread):
        return _ends(percent(value.low), percent(value.high))
    return Marked(f"{100 * value:.1f}\N{NO-BREAK SPACE}%")


def share(value: float) -> Marked:
    """A share with 2 decimals."""
    return Marked(f"{value:.2f}")


def plain(value: float) -> Marked:
    """A number of any size with 4 significant digits and a true minus."""
    return Marked(f"{value:.4g}".replace("-", "−"))


def signed(value: float) -> Marked:
    """A difference with 4 decimals and its sign; a true minus, and no sign for nought."""
    text = f"{value:+.4f}".replace("-", "−")
    return Marked(text[1:] if text[1:] == "0.0000" else text)


def points(value: float) -> Marked:
    """A difference in points, 1/100, with one decimal and a true minus; no sign for nought."""
    text = f"{value:.1f}".replace("-", "−")
    return Marked(text[1:] if text == "−0.0" else text)


def tenths(value: float) -> Marked:
    """A number in per cent with one decimal, as others report scores."""
    return Marked(f"{value:.1f}")


def words(name: str) -> str:
    """A name of the study file as words."""
    return name.replace("_", " ")


FILTERS = {
    one.__name__: one for one in (code, path, percent, plain, points, score, series, share, signed, tenths, words)
}


@dataclass
class Labels:
    """Numbers for tables, figures and references, in the order in which they stand in the paper."""

    #: Label to number as an earlier pass gave them; None in the first pass.
    known: dict[tuple[str, str], int] | None = None
    given: dict[tuple[str, str], int] = field(default_factory=dict)

    def functions(self) -> dict[str, Any]:
        """What the template calls: `table`, `figure` and `entry` number what follows, `see` and `cite` point there."""
        return {
            "table": lambda label: self._caption("table", label),
            "figure": lambda label: self._caption("figure", label),
            "entry": lambda label: Marked(self._anchor("ref", label)),
            "see": self._see,
            "cite": lambda *labels: Marked(f"\\[{', '.join(self._link('ref', label, '') for label in labels)}\\]"),
        }

    def _caption(self, kind: str, label: str) -> Marked:
        anchor = self._anchor(kind, label)
        return Marked(f"{anchor}**{kind.capitalize()} {self.given[kind, label]}.**")

    def _anchor(self, kind: str, label: str) -> str:
        assert (kind, label) not in self.given, f"two captions for {kind} {label}"
        self.given[kind, label] = 1 + sum(one == kind for one, _ in self.given)
        return f'<a id="{kind}-{self.given[kind, label]}"></a>'

    def _see(self, kind: str, *labels: str) -> Marked:
        links = [Marked(self._link(kind, label, f"{kind.capitalize()}\N{NO-BREAK SPACE}")) for label in labels]
        return series(links)

    def _link(self, kind: str, label: str, word: str) -> str:
        number = 0 if self.known is None else self.known[kind, label]
        return f"[{word}{number}](#{kind}-{number})"


def _finalize(value: object) -> str:
    """Jinja gives each value it prints to this: strings from data come out escaped, whether or not a template asks."""
    return value if isinstance(value, Marked) else escape(str(value))


def _typeset(source: bytes, report: Path, standard: Literal["ua-1", "1.7"]) -> bytes:
    compiler = typst.Compiler(source, root=report, ignore_system_fonts=True)
    pdf = compiler.compile(format="pdf", pdf_standards=standard)
    assert isinstance(pdf, bytes)
    return pdf


def _ends(low: str, high: str) -> Marked:
    return Marked(low if low == high else f"{low} to {high}")
