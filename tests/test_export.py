import json
from pathlib import Path

import numpy as np
import pytest
import smoke
import tifffile
from sklearn.metrics import roc_auc_score

from repro.errors import ReproError
from repro.export import export, uncropped
from repro.records.predictions import load
from repro.runs import Cell


def test_exported_maps_give_the_same_scores(smoke_run: smoke.Run, tmp_path: Path) -> None:
    folder = smoke_run.folder
    export(folder, tmp_path / "out")
    results = json.loads((folder.report / "results.json").read_text())
    cell = Cell.from_key(next(key for key, record in results["cells"].items() if record["variant"] == "efficientad"))
    predictions = load(folder.cell(cell) / "predictions.npz")
    root = tmp_path / "out" / f"{cell.variant}-seed{cell.seed}" / "anomaly_maps"
    maps = [tifffile.imread(root / str(image).replace(".png", ".tiff")) for image in predictions.images]
    assert {values.dtype for values in maps} == {np.dtype(np.float32)}
    again = roc_auc_score(predictions.masks.ravel(), np.stack(maps).ravel())
    assert again == pytest.approx(results["cells"][cell.key]["raw"]["pixel_auroc"], abs=1e-6)


def test_the_files_and_the_run_that_the_crate_names_exist(smoke_run: smoke.Run, tmp_path: Path) -> None:
    export(smoke_run.folder, tmp_path / "out")
    graph = json.loads((tmp_path / "out" / "ro-crate-metadata.json").read_text())["@graph"]
    by_id = {entity["@id"]: entity for entity in graph}
    assert by_id["./"]["conformsTo"]["@id"].startswith("https://w3id.org/ro/wfrun/process/")
    action = by_id["#run"]
    assert action["@type"] == "CreateAction"
    assert by_id[action["instrument"]["@id"]]["@type"] == "SoftwareApplication"
    outputs = [result["@id"] for result in action["result"]]
    assert "report/results.json" in outputs
    assert all((tmp_path / "out" / name).exists() for name in outputs)
    manifest = (tmp_path / "out" / "codecheck.yml").read_text()
    files = [line.split("file: ")[1] for line in manifest.splitlines() if "file: " in line]
    assert all((tmp_path / "out" / name).exists() for name in files)


def test_a_folder_that_is_not_empty_is_rejected_and_unchanged(smoke_run: smoke.Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ReproError, match="not an empty folder"):
        export(smoke_run.folder, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_cropped_map_is_in_the_middle_of_its_image() -> None:
    values = np.ones((8, 8), np.float32)
    result = uncropped(values, (32, 16), 0.5, -1.0)
    assert result.shape == (16, 32)
    assert (result[4:12, 8:24] == 1).all()
    assert result.sum() == 8 * 16 - (16 * 32 - 8 * 16)


def test_descriptions_of_the_software_for_programs_agree_with_the_package() -> None:
    import tomllib

    from repro import __version__
    from repro.runs import PROJECT_ROOT

    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    codemeta = json.loads((PROJECT_ROOT / "codemeta.json").read_text(encoding="utf-8"))
    zenodo = json.loads((PROJECT_ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    citation = (PROJECT_ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert codemeta["version"] == __version__
    assert f"version: {__version__}\n" in citation
    assert codemeta["description"] == project["description"]
    assert zenodo["license"] == project["license"]
    assert f'title: "{zenodo["title"]}"' in citation
