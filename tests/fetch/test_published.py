"""The study's result images, from its repository or a local copy: each proved, none brought twice."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repro.errors import ReproError
from repro.fetch import published
from repro.fetch.published import fetch_published
from repro.fetch.sources import Source
from repro.panels.originals import Original, pixel_hash
from repro.panels.panel import SIZE

NAMES = ("bent/000", "good/000")


def figure(seed: int) -> np.ndarray:
    """Of the right size: what it shows is not looked at here."""
    return np.full((SIZE[1], SIZE[0], 3), seed, np.uint8)


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    table = []
    for seed, name in enumerate(NAMES):
        path = tmp_path / "given" / "EfficientAd" / "grid" / f"{name}.webp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(figure(seed)).save(path, lossless=True)
        table.append(Original("EfficientAd", "grid", *name.split("/"), 1, "", pixel_hash(figure(seed))))
    monkeypatch.setattr(published, "originals", lambda: tuple(table))
    return tmp_path / "given"


def test_a_local_copy_is_proved_and_taken(given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetch_published(tmp_path / "there", given)
    assert all((tmp_path / "there" / "EfficientAd" / "grid" / f"{name}.webp").is_file() for name in NAMES)
    assert "2 result images, verified" in capsys.readouterr().out


def test_what_is_there_is_not_brought_again(given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_published(tmp_path / "there", given)
    monkeypatch.setattr(published, "_take", lambda *_: pytest.fail("was taken again"))
    fetch_published(tmp_path / "there", given)


def test_another_image_is_refused_and_the_others_are_taken(given: Path, tmp_path: Path) -> None:
    Image.fromarray(figure(9)).save(given / "EfficientAd" / "grid" / "bent" / "000.webp", lossless=True)
    with pytest.raises(ReproError, match="its pixels have another SHA-256"):
        fetch_published(tmp_path / "there", given)
    assert (tmp_path / "there" / "EfficientAd" / "grid" / "good" / "000.webp").is_file()


def test_a_missing_image_is_named(given: Path, tmp_path: Path) -> None:
    (given / "EfficientAd" / "grid" / "good" / "000.webp").unlink()
    with pytest.raises(ReproError, match=r"good/000\.png: no such file"):
        fetch_published(tmp_path / "there", given)


def test_each_image_is_asked_for_at_the_commit_that_is_known(
    given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def obtain(source: Source, path: Path, *_: object) -> None:
        asked.extend(source.urls)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(figure(NAMES.index(f"{path.parent.name}/{path.stem}"))).save(path)

    monkeypatch.setattr(published.transfer, "obtain", obtain)
    fetch_published(tmp_path / "there")
    assert asked == [
        "https://raw.githubusercontent.com/HanwenLiao/eng-ai-agents-hw/41433f6278fc808d85bf99efd2ed0661ec7a1699/"
        f"assignments/assignment-2/results/EfficientAd/MVTec/grid/latest/images/{name}.png"
        for name in NAMES
    ]


def test_where_the_first_image_has_no_address_the_others_are_not_tried(
    given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def obtain(source: Source, *_: object) -> None:
        tries.append(source.title)
        raise ReproError("no address gives it", where=source.file, hint="name a copy with --from")

    monkeypatch.setattr(published.transfer, "obtain", obtain)
    with pytest.raises(ReproError, match="no address gives it"):
        fetch_published(tmp_path / "there")
    assert tries == ["grid/test/bent/000.png"]
