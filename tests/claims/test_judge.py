from pathlib import Path

import example_report
import pytest

from repro.claims.judge import accept, verdicts
from repro.errors import ReproError
from repro.records import Verdicts
from repro.runs import read_json, read_record, sha256


def test_verdicts_name_the_results_they_follow_from(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    verdicts(folder)
    written = read_record(folder.report / "verdicts.json", Verdicts, mend="")
    assert written.results_sha256 == sha256(folder.report / "results.json")
    before = (folder.report / "verdicts.json").read_bytes()
    verdicts(folder)
    assert (folder.report / "verdicts.json").read_bytes() == before


def test_the_accepted_ledger_holds_the_word_of_every_verdict(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    verdicts(folder)
    accept(folder, folder.ledger)
    ledger = read_json(folder.ledger, mend="")
    written = read_record(folder.report / "verdicts.json", Verdicts, mend="").verdicts
    assert ledger == {one.claim: one.verdict for one in written}
    assert len(ledger) == 80


def test_results_that_are_not_there_are_told_with_their_mend(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    (folder.report / "results.json").unlink()
    with pytest.raises(ReproError, match=r"results\.json: no such file; run `nox -s reproduce`"):
        verdicts(folder)
