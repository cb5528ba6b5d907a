"""A user's own study, with a folder in VisA layout and a third model, through every stage."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import smoke
from example_visa import as_visa

from repro import study as studies
from repro.data import procedural
from repro.records.predictions import load
from repro.records.results import Results
from repro.records.verdicts import Verdicts
from repro.runs import Cell, RunFolder, read_record

NAME = "extending-test"
CATEGORY = "bouchon d’oreille n° 1"
PADIM = """
[variants.padim]
model = "padim"
backbone = "tf_efficientnet_lite0"
pretrained = true
layers = ["blocks.2", "blocks.4"]
features = 100
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunFolder]:
    """The smoke study with a third variant and images in VisA layout."""
    scratch = tmp_path_factory.mktemp("user’s own")
    content = studies.load("smoke").data
    assert isinstance(content, studies.ProceduralData)
    procedural.generate(
        scratch / "mvtec", ["leather"], train=8, test_good=3, test_defect=2, seed=content.seed, size=256
    )
    root = as_visa(scratch / "mvtec", "leather", scratch / "VisA", CATEGORY)
    text = (studies.STUDIES / "smoke.toml").read_text(encoding="utf-8")
    head, variants = text.split("[data]")
    head = head.replace('"smoke"', f'"{NAME}"').replace('["leather"]', f'["{CATEGORY}"]')
    head = head.replace("leather/good/000", f"{CATEGORY}/bad/0")
    data = f'[data]\nsource = "folder"\nlayout = "visa"\nroot = "{root}"\n'
    path = scratch / "extending.toml"
    path.write_text(head + data + variants[variants.index("\n[variants") :] + PADIM, encoding="utf-8")
    run = RunFolder(NAME)
    smoke.clear(run)
    done = smoke.reproduce(path)
    assert done.returncode == 0, done.stdout
    yield run
    smoke.clear(run)


def test_every_model_is_scored_on_every_image_with_its_mask(folder: RunFolder) -> None:
    results = read_record(folder.report / "results.json", Results, hint="")
    assert {record.model for record in results.variants.values()} == {"efficientad", "patchcore", "padim"}
    assert results.data.name == "a folder in VisA layout"
    assert results.data.categories[CATEGORY].test == {"bad": 10, "good": 3}
    for key in results.cells:
        predictions = load(folder.cell(Cell.from_key(key)) / "predictions.npz")
        assert predictions.labels.tolist() == predictions.masks.any(axis=(1, 2)).tolist()
        assert set(predictions.images) == {f"{CATEGORY}/test/{name}" for name in _names()}
        assert np.isfinite(predictions.maps).all()


def _names() -> set[str]:
    return {f"bad/{number}.JPG" for number in range(10)} | {f"good/{number}.JPG" for number in range(8, 11)}


def test_padim_distinguishes_defects_from_normal_images(folder: RunFolder) -> None:
    metrics = read_record(folder.report / "results.json", Results, hint="").cells[f"padim/{CATEGORY}/seed0"].metrics
    assert metrics.image_auroc > 0.5
    assert metrics.pixel_auroc > 0.7


def test_the_search_uses_the_embedding_of_padim(folder: RunFolder) -> None:
    with np.load(folder.cell(Cell("padim", CATEGORY, 0)) / "embeddings.npz") as arrays:
        assert arrays["mean"].shape == (13, 100)
        assert np.isfinite(arrays["weighted"]).all()


def test_no_claim_on_mvtec_ad_is_judged_by_it(folder: RunFolder) -> None:
    verdicts = read_record(folder.report / "verdicts.json", Verdicts, hint="")
    scores = [verdict for verdict in verdicts.verdicts if "AUROC" in verdict.statement]
    assert len(scores) >= 12
    assert {score.kind for score in scores} == {"published outputs"}
    assert {score.retraining.verdict for score in scores if score.retraining} == {"not tested"}


def test_the_paper_names_three_models_and_the_data(folder: RunFolder) -> None:
    paper = (folder.report / "paper.md").read_text(encoding="utf-8")
    assert "a folder in VisA layout" in paper
    assert "**PaDiM**" in paper
    assert "arXiv 2011.08785" in paper
    assert "arXiv 2207.14315" in paper
    assert CATEGORY in paper
    assert (folder.report / "paper.pdf").read_bytes().startswith(b"%PDF-")
    assert not Path(folder.report / "figures" / "figures.json").read_text(encoding="utf-8").count("MVTec")
