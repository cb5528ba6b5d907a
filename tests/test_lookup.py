"""`repro search` on the smoke study: a new image finds those that are most like it."""

from pathlib import Path

import numpy as np
import pytest
import smoke
from PIL import Image

from repro import cli
from repro.errors import ReproError
from repro.lookup import look_up, write_sheet
from repro.runs import RunFolder, read_root


@pytest.fixture
def defect(smoke_run: smoke.Run) -> Path:
    return sorted((read_root(smoke_run.folder, hint="") / "leather" / "test" / "cut").iterdir())[0]


def test_a_copy_of_a_test_image_in_another_format_finds_that_image(
    smoke_run: smoke.Run, defect: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "photo.bmp"
    Image.open(defect).save(copy)
    answer = look_up(smoke_run.folder, copy, None)
    assert answer.found[0].image == "leather/test/cut/000.png"
    assert answer.found[0].similarity == pytest.approx(1, abs=1e-5)
    assert [found.similarity for found in answer.found] == sorted(
        (one.similarity for one in answer.found), reverse=True
    )
    page = write_sheet(smoke_run.folder, copy, answer)
    assert "| 1 | leather/test/cut/000.png | cut | 1.0000 |" in page.read_text(encoding="utf-8")
    sheet = np.asarray(Image.open(page.with_suffix(".png")))
    # The query and its copy stand side by side.
    assert np.array_equal(sheet[2:200, 2:220], sheet[2:200, 226:444])


def test_the_score_is_that_of_the_study(smoke_run: smoke.Run, defect: Path) -> None:
    from repro.records.results import Results

    answer = look_up(smoke_run.folder, defect, "leather")
    results = Results.model_validate_json((smoke_run.folder.report / "results.json").read_text(encoding="utf-8"))
    stored = {one.image: one.score for one in results.cells[answer.cell.key].scores}
    assert answer.score == pytest.approx(stored["leather/test/cut/000.png"], rel=1e-4)


@pytest.mark.parametrize(
    ("name", "category", "message"),
    [
        ("none.png", None, "none.png: no such file; name an image"),
        ("text.png", None, "text.png: is no image (UnidentifiedImageError); name an image"),
        ("image.png", "wood", "has no category wood; add --category leather"),
    ],
)
def test_bad_input_is_reported_in_one_line(
    smoke_run: smoke.Run, defect: Path, tmp_path: Path, name: str, category: str | None, message: str
) -> None:
    (tmp_path / "text.png").write_text("text")
    Image.open(defect).save(tmp_path / "image.png")
    with pytest.raises(ReproError) as raised:
        look_up(smoke_run.folder, tmp_path / name, category)
    assert str(raised.value).endswith(message)


def test_a_study_without_embeddings_says_so(defect: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["search", str(defect), "--study", "published", "--category", "grid"]) == 2
    assert "holds no embeddings of its test images; choose a study" in capsys.readouterr().err


def test_a_report_without_its_run_says_so(defect: Path, tmp_path: Path, smoke_run: smoke.Run) -> None:
    alone = RunFolder("smoke", tmp_path)
    alone.report.mkdir(parents=True)
    (alone.report / "results.json").write_bytes((smoke_run.folder.report / "results.json").read_bytes())
    with pytest.raises(ReproError, match=r"the trained model is not here, only its report; run `nox -s reproduce"):
        look_up(alone, defect, None)
