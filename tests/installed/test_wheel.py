"""The wheel in an empty folder: a study runs there, and nothing is written beside the package."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from repro.runs import PROJECT_ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel; everything else is installed already."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(PROJECT_ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def repro(site: Path, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("REPRO_")}
    command = [sys.executable, "-m", "repro", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=variables | {"PYTHONPATH": str(site)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def files(folder: Path) -> list[Path]:
    """All but compiled code."""
    return sorted(path for path in folder.rglob("*") if "__pycache__" not in path.parts)


def test_a_study_runs_in_an_empty_folder(site: Path, tmp_path: Path) -> None:
    before = files(site)
    done = repro(site, tmp_path, "reproduce", "--study", "smoke")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].endswith("guards hold")
    report = tmp_path / "report" / "smoke"
    assert all((report / name).is_file() for name in ("paper.md", "paper.pdf", "paper.html"))
    assert json.loads((report / "environment.json").read_text(encoding="utf-8"))["commit"] == "unknown"
    # What the project's own paper compares with is compared with here too.
    assert "The published outputs" in (report / "paper.md").read_text(encoding="utf-8")
    assert files(site) == before
    assert {path.name for path in tmp_path.iterdir()} <= {"runs", "report", "baselines", ".snakemake"}
    verified = repro(site, tmp_path, "verify", "--study", "smoke")
    assert verified.returncode == 0, verified.stdout
    image = next((tmp_path / "runs").rglob("test/cut/000.png"))
    found = repro(site, tmp_path, "search", str(image), "--study", "smoke")
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[0] == "1.0000  leather/test/cut/000.png"


@pytest.mark.parametrize("how", ["option", "variable"])
def test_the_working_folder_can_be_named(site: Path, tmp_path: Path, how: str) -> None:
    root = tmp_path / "elsewhere"
    arguments = ["--root", str(root)] if how == "option" else []
    environment = {"REPRO_ROOT": str(root)} if how == "variable" else {}
    done = repro(site, tmp_path, *arguments, "data", "--study", "smoke", **environment)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == [root]
    assert len(list((root / "runs").rglob("test/*/*.png"))) == 8
