import pytest
import smoke

from repro import study
from repro.costs import needs
from repro.costs.needs import Images
from repro.runs import PROJECT_ROOT, Cell, read_json
from repro.study import PatchCoreVariant

PUBLISHED = study.load("mvtec").variants["patchcore"]
STUDY = study.load("embedded")


def test_the_bank_of_a_large_category_is_its_patches_times_their_length() -> None:
    assert isinstance(PUBLISHED, PatchCoreVariant)
    whole = PUBLISHED.model_copy(update={"center_crop": None})
    assert needs.patches(whole, 256, 320) == 320 * 32 * 32 == 327_680
    assert needs.dimension(whole) == 128 + 256 + 512
    assert needs.bank(whole, 256, 320) == 327_680 * 896 * 4


def test_the_published_crop_leaves_as_many_patches_as_its_notebook_printed() -> None:
    assert isinstance(PUBLISHED, PatchCoreVariant)
    kept = [int(needs.patches(PUBLISHED, 256, train) * PUBLISHED.coreset_ratio) for train in (264, 230, 245)]
    assert kept == [20697, 18032, 19208]


def test_a_model_without_a_bank_needs_the_same_for_any_number_of_images() -> None:
    variant = STUDY.variants["efficientad"]
    assert needs.bank(variant, 256, 300) == 0
    assert needs.fit_memory(variant, 256, Images(300, 9)) == needs.fit_memory(variant, 256, Images(3, 9))


def test_twice_the_side_is_four_times_the_predictions() -> None:
    variant = STUDY.variants["efficientad"]
    assert needs.predictions(variant, 512, 10) == 4 * needs.predictions(variant, 256, 10)


@pytest.mark.parametrize("stage", ["fit", "predict", "score"])
def test_memory_is_about_what_the_embedded_study_took(stage: str) -> None:
    timings = read_json(PROJECT_ROOT / "report" / "embedded" / "timings.json", hint="")
    formula = {"fit": needs.fit_memory, "predict": needs.predict_memory, "score": needs.score_memory}[stage]
    for name, cost in timings.items():
        if name.startswith(f"{stage} "):
            variant = STUDY.variants[Cell.from_key(name.split(" ")[1]).variant]
            # Snakemake's MB are mebibytes.
            assert 0.85 <= formula(variant, 256, Images(24, 30)) / (cost["peak_mb"] * 2**20) <= 1.4, name


def test_files_are_as_large_as_reckoned(smoke_run: smoke.Run) -> None:
    resolved = study.load_resolved(smoke_run.folder)
    for cell in resolved.cells:
        variant, folder = resolved.variants[cell.variant], smoke_run.folder.cell(cell)
        computed = {
            "checkpoint.ckpt": needs.checkpoint(variant, 256, 4),
            "predictions.npz": needs.predictions(variant, 256, 8),
            "embeddings.npz": needs.embeddings(variant, 8),
        }
        for name, size in computed.items():
            assert size == pytest.approx((folder / name).stat().st_size, rel=0.05, abs=20_000), (cell.key, name)


def test_patchcore_cells_share_the_cores_of_a_cpu_and_wait_for_a_gpu() -> None:
    assert needs.cores_of(STUDY, "patchcore", 8, 0) == 1
    assert needs.cores_of(STUDY, "efficientad", 8, 0) == 4
    assert needs.cores_of(STUDY, "efficientad", 2, 0) == 2
    assert needs.cores_of(STUDY, "patchcore", 8, 1) == 8
    assert needs.cores_of(STUDY, "patchcore", 8, 4) == 2
