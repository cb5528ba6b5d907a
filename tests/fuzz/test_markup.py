"""Markup in names is shown as text: in the Markdown, the page, its script and the PDF."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import example_report
import pytest
from bad_input import MARKUP, TRIED
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from repro.paper.page import to_html
from repro.runs import RunFolder
from repro.stages import render as paper

#: Names of folders and files.
CHARACTERS = "<>&\"'`*_[]()!#$@\\|~{}%=-+.: aä木"
flat = st.sampled_from([name for name in MARKUP if "/" not in name]) | st.text(CHARACTERS, min_size=1, max_size=12)
flat = flat.filter(lambda name: name.strip() == name and name[0] != "." and re.search(r"[^\d.,%]", name) is not None)
title = st.sampled_from(MARKUP)
#: Each example takes a second or two, so there are fewer, and failing ones are not shrunk.
FEW = settings(max_examples=max(1, settings().max_examples // 8), phases=(Phase.generate,))
#: Elements that depend on the length of names or on the numbers in them.
IGNORED = {"code", "col", "colgroup"}


class Structure(HTMLParser):
    """Scripts, text and elements of a page; each element with its attribute names and link target."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...], str]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self._script = tag == "script"
        if tag in IGNORED or attributes.get("class") == "n":
            return
        target = str(attributes.get("href") or attributes.get("src") or "")
        self.elements.append(
            (tag, tuple(sorted(attributes)), target.partition(",")[0] if target.startswith("data:") else target)
        )

    def handle_endtag(self, tag: str) -> None:
        self._script = False

    def handle_data(self, data: str) -> None:
        (self.scripts if getattr(self, "_script", False) else self.text).append(data)


def build(root: Path, category: str, defect: str, heading: str) -> RunFolder:
    return example_report.build(root, title=heading, categories=(category,), defects=(defect,))


def page_of(folder: RunFolder) -> tuple[str, str]:
    """Markdown and HTML."""
    inputs = paper.read_inputs(folder.report)
    written = paper.to_markdown(inputs)
    return written.plain, to_html(written, folder.report, inputs, paper.TEMPLATES)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Structure:
    return Structure(page_of(build(tmp_path_factory.mktemp("plain"), "mesh", "bent", "An example"))[1])


@FEW
@given(category=flat, defect=flat, heading=title)
def test_a_page_has_the_same_elements_for_any_names(
    plain: Structure, tmp_path_factory: pytest.TempPathFactory, category: str, defect: str, heading: str
) -> None:
    if category == defect:
        return
    _, page = page_of(build(tmp_path_factory.mktemp("named"), category, defect, heading))
    named = Structure(page)
    assert named.elements == plain.elements
    assert not [element for element in named.elements if any(name.startswith("on") for name in element[1])]
    assert len(named.scripts) == len(plain.scripts) == 3
    assert json.loads(named.scripts[0])
    images = json.loads(named.scripts[1])["images"]
    assert {image["category"] for image in images} <= {category}
    assert named.scripts[2] == plain.scripts[2]
    shown = " ".join("".join(named.text).split())
    for name in (category, defect, heading):
        assert " ".join(name.split()) in shown
    TRIED["markup: page", "accepted"] += 1


@FEW
@given(category=flat, defect=flat, heading=title)
def test_a_pdf_is_made_for_any_names(
    tmp_path_factory: pytest.TempPathFactory, category: str, defect: str, heading: str
) -> None:
    """Typst code in a name would panic, fail to parse or read a missing file."""
    if category == defect:
        return
    folder = build(tmp_path_factory.mktemp("named"), category, defect, heading)
    inputs = paper.read_inputs(folder.report)
    text = paper.to_markdown(inputs).plain
    pdf = paper.to_pdf(text, folder.report, study="example", commit=heading)
    assert pdf.startswith(b"%PDF-")
    TRIED["markup: PDF", "accepted"] += 1


def test_the_script_of_the_page_does_not_parse_text_as_markup() -> None:
    script = (paper.TEMPLATES / "page.js").read_text(encoding="utf-8")
    assert not re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser", script
    )
