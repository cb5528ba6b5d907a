"""A data set in MVTec AD layout out of result images."""

from pathlib import Path

import numpy as np
import pytest
from example_figures import draw, example
from PIL import Image

from repro.data.checks import examine
from repro.errors import ReproError
from repro.panels.fewshot import build
from repro.panels.originals import Original, pixel_hash


def test_two_of_three_normal_images_train_and_the_data_set_passes_the_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = []
    for number, name in enumerate(("good/000", "good/001", "good/002", "bent/000")):
        shown = example(seed=number)
        if "good" in name:
            shown = type(shown)(**(vars(shown) | {"mask": np.zeros_like(shown.mask)}))
        figure = draw(shown)
        path = tmp_path / "panels" / "EfficientAd" / "grid" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(figure).save(path)
        table.append(Original("EfficientAd", "grid", *name.split("/"), 1, "", pixel_hash(figure)))
    for module in ("originals", "sets"):
        monkeypatch.setattr(f"repro.panels.{module}.originals", lambda: tuple(table))
    build(tmp_path / "panels", tmp_path / "data", ["grid"])
    record = examine(tmp_path / "data", ["grid"])["grid"]["record"]
    assert record["train"] == 2
    assert record["test"] == {"bent": 1, "good": 1}
    assert record["image_sizes"] == [[256, 256]]
    with Image.open(tmp_path / "data/grid/ground_truth/bent/000_mask.png") as mask:
        assert (np.asarray(mask) > 0).sum() == example(seed=3).mask.sum()


def test_without_result_images_one_line_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match="no such folder; run `nox -s fetch -- published`"):
        build(tmp_path / "none", tmp_path / "data", ["grid"])
