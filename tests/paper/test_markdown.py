"""Numbers in the paper come from records: any other stops the build."""

import shutil
from pathlib import Path
from typing import Any

import example_report
import jinja2
import pytest

from repro.errors import ReproError
from repro.paper import markdown
from repro.paper.inputs import TEMPLATES
from repro.paper.trace import Source, traced
from repro.stages import render as paper

PLACE = Source("results.json", ("a",))


def written(folder: Path, text: str, **content: Any) -> markdown.Written:
    (folder / "paper.md.jinja").write_text(text, encoding="utf-8")
    return markdown.write(content, folder, lambda _: [])


def test_a_result_typed_into_the_papers_own_template_stops_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = example_report.build(tmp_path)
    templates = tmp_path / "templates"
    shutil.copytree(TEMPLATES, templates)
    template = templates / "paper.md.jinja"
    text = template.read_text(encoding="utf-8")
    template.write_text(
        text.replace("all of them with intervals", "all of them with intervals, 0.9833 on grid", 1), encoding="utf-8"
    )
    monkeypatch.setattr("repro.paper.build.TEMPLATES", templates)
    with pytest.raises(ReproError, match=r"0\.9833 is typed by hand") as caught:
        paper.render(folder)
    assert "paper.md.jinja, line" in str(caught.value.where)
    assert not (folder.report / "paper.md").exists()


@pytest.mark.parametrize(
    "text",
    [
        "reaches 0.97 on grid",
        "reaches 97 % on grid",
        "| grid | 0.9700 |",
        "in 3 of 4 categories",
        "{{ '0.97' }}",
        "{{ 0.97 }}",
        "{% set best = 0.97 %}{{ best }}",
    ],
)
def test_numbers_in_template_text_are_caught(tmp_path: Path, text: str) -> None:
    with pytest.raises(ReproError, match="typed by hand"):
        written(tmp_path, text)


@pytest.mark.parametrize("text", ["F1 and P@5", "WideResNet-101", "SHA-256", "{{ loop_ }}", "EfficientNet-Lite0"])
def test_numbers_in_names_are_let_through(tmp_path: Path, text: str) -> None:
    assert written(tmp_path, text, loop_="x").plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ value }}", 3),
        ("{{ value }}", 0.97),
        ("{{ value }}", "0.97"),
        ("{{ value | score }}", 0.97),
        ("{{ 97 }}", None),
        ("{{ items | length }}", None),
        ("{{ [value] | series }}", 5),
    ],
)
def test_a_value_without_a_source_is_refused(tmp_path: Path, text: str, value: Any) -> None:
    with pytest.raises(ReproError, match="comes from no record"):
        written(tmp_path, text, value=value, items=[1])


def test_a_traced_number_is_marked_and_its_source_kept(tmp_path: Path) -> None:
    result = written(tmp_path, "at {{ value | score }}", value=traced(0.5, PLACE))
    assert result.plain == "at 0.5000\n"
    assert result.marked == 'at <a class="n" data-n="0">0.5000</a>\n'
    assert result.sources == [(PLACE,)]


def test_each_number_in_a_sentence_of_a_record_is_marked(tmp_path: Path) -> None:
    result = written(tmp_path, "{{ value | stated }}", value=traced("at most 2 of 30, F1 aside", PLACE))
    assert result.plain == "at most 2 of 30, F1 aside\n"
    assert [mark[2] for mark in markdown.MARK.finditer(result.marked)] == ["2", "30"]


def test_a_reference_to_an_unknown_label_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match="refers to table nowhere"):
        written(tmp_path, '{{ table("here") }} x {{ see("table", "nowhere") }}')


def test_sections_and_appendices_are_numbered_and_referred_to(tmp_path: Path) -> None:
    text = '{{ see("section", "b") }}, {{ see("appendix", "c") }}\n{{ section("a") }} A\n{{ section("b") }} B\n'
    plain = written(tmp_path, text + '{{ appendix("c") }} C').plain.replace("\N{NO-BREAK SPACE}", " ")
    assert plain == "Section 2, Appendix A\n## 1 A\n## 2 B\n## Appendix A: C\n"


def test_the_committed_templates_contain_no_number() -> None:
    for template in paper.TEMPLATES.glob("*.jinja"):
        markdown.lint(jinja2.Environment(), template)
