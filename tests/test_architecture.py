"""The house rules that a reader relies on: data flows one way, and the light parts stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import repro

PACKAGE = Path(repro.__file__).parent

#: A module may import only modules above it. Modules on one line know nothing of each other.
ORDER = [
    {"errors", "record", "growth", "data.official"},
    {"predictions"},
    {"retrieval_records", "cost_records", "patch_records"},
    {"records", "hash_records"},
    {"coherence"},
    {"runs", "progress", "trace", "patch_engines", "supervise", "interrupt", "latency"},
    {"gpus"},
    {"sheet", "stat", "photographs", "ranking", "bootstrap", "metrics", "claims.published", "scope"},
    {"study", "fetch.sources", "data.layout", "receptive_field", "data.textures", "claims.evidence", "references"},
    {"data.defects", "hashes", "differences", "audit", "needs"},
    {"drift"},
    {"data.procedural", "data.checks", "data.visa", "data.pinned", "fetch.transfer", "fetch.unpack"},
    {"fetch.place"},
    {"fetch.fetch"},
    {"data.prepare", "models.shipped", "models.pdn", "models.kcenter", "models.patches", "models.efficientad"},
    {"models.lite0", "models.weights", "models.coreset", "distill.scenes"},
    {"distill.images", "distill.targets", "models.patchcore"},
    {"distill.train"},
    {"distill.card"},
    {"models.registry"},
    {"models.build", "models.accelerate", "resume"},
    {"fit"},
    {"crossfit", "claims.numbers", "claims.code"},
    {"predict", "score", "patch_search"},
    {"retrieve"},
    {"results", "claims.judge", "guard", "regression", "bench", "verify"},
    {"recompute", "mend", "estimate"},
    {"forecast"},
    {"ablation_view", "abstract_view", "cost_view", "figure_view", "leak_view", "missing_view", "summary_view"},
    {"ledger_view", "references_view", "retrieval_view", "provenance", "markdown", "heat_maps"},
    {"browse", "diagrams", "plots", "similarity", "paper_view", "reproduce"},
    {"figures", "page"},
    {"paper", "serve"},
    {"tables"},
    {"export"},
    {"patches"},
    {"calls"},
    {"cli"},
    {"__main__"},
]
LEVEL = {module: level for level, modules in enumerate(ORDER) for module in modules}


def modules() -> dict[str, Path]:
    paths = [path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]
    return {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in paths}


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "repro":
            base = node.module.removeprefix("repro").lstrip(".")
            names = {f"{base}.{alias.name}".lstrip(".") for alias in node.names}
            found |= {name for name in names if name in LEVEL} or ({base} & LEVEL.keys())
    return found


def test_every_module_has_its_place_in_the_order() -> None:
    assert modules().keys() <= LEVEL.keys()


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_imports_only_what_stands_above_it(module: str) -> None:
    wrong = {other for other in imported(modules()[module]) if LEVEL[other] >= LEVEL[module]}
    assert not wrong


@pytest.mark.parametrize("module", ["cli", "paper", "figures", "claims.judge", "results", "reproduce"])
def test_the_light_parts_never_import_torch(module: str) -> None:
    code = f"import sys, repro.{module}; sys.exit(bool({{'torch', 'anomalib', 'lightning'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_module_is_longer_than_a_reader_keeps_in_mind() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules().items()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}
