import platform
from pathlib import Path

import example_report
import pytest

from repro import study as studies
from repro.errors import ReproError
from repro.machine import commit, processor
from repro.records.environment import Environment
from repro.records.figures import Figures
from repro.records.guards import Guards
from repro.records.results import CategoryRecord, CellRecord, Results
from repro.records.training import FitRecord
from repro.records.verdicts import Verdicts
from repro.records.weights import WeightsRecord
from repro.runs import PROJECT_ROOT, to_json
from repro.stages.results import choose_heat_maps, data_record, study_record, variant_record

SCHEMAS = PROJECT_ROOT / "src" / "repro" / "schemas"


@pytest.mark.parametrize("kind", [Results, Verdicts, Guards, Environment, Figures])
def test_the_published_schemas_are_those_of_the_records(kind: type[Results]) -> None:
    published = SCHEMAS / f"{kind.__name__.lower()}.schema.json"
    assert published.read_text(encoding="utf-8") == to_json(kind.model_json_schema())


def test_where_the_data_lies_does_not_reach_the_results() -> None:
    study = studies.load("mvtec")
    here = studies.choose(study, data_root=Path("/a"), categories=None)
    there = studies.choose(study, data_root=Path("/b"), categories=None)
    assert study_record(here) == study_record(there)


def test_data_is_called_what_it_is() -> None:
    leather = CategoryRecord(
        train=22, test={"good": 10, "cut": 19}, image_sizes=((256, 256),), modes=("RGB",), fingerprint=""
    )
    all_leather = {"train": 245, "test": {"good": 32, "cut": 92}, "image_sizes": ((1024, 1024),)}
    drawn = data_record(studies.load("embedded"), {"leather": leather})
    few = data_record(studies.load("mvtec"), {"leather": leather})
    official = data_record(studies.load("mvtec"), {"leather": leather.model_copy(update=all_leather)})
    assert (drawn.name, drawn.official) == ("procedural stand-ins", False)
    assert (few.official, official.official) == (False, True)
    assert few.name == "a folder in MVTec AD layout that is not the official MVTec AD"
    assert official.name == "MVTec AD"


def test_heat_maps_are_the_best_median_and_worst_by_mean_rank() -> None:
    study = studies.load("smoke")
    results = example_report.results("e", "t", ("leather",), ("cut",), (0,), "procedural", False, "random")

    def cell(variant: str, scores: dict[str, float]) -> CellRecord:
        rows = [{"image": f"leather/test/cut/{name}.png", "defect": "cut", "score": s} for name, s in scores.items()]
        good = {"image": "leather/test/good/000.png", "defect": "good", "score": 9.0}
        content = {**results["cells"][f"{variant}/leather/seed0"], "scores": [*rows, good]}
        return CellRecord.model_validate(content)

    cells = {
        # Ranks a 0, b 1, c 2, and a 1, b 0, c 2: a and b tie, and a comes first by name.
        "efficientad/leather/seed0": cell("efficientad", {"a": 3.0, "b": 2.0, "c": 1.0}),
        "patchcore/leather/seed0": cell("patchcore", {"a": 0.2, "b": 0.3, "c": 0.1}),
    }
    chosen = {choice.place: choice.image[-5] for choice in choose_heat_maps(study, cells)}
    assert chosen == {"best": "a", "median": "b", "worst": "c"}


def trained(sha256: str) -> FitRecord:
    backbone = WeightsRecord(kind="timm", description="a network with timm's ImageNet weights", sha256=sha256)
    return FitRecord(
        epochs_asked=3,
        epochs_run=1,
        steps=0,
        memory_bank={"patches": 9, "dimension": 4},
        efficientnet_modules=0,
        weights={"backbone": backbone},
        packages={"torch": "2.9"},
        device="cpu",
        threads=1,
    )


def test_cells_of_a_variant_that_were_trained_with_different_weights_are_no_result() -> None:
    study = studies.load("embedded")
    keys = [cell.key for cell in study.cells if cell.variant == "patchcore"]
    fits = {key: trained("a" * 64) for key in keys}
    assert variant_record(study, "patchcore", fits).weights["backbone"].sha256 == "a" * 64
    fits[keys[-1]] = trained("b" * 64)
    with pytest.raises(ReproError, match=r"different weights.*delete runs/embedded/cells/patchcore and run"):
        variant_record(study, "patchcore", fits)


def test_outside_git_the_commit_is_unknown(tmp_path: Path) -> None:
    assert commit(tmp_path) == "unknown"


@pytest.mark.parametrize(
    ("flags", "name"),
    [("fpu avx avx2 avx512f", "AMD EPYC, AVX-512"), ("fpu avx avx2", "AMD EPYC, AVX2"), ("fpu", "AMD EPYC")],
)
def test_processors_of_one_name_are_distinguished_by_their_vector_instructions(
    tmp_path: Path, flags: str, name: str
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: {flags}\n\n", encoding="utf-8")
    assert processor(cpuinfo) == name


def test_a_system_without_a_processor_name_in_cpuinfo_has_a_fallback(tmp_path: Path) -> None:
    assert processor(tmp_path / "none") == (platform.processor() or "unknown")
    (tmp_path / "cpuinfo").write_text("Hardware\t: something\n", encoding="utf-8")
    assert processor(tmp_path / "cpuinfo") == "unknown"
