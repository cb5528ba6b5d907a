"""Altered report files."""

import json
import shutil
from pathlib import Path
from typing import Any

import example_report
import pytest
from bad_input import altered, attempt, junk
from hypothesis import given
from hypothesis import strategies as st

from repro.integrity.regression import compare
from repro.paper.table import all_tables
from repro.records.results import Results
from repro.runs import RunFolder, read_record, sha256
from repro.stages import render as paper
from repro.stages.verdicts import judge

RECORDS = ("results", "verdicts", "guards", "environment", "figures/figures")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return example_report.build(tmp_path_factory.mktemp("example"), categories=("grid",), defects=("bent",))


def put(path: Path, content: Any) -> None:
    """Write JSON that may hold NaN and infinity."""
    path.write_text(json.dumps(content), encoding="utf-8")


def sign(folder: RunFolder) -> None:
    """Write the hash of results.json into verdicts and guards."""
    for name in ("verdicts", "guards"):
        path = folder.report / f"{name}.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            put(path, content | {"results_sha256": sha256(folder.report / "results.json")})


@pytest.mark.parametrize("name", RECORDS)
@given(data=st.data())
def test_an_altered_report_is_rendered_or_refused_in_one_line(
    example: RunFolder, tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("altered")
    folder = RunFolder(example.study, root)
    shutil.copytree(example.root / "report", root / "report")
    path = folder.report / f"{name}.json"
    put(path, data.draw(altered(json.loads(path.read_text(encoding="utf-8")))))
    sign(folder)
    attempt(f"report: {name}.json", lambda: all_tables(paper.read_inputs(folder.report)))
    shutil.rmtree(root)


@given(data=st.data())
def test_altered_results_are_judged_or_refused_in_one_line(
    example: RunFolder, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("altered") / "results.json"
    put(path, data.draw(altered(json.loads((example.report / "results.json").read_text(encoding="utf-8")))))
    attempt("report: results.json, judged", lambda: judge(read_record(path, Results, hint="make it again")))


@given(data=st.data())
def test_an_altered_baseline_is_compared_or_refused_in_one_line(
    example: RunFolder, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = RunFolder(example.study, example.root)
    metric = {"value": 0.9, "resolution": 0.05, "low": 0.8, "high": 0.95}
    keys = list(json.loads((example.report / "results.json").read_text(encoding="utf-8"))["cells"])
    path = tmp_path_factory.mktemp("baseline") / "baseline.json"
    put(path, data.draw(altered({"study": example.study, "cells": {key: {"aupro": metric} for key in keys}})))
    attempt("baseline", lambda: compare(folder, path))


@given(data=st.data())
def test_another_file_that_the_report_reads_is_used_or_refused_in_one_line(
    example: RunFolder, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("other")
    folder = RunFolder(example.study, root)
    shutil.copytree(example.root / "report", root / "report")
    if data.draw(st.booleans()):
        path = folder.report.parent / "bench.json"
        content = json.loads(path.read_text(encoding="utf-8"))
    else:
        path = folder.report.parent / "ablation" / "results.json"
        path.parent.mkdir()
        content = json.loads((folder.report / "results.json").read_text(encoding="utf-8"))
    put(path, data.draw(altered(content) | junk))
    attempt(f"report: ../{path.name}", lambda: paper.to_markdown(paper.read_inputs(folder.report)))
    shutil.rmtree(root)
