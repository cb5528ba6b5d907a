from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from example_visa import as_visa
from PIL import Image

from repro import study as studies
from repro.data.layout import samples
from repro.data.visa import arrange
from repro.errors import DataError, ReproError
from repro.runs import Cell, RunFolder, read_json
from repro.stages.data import prepare

NAME = "bouchon d’oreille n° 1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One category, a space and an accent in its name; of twelve anomalous images, 1, 10 and 2 test the order."""
    grey, mask = np.full((32, 48), 128, np.uint8), np.zeros((32, 48), np.uint8)
    mask[4:9, 5:11] = 255
    for folder, count in (("train/good", 3), ("test/good", 2), ("test/bent", 12)):
        for number in range(count):
            path = tmp_path / "mvtec" / "part" / folder / f"{number:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(grey + np.uint8(number)).save(path)
            if folder == "test/bent":
                truth = tmp_path / "mvtec" / "part" / "ground_truth" / "bent" / f"{number:03}_mask.png"
                truth.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.roll(mask, number)).save(truth)
    return as_visa(tmp_path / "mvtec", "part", tmp_path / "meine Aufnahmen", NAME)


def study(root: Path) -> studies.Study:
    content = studies.load("mvtec").model_dump()
    data = {"source": "folder", "layout": "visa", "root": str(root)}
    return studies.check(content | {"categories": [NAME], "data": data}, where=root)


def test_images_and_masks_are_arranged_as_in_mvtec_ad(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "arranged"
    arrange(root, target, [NAME])
    arranged = samples(target, NAME, "visa")
    kinds = [(sample.split, sample.defect) for sample in arranged]
    assert kinds == 3 * [("train", "good")] + 12 * [("test", "bad")] + 2 * [("test", "good")]
    masks = {sample.image.stem: np.asarray(Image.open(sample.mask).convert("L")) for sample in arranged if sample.mask}
    # The mask of image 10 was drawn ten pixels to the right.
    assert np.argwhere(masks["10"])[0].tolist() == [4, 15]


def test_anomalib_pairs_each_mask_with_its_image_for_any_letters_of_the_name(root: Path, tmp_path: Path) -> None:
    from repro.models.engine import datamodule

    folder = RunFolder("mvtec", tmp_path)
    prepare(folder, study(root))
    for _ in range(2):
        module = datamodule(folder, Cell("patchcore", NAME, 0), held_out=0.0)
        module.setup()
        table = module.test_data.samples
        bad = table[table.label == "bad"]
        assert len(bad) == 12
        assert [Path(path).stem for path in bad.image_path] == [Path(path).stem for path in bad.mask_path]
        assert {Path(path).parts[-4] for path in table.image_path} == {NAME}


def test_the_name_of_a_folder_in_mvtec_layout_may_have_any_letters(root: Path, tmp_path: Path) -> None:
    from repro.models.engine import datamodule

    (root.parent / "mvtec").rename(tmp_path / "prüfen")
    folder = RunFolder("mvtec", tmp_path)
    content = studies.load("mvtec").model_dump()
    data = {"source": "folder", "root": str(tmp_path / "prüfen")}
    prepare(folder, studies.check(content | {"categories": ["part"], "data": data}, where=root))
    module = datamodule(folder, Cell("patchcore", "part", 0), held_out=0.0)
    module.setup()
    assert len(module.train_data) == 3
    assert {Path(path).parts[-4] for path in module.test_data.samples.image_path} == {"part"}


def test_a_study_on_a_visa_folder_has_a_manifest_and_arranges_it_once(root: Path, tmp_path: Path) -> None:
    folder = RunFolder("mvtec", tmp_path)
    prepare(folder, study(root))
    record = read_json(folder.manifest(NAME), hint="")["record"]
    assert (record["train"], record["test"]) == (3, {"bad": 12, "good": 2})
    assert read_json(folder.data_root, hint="")["root"] == str(folder.arranged_data)
    before = (folder.run / "arranged.json").stat().st_mtime_ns
    prepare(folder, study(root))
    assert (folder.run / "arranged.json").stat().st_mtime_ns == before
    Image.new("RGB", (48, 32), "white").save(root / NAME / "Data/Images/Normal/0.JPG")
    prepare(folder, study(root))
    assert (folder.run / "arranged.json").stat().st_mtime_ns != before


def test_a_damaged_file_is_reported_by_the_path_in_the_visa_folder(root: Path, tmp_path: Path) -> None:
    damaged = root / NAME / "Data/Images/Anomaly/3.JPG"
    damaged.write_bytes(b"not a picture")
    with pytest.raises(DataError) as caught:
        prepare(RunFolder("mvtec", tmp_path), study(root))
    assert caught.value.problems[0].startswith(f"{damaged}: not a readable image")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Data/Images/Normal/0.JPG", "Data/Images/Normal/99.JPG", "line 2: .*99.JPG: missing"),
        ("Data/Images/Normal/0.JPG", "../../0.JPG", "line 2: .*not a file below"),
        ("Data/Images/Normal/1.JPG", "Data/Images/Normal/0.JPG", "line 3: .*has the same name as"),
        ("test,anomaly", "test,broken", "line 5: split 'test' with label 'broken', allowed are"),
        (f",{NAME}/Data/Masks/Anomaly/0.png", ",", "line 5: mask of 0.JPG: no name: not a file below"),
    ],
)
def test_a_problem_of_the_split_is_reported_with_its_line(
    root: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    split = root / "split_csv" / "1cls.csv"
    split.write_text(split.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        arrange(root, tmp_path / "arranged", [NAME])
    assert not (tmp_path / "arranged").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda split: split.unlink(), "no such file, so the folder is not in VisA layout"),
        (lambda split: split.write_text("object,image\n"), "lacks columns"),
        (lambda split: split.write_bytes(b"\xff\xfe\x00"), "not a table"),
        (lambda split: split.write_text(split.read_text().replace(NAME, "candle")), "choose from candle"),
    ],
)
def test_a_folder_without_a_usable_split_is_refused(
    root: Path, tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(root / "split_csv" / "1cls.csv")
    with pytest.raises(ReproError, match=message):
        arrange(root, tmp_path / "arranged", [NAME])


def test_an_inverted_mask_is_reported_by_the_path_in_the_visa_folder(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = root / NAME / "Data" / "Masks" / "Anomaly" / "3.png"
    Image.fromarray((np.asarray(Image.open(mask)) == 0).astype(np.uint8)).save(mask)
    prepare(RunFolder("mvtec", tmp_path), study(root))
    assert f"mask {mask}: marks more than half of its image, is it inverted?\n" in capsys.readouterr().err
