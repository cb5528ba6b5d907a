"""Study files with mistakes."""

import json
import tomllib
from pathlib import Path

import pytest
from bad_input import altered, attempt, junk, names, to_toml
from hypothesis import given
from hypothesis import strategies as st

from repro import study as studies
from repro.runs import Cell, RunFolder, write_json
from repro.study import Study
from repro.workflow.choices import Choices
from repro.workflow.choose import choose_study

PACKAGE = {name: tomllib.loads((studies.STUDIES / f"{name}.toml").read_text("utf-8")) for name in studies.names()}


def check(study: Study, root: Path) -> None:
    """An accepted study must stay in its folder and be equal after it was written and read."""
    folder = RunFolder(study.name, root)
    for cell in study.cells:
        assert Cell.from_key(cell.key) == cell
        for path in (folder.cell(cell), folder.manifest(cell.category)):
            assert path.resolve().is_relative_to(folder.run.resolve())
    write_json(folder.study_file, study.model_dump(mode="json"))
    assert studies.load_resolved(folder) == study
    folder.manifest(study.categories[0]).parent.mkdir(exist_ok=True)
    folder.manifest(study.categories[0]).touch()


@pytest.mark.parametrize("name", ["embedded", "mvtec"])
@given(data=st.data())
def test_an_altered_study_is_accepted_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("study")
    content = data.draw(altered(PACKAGE[name]))
    path = root / "mine.toml"
    path.write_text(to_toml(content), encoding="utf-8")
    study = attempt(
        "study file: a key altered", lambda: choose_study(Choices(study=str(path), data_root=root), root)[0]
    )
    if study is not None:
        check(study, root)


@given(
    text=st.binary(max_size=60)
    | st.sampled_from([b"", b"[" * 5000, b"a = " + b"9" * 5000, b"\xef\xbb\xbfname = 'x'", b"\x00"])
)
def test_arbitrary_bytes_are_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    path = tmp_path_factory.mktemp("study") / "mine.toml"
    path.write_bytes(text)
    assert attempt("study file: any bytes", lambda: studies.load(str(path))) is None


@given(categories=st.lists(names, min_size=1, max_size=3), name=names, root=names)
def test_names_in_a_study_do_not_lead_out_of_its_folder(
    tmp_path_factory: pytest.TempPathFactory, categories: list[str], name: str, root: str
) -> None:
    content = PACKAGE["mvtec"] | {"categories": categories, "queries": [], "guards": []}
    where = Path("mine.toml")
    folder = {"data": {"source": "folder", "root": root}}
    for change in ({}, {"name": name}, {"title": name}, folder, {"variants": {name: content["variants"]["patchcore"]}}):
        study = attempt("study file: names", lambda change=change: studies.check(content | change, where=where))
        if study is not None:
            check(study, tmp_path_factory.mktemp("study"))


@given(data=st.data())
def test_the_study_of_another_version_is_refused_with_a_hint(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = RunFolder("smoke", tmp_path_factory.mktemp("run"))
    folder.run.mkdir(parents=True)
    content = data.draw(altered(studies.load("smoke").model_dump(mode="json")) | junk)
    folder.study_file.write_text(json.dumps(content), encoding="utf-8")
    attempt("run folder: study.json", lambda: studies.load_resolved(folder))
