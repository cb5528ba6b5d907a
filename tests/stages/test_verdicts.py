from pathlib import Path

import example_report
import pytest

from repro.claims.published import CLAIMS, published
from repro.errors import ReproError
from repro.records.results import Results
from repro.records.verdicts import Verdicts
from repro.runs import PROJECT_ROOT, read_json, read_record, sha256, write_json
from repro.stages.verdicts import accept, judge, verdicts


def test_verdicts_name_the_results_they_follow_from(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    verdicts(folder)
    written = read_record(folder.report / "verdicts.json", Verdicts, hint="")
    assert written.results_sha256 == sha256(folder.report / "results.json")
    before = (folder.report / "verdicts.json").read_bytes()
    verdicts(folder)
    assert (folder.report / "verdicts.json").read_bytes() == before


def test_the_accepted_ledger_holds_the_word_of_every_verdict(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    verdicts(folder)
    accept(folder, folder.ledger)
    ledger = read_json(folder.ledger, hint="")
    written = read_record(folder.report / "verdicts.json", Verdicts, hint="").verdicts
    assert ledger == {one.claim: one.verdict for one in written}
    assert len(ledger) == 80


@pytest.mark.parametrize("study", ["embedded", "published", "mvtec-fewshot", "ablation", "mvtec-ablation"])
def test_the_committed_verdicts_follow_from_the_committed_results(study: str) -> None:
    reports = PROJECT_ROOT / "report"
    results = {
        name: read_record(reports / name / "results.json", Results, hint="")
        for name in (study, "published", "mvtec-fewshot")
    }
    written = read_record(reports / study / "verdicts.json", Verdicts, hint="")
    assert written.results_sha256 == sha256(reports / study / "results.json")
    assert list(written.verdicts) == judge(
        results[study], published=results["published"], few_shot=results["mvtec-fewshot"]
    )


@pytest.mark.parametrize(("value", "message"), [("0.4197", "holds"), ("0.9109", "fails")])
def test_a_sentence_is_held_against_the_papers_own_table(tmp_path: Path, value: str, message: str) -> None:
    results = read_record(PROJECT_ROOT / "report" / "embedded" / "results.json", Results, hint="")
    text = CLAIMS.read_text(encoding="utf-8")
    lowest = f"pixel_f1 = {published().scores['efficientad.leather.pixel_f1']:.4f}"
    assert text.count(lowest) == 1
    path = tmp_path / "claims.toml"
    path.write_text(text.replace(lowest, f"pixel_f1 = {value}"), encoding="utf-8")
    judged = {one.claim: one.own_table for one in judge(results, path)}
    assert judged["efficientad-pixel-f1-lowest"] == message
    assert judged["efficientad-leather-pixel-f1"] is None


def test_verdicts_on_a_partial_report_are_not_accepted(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    path = folder.report / "results.json"
    content = read_json(path, hint="")
    gone = next(iter(content["cells"]))
    del content["cells"][gone], content["retrieval"][gone]
    write_json(path, content)
    verdicts(folder)
    with pytest.raises(ReproError) as caught:
        accept(folder, folder.ledger)
    assert str(caught.value) == f"{path}: cells are missing; run `nox -s reproduce` first"
    assert not folder.ledger.exists()


@pytest.mark.parametrize(
    ("name", "hint"),
    [("results.json", "run `nox -s reproduce` to make it again"), ("verdicts.json", "run `repro verdicts` first")],
)
def test_missing_files_cannot_be_accepted_and_the_error_has_a_hint(tmp_path: Path, name: str, hint: str) -> None:
    folder = example_report.build(tmp_path)
    (folder.report / name).unlink(missing_ok=True)
    with pytest.raises(ReproError) as caught:
        accept(folder, folder.ledger)
    assert str(caught.value) == f"{folder.report / name}: no such file; {hint}"


def test_missing_results_are_reported_with_a_hint(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    (folder.report / "results.json").unlink()
    with pytest.raises(ReproError, match=r"results\.json: no such file; run `nox -s reproduce`"):
        verdicts(folder)
