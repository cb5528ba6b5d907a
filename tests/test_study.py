from pathlib import Path

import pytest

from repro import study as studies
from repro.errors import ReproError
from repro.runs import RunFolder, write_json

SMOKE = (studies.STUDIES / "smoke.toml").read_text(encoding="utf-8")


def load_text(text: str, tmp_path: Path) -> studies.Study:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return studies.load(str(path))


@pytest.mark.parametrize("name", studies.names())
def test_every_study_of_the_package_is_valid_and_has_the_name_of_its_file(name: str) -> None:
    assert studies.load(name).name == name


def test_cells_are_every_combination() -> None:
    study = studies.load("smoke")
    assert len(study.cells) == len(study.variants) * len(study.categories) * len(study.seeds)
    assert study.cells[0].key == "efficientad/leather/seed0"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("image_size = 256", "image_size = 256\ncolour = 1", "colour is not a known key"),
        ("epochs = 1", "epochs = 0", "variants.efficientad.epochs is 0, should be greater than or equal to 1"),
        ("seeds = [0]", "seeds = [-1]", "seeds.0 is -1, should be greater than or equal to 0"),
        ("seeds = [0]", 'seeds = ["0"]', "seeds.0 is '0', should be a valid integer"),
        ("seeds = [0]", "seeds = [3, 3]", "seeds holds a value twice"),
        ("image_size = 256", "image_size = 128", "EfficientAD needs image_size 256 or more"),
        ('"distilled"', '"best"', "teacher is 'best', allowed is 'distilled', 'random' or 'official'"),
        ('size = "small"', 'size = "medium"', 'a teacher of size medium is "official" only'),
        ("epochs = 1", "epochs = 1\nseeds = [2, 2]", "variants.efficientad.seeds holds a value twice"),
        ("epochs = 1", "epochs = 1\nblur = -1.0", "variants.efficientad.blur is -1.0, should be greater than or equal"),
        ('model = "patchcore"', 'model = "stfpm"', "variants.patchcore.model is 'stfpm', allowed is"),
        ("center_crop = 224", "center_crop = 999", "center_crop is larger than image_size 256"),
        ("image_size = 256", "", "image_size is missing"),
        ("[data]", "[[data]]", "data"),
    ],
)
def test_the_error_of_an_invalid_study_is_one_line_with_file_key_and_allowed_values(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in SMOKE
    with pytest.raises(ReproError) as caught:
        load_text(SMOKE.replace(old, new, 1), tmp_path)
    assert "mine.toml" in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_variant_may_have_seeds_of_its_own(tmp_path: Path) -> None:
    study = load_text(SMOKE.replace("epochs = 3", "epochs = 3\nseeds = [4, 5]"), tmp_path)
    assert [cell.key for cell in study.cells] == [
        *("efficientad/leather/seed0", "patchcore/leather/seed4", "patchcore/leather/seed5"),
    ]


def test_the_error_of_an_unknown_metric_lists_the_allowed_ones(tmp_path: Path) -> None:
    guard = '\n[[guards]]\nvariant = "patchcore"\nmetric = "accuracy"\nminimum = 0.5\n'
    with pytest.raises(ReproError, match=r"guards\.0\.metric is 'accuracy', allowed is 'image_auroc', .*'aupro'"):
        load_text(SMOKE + guard, tmp_path)


def test_a_guard_of_an_unknown_variant_is_rejected(tmp_path: Path) -> None:
    guard = '\n[[guards]]\nvariant = "padim"\nmetric = "aupro"\nminimum = 0.5\n'
    with pytest.raises(ReproError, match="no variant 'padim'; there are efficientad, patchcore"):
        load_text(SMOKE + guard, tmp_path)


def test_the_error_of_invalid_toml_has_its_line(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match=r"mine\.toml: not TOML .*line 2"):
        load_text('name = "x"\ntitle = = 1\n', tmp_path)


def test_the_error_of_an_unknown_study_lists_the_known_ones() -> None:
    with pytest.raises(ReproError, match=f"use one of {', '.join(studies.names())} or"):
        studies.load("nonsense")


def test_other_data_drops_the_guards_of_the_study(tmp_path: Path) -> None:
    study = studies.choose(studies.load("embedded"), data_root=tmp_path, categories=["leather"])
    assert study.categories == ["leather"]
    assert study.guards == []
    assert isinstance(study.data, studies.FolderData)
    assert study.data.root == str(tmp_path)


def test_a_study_keeps_its_guards_and_layout_without_another_folder(tmp_path: Path) -> None:
    content = studies.load("embedded").model_dump()
    data = {"source": "folder", "layout": "visa", "root": str(tmp_path)}
    own = studies.check(content | {"data": data}, where=tmp_path)
    assert studies.choose(own, data_root=tmp_path, categories=None) == own
    other = studies.choose(own, data_root=tmp_path / "other", categories=None)
    assert isinstance(other.data, studies.FolderData)
    assert (other.data.layout, other.guards) == ("visa", [])


def test_fewer_categories_keep_the_guards_that_still_apply() -> None:
    study = studies.choose(studies.load("embedded"), data_root=None, categories=["tile"])
    assert {guard.category for guard in study.guards} <= {None, "tile"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["leather/good/000"]', '["lether/good/000"]', "queries: lether/good/000 is of no category of the study"),
        ('categories = ["leather"]', 'categories = [" leather"]', "categories.0: ' leather' names no category"),
        ('categories = ["leather"]', 'categories = ["lea\\nther"]', "holds a character that cannot be printed"),
        ("train = 4", "train = 1000000000", "data.train is 1000000000, should be less than or equal to 100000"),
        ("seeds = [0]", f"seeds = [0x{'f' * 5000}]", "seeds.0 is a number of thousands of digits"),
        ("image_size = 256", f"image_size = {'9' * 5000}", "not TOML"),
    ],
)
def test_expensive_mistakes_are_rejected_on_loading(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SMOKE
    with pytest.raises(ReproError) as caught:
        load_text(SMOKE.replace(old, new, 1), tmp_path)
    assert message in str(caught.value)


def test_the_study_of_another_version_gives_a_hint_to_run_it_again(tmp_path: Path) -> None:
    folder = RunFolder("smoke", tmp_path)
    write_json(folder.study_file, studies.load("smoke").model_dump(mode="json") | {"colour": 1})
    with pytest.raises(ReproError, match="colour is not a known key; another version of repro began this run"):
        studies.load_resolved(folder)
