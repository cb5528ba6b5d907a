"""The study's result images, from its repository or a local copy: each verified, none fetched twice."""

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
    """A figure of the right size; its content does not matter here."""
    return np.full((SIZE[1], SIZE[0], 3), seed, np.uint8)


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    table = []
    for seed, name in enumerate(NAMES):
        path = tmp_path / "local" / "EfficientAd" / "grid" / f"{name}.webp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(figure(seed)).save(path, lossless=True)
        table.append(Original("EfficientAd", "grid", *name.split("/"), 1, "", pixel_hash(figure(seed))))
    monkeypatch.setattr(published, "originals", lambda: tuple(table))
    return tmp_path / "local"


def test_a_local_copy_is_verified_and_used(local: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetch_published(tmp_path / "target", local)
    assert all((tmp_path / "target" / "EfficientAd" / "grid" / f"{name}.webp").is_file() for name in NAMES)
    assert "2 result images, verified" in capsys.readouterr().out


def test_existing_images_are_not_fetched_again(local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_published(tmp_path / "target", local)
    monkeypatch.setattr(published, "_copy", lambda *_: pytest.fail("was copied again"))
    fetch_published(tmp_path / "target", local)


def test_a_changed_image_is_refused_and_the_others_are_fetched(local: Path, tmp_path: Path) -> None:
    Image.fromarray(figure(9)).save(local / "EfficientAd" / "grid" / "bent" / "000.webp", lossless=True)
    with pytest.raises(ReproError, match="its pixels have another SHA-256"):
        fetch_published(tmp_path / "target", local)
    assert (tmp_path / "target" / "EfficientAd" / "grid" / "good" / "000.webp").is_file()


def test_a_missing_image_is_named(local: Path, tmp_path: Path) -> None:
    (local / "EfficientAd" / "grid" / "good" / "000.webp").unlink()
    with pytest.raises(ReproError, match=r"good/000\.png: no such file"):
        fetch_published(tmp_path / "target", local)


def test_each_image_is_requested_at_the_pinned_commit(
    local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requested: list[str] = []

    def download(source: Source, path: Path, *_: object) -> None:
        requested.extend(source.urls)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(figure(NAMES.index(f"{path.parent.name}/{path.stem}"))).save(path)

    monkeypatch.setattr(published.transfer, "download", download)
    fetch_published(tmp_path / "target")
    assert requested == [
        "https://raw.githubusercontent.com/HanwenLiao/eng-ai-agents-hw/41433f6278fc808d85bf99efd2ed0661ec7a1699/"
        f"assignments/assignment-2/results/EfficientAd/MVTec/grid/latest/images/{name}.png"
        for name in NAMES
    ]


def test_if_the_first_image_cannot_be_downloaded_the_others_are_not_tried(
    local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[str] = []

    def download(source: Source, *_: object) -> None:
        attempts.append(source.title)
        raise ReproError("no address delivers it", where=source.file, hint="name a copy with --from")

    monkeypatch.setattr(published.transfer, "download", download)
    with pytest.raises(ReproError, match="no address delivers it"):
        fetch_published(tmp_path / "target")
    assert attempts == ["grid/test/bent/000.png"]
