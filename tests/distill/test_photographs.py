from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repro.distill import photographs
from repro.errors import ReproError


def test_no_held_out_photograph_nor_its_second_view_is_trained_on() -> None:
    training, held_out = (
        {name for names in listed.values() for name in names} for listed in (photographs.TRAINING, photographs.HELD_OUT)
    )
    assert not training & held_out
    assert "motorcycle_right.png" not in training
    assert len(photographs.packaged()) == len(training)
    assert len(photographs.packaged(held_out=True)) == len(held_out)


def test_the_held_out_categories_are_not_trained_on() -> None:
    training, held_out = photographs.caltech_names(), photographs.caltech_names(held_out=True)
    assert (len(training), len(held_out)) == (1680, 180)
    assert not set(training) & set(held_out)
    assert {name.split("/")[0] for name in held_out} == set(photographs.HELD_OUT_CATEGORIES)
    assert not {name.split("/")[0] for name in training} & set(photographs.HELD_OUT_CATEGORIES)


def test_the_first_photographs_have_all_categories() -> None:
    first = photographs.caltech_names()[:91]
    assert len({name.split("/")[0] for name in first}) == 91


def write(folder: Path, names: tuple[str, ...]) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 9 + number, 3), number, np.uint8)).save(folder / name)


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A list of two photographs, one of them held out, and their folder."""
    listed = tmp_path / "list.json"
    listed.write_text('{"anchor": [3], "pizza": [1]}')
    monkeypatch.setattr(photographs, "LIST", listed)
    write(tmp_path, ("anchor/image_0003.jpg", "pizza/image_0001.jpg"))
    monkeypatch.setattr(photographs, "SHA256", photographs.digest(tmp_path))
    return tmp_path


def test_photographs_are_read_in_colour_at_their_size(two: Path) -> None:
    photographs.check(two)
    (training,), (held_out,) = photographs.caltech(two), photographs.caltech(two, held_out=True)
    assert (training.shape, held_out.shape) == ((8, 9, 3), (8, 10, 3))


def test_a_missing_and_a_changed_photograph_are_refused(two: Path) -> None:
    (two / "pizza" / "image_0001.jpg").write_bytes((two / "anchor" / "image_0003.jpg").read_bytes())
    with pytest.raises(ReproError, match=r"their SHA-256 differs; name the folder 101_ObjectCategories"):
        photographs.check(two)
    (two / "pizza" / "image_0001.jpg").unlink()
    with pytest.raises(ReproError, match=r"1 of 2 photographs are missing, pizza/image_0001.jpg for one"):
        photographs.check(two)
