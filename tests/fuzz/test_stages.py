"""Run folders whose files are damaged or of another version."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import example_report
import numpy as np
import pytest
from bad_input import altered, attempt, junk
from example_predictions import random_predictions
from hypothesis import given
from hypothesis import strategies as st

from repro import study as studies
from repro.runs import RunFolder, read_json, read_root, write_json
from repro.search.features import read_embeddings
from repro.stages.results import results
from repro.stages.score import evaluate, load

FILES = ("fit.json", "predict.json", "scores.json", "hits.json")
NOTES = {"weights": None, "device": "cpu", "threads": 1, "packages": {"torch": "2"}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run folder of the smoke study with a file of every stage, made from the example report."""
    root = tmp_path_factory.mktemp("finished")
    example = example_report.build(root / "example", categories=("leather",), defects=("cut",))
    content = json.loads((example.report / "results.json").read_text(encoding="utf-8"))
    folder = RunFolder("smoke", root)
    study = studies.load("smoke")
    for cell in study.cells:
        record = content["cells"][cell.key]
        fit = {
            key: record.pop(key)
            for key in ("epochs_asked", "epochs_run", "steps", "memory_bank", "efficientnet_modules")
        }
        for key in ("variant", "category", "seed"):
            record.pop(key)
        weights = content["variants"][cell.variant]["weights"]
        write_json(folder.cell(cell) / "fit.json", fit | NOTES | {"weights": weights})
        write_json(folder.cell(cell) / "predict.json", {"preprocessing": record.pop("preprocessing")})
        write_json(folder.cell(cell) / "scores.json", record)
        write_json(folder.cell(cell) / "hits.json", content["retrieval"][cell.key])
        for stage in ("fit", "score"):
            write_json(folder.run / "timings" / stage / f"{cell.key}.json", {"seconds": 61.5, "peak_mb": 1234.0})
    write_json(folder.manifest("leather"), {"files": {}, "record": content["data"]["categories"]["leather"]})
    write_json(folder.receptive_field, content["receptive_field"])
    write_json(folder.data_root, {"root": str(root)})
    write_json(folder.study_file, study.model_dump(mode="json"))
    return folder


def copy(folder: RunFolder, root: Path) -> RunFolder:
    result = RunFolder(folder.study, root)
    shutil.copytree(folder.run, result.run)
    return result


def test_a_complete_run_folder_is_collected(finished: RunFolder, tmp_path: Path) -> None:
    folder = copy(finished, tmp_path)
    results(folder, studies.load("smoke"))
    timings = read_json(folder.report / "timings.json", hint="")
    assert timings["fit patchcore/leather/seed0"] == {"seconds": 61.5, "peak_mb": 1234.0}


@given(data=st.data())
def test_an_altered_run_folder_is_collected_or_refused_in_one_line(
    finished: RunFolder, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = copy(finished, tmp_path_factory.mktemp("altered"))
    path = data.draw(st.sampled_from(sorted(folder.run.rglob("*.json"))))
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(data.draw(altered(content) | junk)), encoding="utf-8")

    def collect() -> None:
        read_root(folder, hint="run `nox -s evaluate`")
        results(folder, studies.load_resolved(folder))

    attempt(f"run folder: {path.name}", collect)
    assert {entry.name for entry in folder.root.iterdir()} <= {"runs", "report"}
    shutil.rmtree(folder.root)


def arrays(draw: st.DrawFn, original: dict[str, Any]) -> dict[str, Any]:
    """The arrays, one of them absent, cut, of another type, not finite or constant."""
    name = draw(st.sampled_from(sorted(original)))
    array = original[name]
    changes = {
        "absent": None,
        "cut": array[:-1],
        "flat": array.ravel()[:5],
        "empty": array[:0],
        "text": array.astype(str),
        "complex": array.astype("U8") if array.dtype.kind == "U" else array.astype(np.complex64),
        "not finite": np.full(array.shape, np.nan, np.float32),
        "infinite": np.full(array.shape, np.inf, np.float32),
        "all the same": np.full_like(array, array.flat[0]),
        "twice as deep": np.stack([array, array], -1),
    }
    chosen = changes[draw(st.sampled_from(sorted(changes)))]
    return {key: value for key, value in (original | {name: chosen}).items() if value is not None}


@given(data=st.data())
def test_altered_predictions_are_scored_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("cell") / "predictions.npz"
    original = vars(random_predictions(1))
    original |= {"held_out_scores": original["scores"][:3], "held_out_maps": original["maps"][:3]}
    np.savez(path, **data.draw(st.composite(arrays)(original)))
    attempt("run folder: predictions.npz", lambda: evaluate(load(path)))


@given(data=st.data())
def test_altered_embeddings_are_searched_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("cell") / "embeddings.npz"
    vectors = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    np.savez(path, **data.draw(st.composite(arrays)({"mean": vectors, "weighted": vectors})))
    attempt("run folder: embeddings.npz", lambda: read_embeddings(path, 12))


@given(cut=st.integers(0, 400), flip=st.integers(0, 5000), kind=st.sampled_from(["predictions", "embeddings"]))
def test_a_damaged_archive_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flip: int, kind: str
) -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, **vars(random_predictions(1, images=6, side=16)))
    content = bytearray(stream.getvalue())
    content[flip % len(content)] ^= 0xFF
    path = tmp_path_factory.mktemp("cell") / f"{kind}.npz"
    path.write_bytes(content[: len(content) - cut])
    read = load if kind == "predictions" else lambda path: read_embeddings(path, 6)
    attempt(f"run folder: {kind}.npz, damaged", lambda: read(path))
