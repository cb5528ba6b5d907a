"""Edited files of claims and of references."""

import tomllib
from pathlib import Path

import example_report
import pytest
from bad_input import altered, attempt, to_toml
from hypothesis import given
from hypothesis import strategies as st

from repro.claims.published import CLAIMS
from repro.paper.references import REFERENCES, compare, references
from repro.paper.sections.ledger import ledger
from repro.records.results import Results
from repro.stages import verdicts as judge


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Results on the official data, so that claims about numbers are judged as well."""
    folder = example_report.build(
        tmp_path_factory.mktemp("example"), categories=("grid", "tile", "leather"), official=True, source="folder"
    )
    return Results.model_validate_json((folder.report / "results.json").read_text(encoding="utf-8"))


def write(folder: Path, content: object) -> Path:
    path = folder / "edited.toml"
    path.write_text(to_toml(content), encoding="utf-8")
    return path


@given(data=st.data())
def test_edited_claims_are_judged_or_refused_in_one_line(
    results: Results, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = tomllib.loads(CLAIMS.read_text(encoding="utf-8"))
    path = write(tmp_path_factory.mktemp("claims"), data.draw(altered(content)))
    attempt("claims.toml", lambda: ledger(judge.judge(results, path), results))


@given(data=st.data())
def test_edited_references_are_compared_or_refused_in_one_line(
    results: Results, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = tomllib.loads(REFERENCES.read_text(encoding="utf-8"))
    path = write(tmp_path_factory.mktemp("references"), data.draw(altered(content)))

    def compared() -> list[object]:
        return [
            compare(results, reference, name) for reference in references(path).reference for name in results.variants
        ]

    attempt("references.toml", compared)
