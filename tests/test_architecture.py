"""The rules that a reader relies on: imports go one way, and the light parts stay light."""

import subprocess
import sys
from pathlib import Path

import pytest

import repro
from repro.closure import _names
from repro.pipeline import STAGES

PACKAGE = Path(repro.__file__).parent
#: Packages and top modules, lowest first: each imports only itself and what stands in lines above it.
ORDER = """
    errors progress closure
    records
    runs
    study gpus machine data
    pipeline metrics panels
    hashes fetch search
    costs models claims
    distill paper guards
    stages
    integrity export lookup
    workflow
    arguments
    commands
    cli
    __main__ serve
"""
LEVEL = {name: level for level, line in enumerate(ORDER.strip().splitlines()) for name in line.split()}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" and "profiles" not in path.parts)


def room(path: Path) -> str:
    """The package or top module that a file is part of."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(path: Path) -> set[str]:
    import ast

    names = [name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) for name in _names(node)]
    return {parts[1] for name in names if (parts := name.split("."))[0] == "repro" and len(parts) > 1} & LEVEL.keys()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_its_own_package_and_those_above(path: Path) -> None:
    own = room(path)
    assert {other for other in imported_rooms(path) if other != own and LEVEL[other] >= LEVEL[own]} == set()


def test_inside_a_package_no_imports_run_in_a_circle() -> None:
    from repro.closure import imports

    def below(path: Path, above: tuple[Path, ...]) -> None:
        assert path not in above, " -> ".join(one.stem for one in (*above, path))
        for other in imports(path):
            if room(other) == room(path):
                below(other, (*above, path))

    for path in MODULES:
        below(path, ())


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_is_the_module_of_its_name(stage: object) -> None:
    assert (PACKAGE / "stages" / f"{stage.rule}.py").is_file()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "module", ["cli", "stages.render", "stages.figures", "stages.verdicts", "stages.results", "workflow.reproduce"]
)
def test_the_light_parts_never_import_torch(module: str) -> None:
    code = f"import sys, repro.{module}; sys.exit(bool({{'torch', 'anomalib', 'lightning'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_module_is_longer_than_a_reader_keeps_in_mind() -> None:
    lengths = {path.stem: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}
