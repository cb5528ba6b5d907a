import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repro import study as studies
from repro.cli import main
from repro.runs import PROJECT_ROOT, RunFolder, write_json


def run(*arguments: str) -> tuple[int, str]:
    """Exit status and standard error of a command."""
    finished = subprocess.run(
        [sys.executable, "-m", "repro", *arguments], capture_output=True, text=True, check=False, cwd=PROJECT_ROOT
    )
    return finished.returncode, finished.stderr


def test_help_lists_the_stages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    output = capsys.readouterr().out
    for stage in (
        "reproduce",
        "fit",
        "predict",
        "score",
        "retrieve",
        "receptive-field",
        "results",
        "figures",
        "render",
    ):
        assert stage in output


def save(path: Path, side: int = 16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side), 200, np.uint8)).save(path)


#: Studies of these tests; tests run in several processes at once.
BAD, OTHER = (f"{name}-{os.getpid()}" for name in ("bad-input", "other-schema"))


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    for name in ("train/good/000", "test/good/000", "test/cut/000", "ground_truth/cut/000_mask"):
        save(tmp_path / "data" / "leather" / f"{name}.png")
    yield tmp_path / "data"
    shutil.rmtree(RunFolder(BAD).run, ignore_errors=True)


@pytest.mark.parametrize(
    ("spoil", "arguments", "message"),
    [
        ("", ["--data-root", "{root}/nowhere"], "nowhere: no such folder"),
        ("", ["--categories", "leather,wood"], "no category wood"),
        ("test/cut/000.png", ["--categories", "leather"], "test/cut/000.png: not a readable image"),
        ("ground_truth/cut/000_mask.png", ["--categories", "leather"], "000_mask.png: mask of 8 x 8"),
        (
            "",
            ["--categories", "leather", "--qdrant-url", "http://127.0.0.1:9"],
            "http://127.0.0.1:9: no Qdrant answers",
        ),
        ("", ["--study", "nonsense"], f"use one of {', '.join(studies.names())}"),
        ("", ["--study", "embedded"], "study embedded: draws its own images; leave --data-root out"),
        ("missing", ["--categories", "leather"], "ground_truth/cut/000_mask.png: missing"),
    ],
)
def test_bad_input_gives_one_line_and_exit_status_2(root: Path, spoil: str, arguments: list[str], message: str) -> None:
    if spoil == "missing":
        (root / "leather/ground_truth/cut/000_mask.png").unlink()
    elif spoil.endswith("_mask.png"):
        save(root / "leather" / spoil, side=8)
    elif spoil:
        path = root / "leather" / spoil
        path.write_bytes(path.read_bytes()[:40])
    options = [argument.format(root=root) for argument in arguments]
    if "--data-root" not in options:
        options += ["--data-root", str(root)]
    if "--study" not in options:
        options += ["--study", copy_of_mvtec(root.parent)]
    status, errors = run("reproduce", *options)
    lines = [line for line in errors.splitlines() if not line.startswith("check data")]
    assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith("error: ")
    assert message in lines[0]


def copy_of_mvtec(folder: Path) -> str:
    """The study under another name, so that a run of the real one is not changed."""
    text = (PROJECT_ROOT / "src/repro/studies/mvtec.toml").read_text(encoding="utf-8")
    path = folder / f"{BAD}.toml"
    path.write_text(text.replace('name = "mvtec"', f'name = "{BAD}"'), encoding="utf-8")
    return str(path)


def test_a_malformed_cell_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "--cell", "patchcore"]) == 2
    assert "write variant/category/seedN" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["render", "guard", "figures", "verdicts"])
def test_every_reader_rejects_results_of_another_schema_version(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(OTHER)
    write_json(folder.report / "results.json", {"schema_version": 2})
    try:
        assert main([command, "--study", OTHER]) == 2
    finally:
        shutil.rmtree(folder.report)
    (line,) = capsys.readouterr().err.splitlines()
    assert "results.json: has schema version 2, this repro reads 1" in line


def test_the_error_of_an_unknown_cell_lists_the_cells_of_the_study(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--study", "smoke", "--cell", "padim/leather/seed0"]) == 2
    assert "choose from efficientad/leather/seed0, patchcore/leather/seed0" in capsys.readouterr().err


def test_the_error_of_a_stage_without_input_says_what_to_run_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "--study", "never-run", "--cell", "patchcore/grid/seed0"]) == 2
    assert "run `nox -s evaluate`" in capsys.readouterr().err


@pytest.mark.parametrize("start", [["-m", "repro"], ["-c", "import sys; from repro.cli import main; sys.exit(main())"]])
def test_names_may_hold_any_letter_whatever_the_locale(start: list[str], tmp_path: Path) -> None:
    """`-c` starts as the installed command does."""
    command = [sys.executable, *start, "reproduce", "--study", "mvtec", "--data-root", str(tmp_path / "größe")]
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run([*command, "--dry-run"], capture_output=True, env=environment, check=False)
    assert done.returncode == 2
    assert f"error: {tmp_path}/größe/grid: no images of this category".encode() in done.stderr
