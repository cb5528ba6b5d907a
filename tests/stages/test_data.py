import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from repro import study as studies
from repro.errors import DataError
from repro.runs import RunFolder, read_json
from repro.stages.data import prepare


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder("smoke", tmp_path)


def test_stand_ins_are_drawn_once_and_their_manifests_kept(folder: RunFolder) -> None:
    study = studies.load("smoke")
    prepare(folder, study)
    manifest = folder.manifest("leather")
    before = manifest.stat().st_mtime_ns
    assert read_json(manifest, hint="")["record"]["test"] == {
        "color": 1, "cut": 1, "fold": 1, "glue": 1, "good": 3, "poke": 1
    }  # fmt: skip
    prepare(folder, study)
    assert manifest.stat().st_mtime_ns == before


def test_a_stand_in_that_was_spoilt_or_lost_is_drawn_again(folder: RunFolder) -> None:
    study = studies.load("smoke")
    prepare(folder, study)
    spoilt = folder.drawn_data / "leather" / "test" / "cut" / "000.png"
    before = spoilt.read_bytes()
    manifest = folder.manifest("leather").read_bytes()
    spoilt.write_bytes(b"")
    prepare(folder, study)
    assert spoilt.read_bytes() == before
    shutil.rmtree(folder.drawn_data)
    prepare(folder, study)
    assert spoilt.read_bytes() == before
    assert folder.manifest("leather").read_bytes() == manifest


def test_an_image_on_disk_that_is_spoilt_after_the_first_check_is_found(folder: RunFolder, tmp_path: Path) -> None:
    prepare(folder, studies.load("smoke"))
    root = tmp_path / "photographs"
    shutil.copytree(folder.drawn_data, root)
    study = studies.choose(studies.load("mvtec"), data_root=root, categories=["leather"])
    other = RunFolder("mvtec", tmp_path)
    prepare(other, study)
    (root / "leather" / "test" / "cut" / "000.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"cut/000\.png: not a readable image"):
        prepare(other, study)


def test_moving_the_images_changes_no_manifest(folder: RunFolder, tmp_path: Path) -> None:
    prepare(folder, studies.load("smoke"))
    here, there = tmp_path / "here", tmp_path / "there"
    shutil.copytree(folder.drawn_data, here)
    other = RunFolder("mvtec", tmp_path)
    prepare(other, studies.choose(studies.load("mvtec"), data_root=here, categories=["leather"]))
    before = other.manifest("leather").stat().st_mtime_ns
    here.rename(there)
    prepare(other, studies.choose(studies.load("mvtec"), data_root=there, categories=["leather"]))
    assert other.manifest("leather").stat().st_mtime_ns == before
    assert read_json(other.data_root, hint="")["root"] == str(there)


@pytest.mark.parametrize(("inverted", "which"), [(1, "is it inverted?"), (2, "as 2 masks do; are they inverted?")])
def test_inverted_masks_are_reported_in_one_line_and_not_refused(
    folder: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], inverted: int, which: str
) -> None:
    prepare(folder, studies.load("smoke"))
    root = tmp_path / "photographs"
    shutil.copytree(folder.drawn_data, root)
    masks = sorted((root / "leather" / "ground_truth").glob("*/*.png"))[:inverted]
    for mask in masks:
        ImageOps.invert(Image.open(mask).convert("L")).save(mask)
    other = RunFolder("mvtec", tmp_path)
    assert "inverted" not in capsys.readouterr().err
    prepare(other, studies.choose(studies.load("mvtec"), data_root=root, categories=["leather"]))
    lines = [line for line in capsys.readouterr().err.splitlines() if "inverted" in line]
    assert lines == [f"mask {masks[0]}: marks more than half of its image, {which}"]
    assert other.manifest("leather").is_file()
