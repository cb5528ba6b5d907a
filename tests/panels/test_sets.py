from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from example_figures import draw, example
from PIL import Image

from repro.errors import DataError, ReproError
from repro.panels.originals import Original, images_folder, pixel_hash
from repro.panels.panel import Panel
from repro.panels.sets import collect, recover_set, set_folder

MODEL, CATEGORY = "EfficientAd", "grid"
FIGURES = [draw(example(seed=seed)) for seed in range(3)]
TABLE = [Original(MODEL, CATEGORY, "bent", f"{n:03}", 0, "", pixel_hash(one)) for n, one in enumerate(FIGURES)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for one, figure in zip(TABLE, FIGURES, strict=True):
        path = tmp_path / MODEL / CATEGORY / one.defect / f"{one.number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(figure).save(path, compress_level=1)
    return tmp_path


def read(root: Path, workers: int = 1) -> tuple[list[str], list[str]]:
    """Names of the panels, and problems, each without the folder."""
    found = collect(MODEL, CATEGORY, recover_set(root, MODEL, CATEGORY, workers=workers, table=TABLE))
    told = [str(problem).removeprefix(f"{root / MODEL / CATEGORY}/") for problem in found.problems]
    assert not any("\n" in one for one in told)
    return [panel.name for panel in found.panels], told


NAMES = [f"grid/test/bent/00{n}.png" for n in range(3)]


def test_all_figures_of_a_set_are_read_in_order(root: Path) -> None:
    assert read(root) == (NAMES, [])


def test_several_processes_read_the_same_and_their_errors_arrive(root: Path) -> None:
    (root / MODEL / CATEGORY / "bent" / "001.png").write_bytes(b"no image")
    names, told = read(root, workers=2)
    assert names == [NAMES[0], NAMES[2]]
    assert told[0].startswith("bent/001.png: is not an image; ")


def test_lossless_copies_are_the_same_figures(root: Path) -> None:
    path = root / MODEL / CATEGORY / "bent" / "000.png"
    Image.open(path).save(path.with_suffix(".webp"), lossless=True, quality=0, method=0)
    path.unlink()
    assert read(root) == (NAMES, [])


def test_missing_double_and_unknown_files_do_not_stop_the_others(root: Path) -> None:
    folder = root / MODEL / CATEGORY / "bent"
    (folder / "000.png").unlink()
    (folder / "001.webp").write_bytes((folder / "001.png").read_bytes())
    (folder / "extra.png").write_bytes(b"")
    names, told = read(root)
    assert names == NAMES[2:]
    assert [one.split(";")[0] for one in told] == [
        "bent/extra.png: is not the name of a figure of EfficientAd on grid",
        "bent/000.png: the figure of grid/test/bent/000.png is missing",
        "bent/001.png: the figure of grid/test/bent/001.png is there more than once (001.png and 001.webp)",
    ]


def test_a_figure_under_another_name_is_refused(root: Path) -> None:
    folder = root / MODEL / CATEGORY / "bent"
    (folder / "000.png").write_bytes((folder / "001.png").read_bytes())
    names, told = read(root)
    assert names == NAMES[1:]
    assert "is not the study's figure of grid/test/bent/000.png" in told[0]


def test_another_kind_of_file_is_refused(root: Path) -> None:
    path = root / MODEL / CATEGORY / "bent" / "000.png"
    path.rename(path.with_suffix(".jpg"))
    assert read(root)[1][0].startswith("bent/000.jpg: is of a kind that is not read (.jpg); ")


def test_a_set_tells_all_its_problems_at_once(root: Path) -> None:
    folder = root / MODEL / CATEGORY / "bent"
    (folder / "000.png").unlink()
    (folder / "001.png").write_bytes(b"")
    found = collect(MODEL, CATEGORY, recover_set(root, MODEL, CATEGORY, table=TABLE))
    assert found.quality.pictures == 1
    with pytest.raises(DataError, match="2 problems: "):
        found.raise_problems(root)
    replace(found, problems=()).raise_problems(root)


@pytest.mark.parametrize(
    "inside", ["EfficientAd/grid", "EfficientAd/MVTec/grid/latest/images", images_folder(MODEL, CATEGORY)]
)
def test_a_set_is_found_in_each_layout(tmp_path: Path, inside: str) -> None:
    (tmp_path / inside).mkdir(parents=True)
    assert set_folder(tmp_path, MODEL, CATEGORY) == tmp_path / inside
    with pytest.raises(ReproError, match="has no figures of Patchcore on tile"):
        set_folder(tmp_path, "Patchcore", "tile")


def test_figures_are_read_one_after_the_other(root: Path) -> None:
    results = recover_set(root, MODEL, CATEGORY, table=TABLE)
    first = next(results)
    assert isinstance(first, Panel)
    assert first.image.dtype == np.uint8
