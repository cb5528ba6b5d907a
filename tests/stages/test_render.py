"""The paper: reproducible to the byte, with every name shown literally and every warning a reader needs."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import example_report
import pypandoc
import pytest

from repro.errors import ReproError
from repro.paper import forms
from repro.runs import RunFolder, sha256, write_json
from repro.stages import render as paper

NASTY = r"a*b_c#|<b>${{ x }}\y@z`q`...--//~-?"


def rendered(folder: RunFolder) -> str:
    """The paper as Markdown, which is faster than the other formats."""
    return paper.to_markdown(paper.read_inputs(folder.report)).plain


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_two_renders_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = example_report.build(tmp_path / "a"), example_report.build(tmp_path / "b")
    paper.render(first)
    paper.render(second)
    for name in ("paper.md", "paper.pdf", "paper.html"):
        assert (first.report / name).read_bytes() == (second.report / name).read_bytes()
    assert (first.report / "paper.pdf").read_bytes().startswith(b"%PDF-")


def test_the_pdf_claims_to_be_accessible(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    paper.render(folder)
    content = (folder.report / "paper.pdf").read_bytes()
    assert b"pdfuaid:part" in content
    assert b"CreationDate" not in content


def test_every_figure_is_in_the_markdown_with_its_alternative_text(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    text = rendered(folder)
    for figure in load(folder.report / "figures" / "figures.json")["figures"]:
        image = f"![{forms.escape(figure['alt'])}](figures/{forms.path(figure['file'])})"
        # Contact sheets are only in the page's browser.
        assert text.count(image) == (figure["kind"] != "contact_sheet")
    assert re.findall(r"\*\*Figure (\d+)\.\*\*", text) == [str(number) for number in range(1, 11)]


def test_references_lead_to_existing_captions_in_order(tmp_path: Path) -> None:
    text = rendered(example_report.build(tmp_path, seeds=(0, 1)))
    anchors = re.findall(r'<a id="([\w-]+)">', text)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= set(anchors)
    tables = [int(anchor.removeprefix("table-")) for anchor in anchors if anchor.startswith("table-")]
    assert tables == list(range(1, len(tables) + 1))


def test_the_title_block_shows_what_failed(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    title, _ = rendered(folder).split("## What was measured")
    assert "1 of 2 assertions on these results hold" in title
    assert "Image AUROC on tile is at least its bound: found 0.7001, bound 0.8500" in title


def test_the_first_page_of_an_official_report_has_no_warning(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path, source="folder", official=True, teacher="official", failing=False)
    title, rest = rendered(folder).split("## What was measured")
    assert "[!" not in title
    assert "2 of 2 assertions on these results hold" in title
    assert "stand-in" not in rest.lower()
    assert "Random teacher" not in rest


@pytest.mark.parametrize(
    ("source", "warning"),
    [
        ("procedural", "The images of our own trainings were drawn by a program"),
        ("folder", "**Not the official data.**"),
    ],
)
def test_stand_in_data_is_named_before_the_first_section(tmp_path: Path, source: str, warning: str) -> None:
    title, _ = rendered(example_report.build(tmp_path, source=source)).split("## 1 ")
    assert warning in title
    assert "No number of these trainings can be compared with published MVTec AD numbers" in title


def test_a_random_teacher_is_named_in_title_block_models_and_limitations(tmp_path: Path) -> None:
    text = rendered(example_report.build(tmp_path))
    title, rest = text.split("## What was measured")
    assert "has random weights and was never trained" in title
    limitations, models = rest.split(" Limitations\n")[1].split("How the models work\n")
    assert "nothing was distilled into it" in models
    assert "Random teacher" in limitations


def test_a_teacher_of_our_own_is_named_in_models_and_limitations(tmp_path: Path) -> None:
    title, rest = rendered(example_report.build(tmp_path, teacher="distilled")).split("## What was measured")
    limitations, models = rest.split(" Limitations\n")[1].split("How the models work\n")
    assert "Random teacher" not in title + limitations
    assert "was distilled from EfficientNet-Lite0" in models
    assert "A teacher of our own" in limitations


def test_ablation_reports_are_shown_with_their_differences(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    assert "Ablations" not in rendered(folder)
    content = load(folder.report / "results.json")
    content["study"]["name"] = "ablation"
    content["variants"]["efficientad-distilled"] = {
        **content["variants"]["efficientad"],
        "settings": content["variants"]["efficientad"]["settings"] | {"teacher": "distilled"},
    }
    content["cells"] |= {
        key.replace("efficientad", "efficientad-distilled"): cell | {"variant": "efficientad-distilled"}
        for key, cell in content["cells"].items()
        if cell["variant"] == "efficientad"
    }
    write_json(tmp_path / "report" / "ablation" / "results.json", content)
    text = rendered(folder)
    section = text.split(" Ablations\n")[1].split(" Limitations\n")[0]
    assert "| EfficientAD | A distilled teacher instead of a random one | 0.0000 (0) |" in section
    assert "On the images of this study" in section
    more = text.split("More figures and tables\n")[1]
    assert "| EfficientAD (distilled) | teacher, distilled |" in more
    assert "| EfficientAD (distilled) | tile |" in more


def test_names_full_of_markup_are_shown_literally(tmp_path: Path) -> None:
    categories = [NASTY, f"- {NASTY}", "1. x", "= y"]
    folder = example_report.build(tmp_path, title=NASTY, categories=categories, defects=[NASTY, "+ z", "/ w"])
    text = rendered(folder)
    rows = [line for line in text.splitlines() if line.startswith("| " + forms.escape(NASTY))]
    start = r"| a\*b\_c#\|\<b>\${{ x }}\\y@z\`q\`...--//\~-? | "
    assert all(row.startswith(start) for row in rows)
    # Of the table of data: its number of training images.
    assert any(row.startswith(start + "16 |") for row in rows)
    plain = subprocess.run(
        [pypandoc.get_pandoc_path(), "--from=gfm", "--to=plain", "--wrap=none", "--columns=1000"],
        input=text,
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    assert NASTY in plain.split("Software:")[0]
    for name in categories:
        assert name in plain


def test_characters_that_no_embedded_font_has_do_not_stop_the_paper(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path, categories=["木材", "grid"])
    paper.render(folder)
    assert "木材" in (folder.report / "paper.md").read_text(encoding="utf-8")
    assert (folder.report / "paper.pdf").stat().st_size > 10_000


def test_scores_in_the_tables_are_those_of_the_json(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    text = rendered(folder)
    for key, cell in load(folder.report / "results.json")["cells"].items():
        name = "PatchCore" if key.startswith("patchcore") else "EfficientAD"
        section = text.split(" Metrics by category and model")[1]
        row = next(line for line in section.splitlines() if line.startswith(f"| {cell['category']} | {name} |"))
        assert re.findall(r"\d\.\d{4}", row) == [f"{cell['metrics'][metric]:.4f}" for metric in example_report.METRICS]


def test_no_model_is_marked_as_the_best(tmp_path: Path) -> None:
    """The intervals of single models say nothing of their difference."""
    section = rendered(example_report.build(tmp_path)).split(" Metrics by category and model")[1].split("## ")[0]
    assert not [line for line in section.splitlines() if re.match(r"\| (grid|tile) \|", line) and "**" in line]


def test_several_seeds_show_their_mean_and_their_ends(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path, categories=["grid"], seeds=(3, 4, 5))
    text = rendered(folder)
    cells = load(folder.report / "results.json")["cells"]
    aurocs = [cells[f"patchcore/grid/seed{seed}"]["metrics"]["image_auroc"] for seed in (3, 4, 5)]
    ends = f"{min(aurocs):.4f} to\N{NO-BREAK SPACE}{max(aurocs):.4f}"
    assert f"| {sum(aurocs) / 3:.4f} ({ends}) \\[" in text
    assert "One seed" not in text


def test_the_label_filter_is_the_reason_only_where_the_numbers_show_it(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    reason = "because the filter admits nothing else"
    assert reason in rendered(folder)
    results = load(folder.report / "results.json")
    next(iter(results["retrieval"].values()))["published"]["searches"][0]["label_precision_at_5"] = 0.9
    rewrite(folder, results)
    assert reason not in rendered(folder)


def test_the_receptive_field_table_marks_what_does_not_hold(tmp_path: Path) -> None:
    text = rendered(example_report.build(tmp_path))
    assert "| conv1 | **256** (259) |" in text


@pytest.mark.parametrize("name", ["results.json", "verdicts.json", "guards.json", "figures/figures.json"])
def test_another_schema_version_is_an_error_that_names_the_file(tmp_path: Path, name: str) -> None:
    folder = example_report.build(tmp_path)
    path = folder.report / name
    write_json(path, load(path) | {"schema_version": 2})
    with pytest.raises(ReproError, match=f"{name}.*schema version 2.*nox -s reproduce"):
        paper.render(folder)
    assert not (folder.report / "paper.md").exists()


@pytest.mark.parametrize(
    "name", ["results.json", "verdicts.json", "guards.json", "environment.json", "figures/figures.json"]
)
def test_a_missing_or_damaged_file_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    folder = example_report.build(tmp_path)
    path = folder.report / name
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ReproError, match=f"{name}: not JSON"):
        paper.render(folder)
    path.unlink()
    with pytest.raises(ReproError, match=f"{name}: no such file"):
        paper.render(folder)


def test_an_unknown_key_is_an_error_that_names_it(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    path = folder.report / "environment.json"
    write_json(path, load(path) | {"host": "x"})
    with pytest.raises(ReproError, match=r"environment\.json: host"):
        paper.render(folder)


def test_verdicts_of_other_results_are_refused(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    results = load(folder.report / "results.json")
    results["study"]["title"] = "Another"
    write_json(folder.report / "results.json", results)
    with pytest.raises(ReproError, match=r"verdicts\.json: was made from another results\.json"):
        paper.render(folder)


def test_a_missing_figure_is_an_error_that_names_it(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    (folder.report / "figures" / "curves.svg").unlink()
    with pytest.raises(ReproError, match=r"curves\.svg: no such figure"):
        paper.render(folder)


def test_rendering_imports_nothing_heavy(tmp_path: Path) -> None:
    example_report.build(tmp_path)
    code = (
        "import sys; from pathlib import Path\n"
        "from repro.stages.render import render; from repro.runs import RunFolder\n"
        f"render(RunFolder('example', Path({str(tmp_path)!r})))\n"
        "sys.exit(bool({'torch', 'anomalib', 'lightning', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def rewrite(folder: RunFolder, results: Any) -> None:
    """Change results.json, and its hash in verdicts and guards."""
    write_json(folder.report / "results.json", results)
    for name in ("verdicts.json", "guards.json"):
        path = folder.report / name
        write_json(path, load(path) | {"results_sha256": sha256(folder.report / "results.json")})


def test_every_number_of_the_page_names_its_place_cell_and_data(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    paper.render(folder)
    page = (folder.report / "paper.html").read_text(encoding="utf-8")
    number = re.search(r'<a class="n" href="results.json" title="([^"]*image_auroc[^"]*)">0.8629</a>', page)
    assert number
    assert number[1].splitlines() == [
        "results.json: cells.efficientad/tile/seed0.metrics.image_auroc",
        "cell efficientad/tile/seed0; seed 0; data 010101010101",
        "made by repro score --study example --cell efficientad/tile/seed0, repro results --study example",
    ]
    assert "data-n" not in page


def test_the_page_is_self_contained(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    paper.render(folder)
    page = (folder.report / "paper.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert "unsafe" not in page.split("</head>")[0]
    for kind in ("style", "script"):
        text = re.search(f"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        assert text
        digest = base64.b64encode(hashlib.sha256(text[1].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in page
    # The policy would ignore a style, or an action, in an attribute.
    assert not re.findall(r"<[^<>]*\s(?:style|on\w+)=[^<>]*>", page.split("<body>")[1].split("<script")[0])
    assert all(source.startswith("data:") for source in re.findall(r'\ssrc="([^"]*)"', page))


def test_an_appendix_of_the_page_names_places_and_command_of_every_table_and_figure(tmp_path: Path) -> None:
    text = rendered(example_report.build(tmp_path))
    section = text.split("Where the numbers come from")[1]
    shown = set(re.findall(r"\*\*((?:Table|Figure) \d+)\.\*\*", text))
    listed = set(re.findall(r"\| \[((?:Table|Figure)\N{NO-BREAK SPACE}\d+)\]", section))
    own = re.search(r"\*\*(Table \d+)\.\*\* Tables and figures", section)
    assert own
    assert {label.replace("\N{NO-BREAK SPACE}", " ") for label in listed} == shown - {own[1]}
    assert "`results.json: cells.{efficientad,patchcore}/{grid,tile}/seed0.metrics.*`" in section
    assert "`repro table --study example scores`" in section
    assert "`repro figures --study example --only heat-maps-0.svg`" in section


def test_evidence_that_is_not_in_the_results_stops_the_build(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    path = folder.report / "verdicts.json"
    verdicts = load(path)
    verdicts["verdicts"][0]["evidence"] = "cells.efficientad/grid/seed0.metrics.image_aurok"
    write_json(path, verdicts)
    with pytest.raises(
        ReproError, match=r"results\.json: there is no `cells\.efficientad/grid/seed0\.metrics\.image_aurok`"
    ):
        paper.render(folder)


def test_the_first_page_gives_means_and_ranks_no_model(tmp_path: Path) -> None:
    text = rendered(example_report.build(tmp_path))
    assert "**Image AUROC** of our trainings, mean over 2 categories: EfficientAD 0.8815, PatchCore " in text
    assert "highest" not in text.split("## 1 ")[0]


def test_the_paper_states_the_cost_of_the_run(tmp_path: Path) -> None:
    # Four cells of two stages with 61.5 seconds each, and 2 seconds for the receptive fields.
    assert "**Cost:** 8\N{NO-BREAK SPACE}minutes of computing on 2 threads" in rendered(example_report.build(tmp_path))
