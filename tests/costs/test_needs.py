import pytest
import smoke

from repro import study
from repro.costs import needs
from repro.costs.needs import Images
from repro.runs import PROJECT_ROOT, Cell, read_json
from repro.study import PatchCoreVariant

PUBLISHED = study.load("mvtec").variants["patchcore"]
STUDY = study.load("embedded")


def test_the_bank_of_a_large_category_is_its_patches_times_their_dimension() -> None:
    assert isinstance(PUBLISHED, PatchCoreVariant)
    uncropped = PUBLISHED.model_copy(update={"center_crop": None})
    assert needs.patch_count(uncropped, 256, 320) == 320 * 32 * 32 == 327_680
    assert needs.embedding_dimension(uncropped) == 128 + 256 + 512
    assert needs.bank_size(uncropped, 256, 320) == 327_680 * 896 * 4


def test_the_published_crop_gives_the_coreset_sizes_that_the_notebook_printed() -> None:
    assert isinstance(PUBLISHED, PatchCoreVariant)
    coresets = [int(needs.patch_count(PUBLISHED, 256, train) * PUBLISHED.coreset_ratio) for train in (264, 230, 245)]
    assert coresets == [20697, 18032, 19208]


def test_a_model_without_a_bank_needs_the_same_memory_for_any_number_of_images() -> None:
    variant = STUDY.variants["efficientad"]
    assert needs.bank_size(variant, 256, 300) == 0
    assert needs.fit_memory(variant, 256, Images(300, 9)) == needs.fit_memory(variant, 256, Images(3, 9))


def test_twice_the_side_gives_predictions_of_four_times_the_size() -> None:
    variant = STUDY.variants["efficientad"]
    assert needs.predictions_size(variant, 512, 10) == 4 * needs.predictions_size(variant, 256, 10)


#: What a fork may share with the process that has imported torch, and counts as its own memory, without any need of it.
SHARED = 500_000_000


@pytest.mark.parametrize("stage", ["fit", "predict", "score"])
def test_memory_is_close_to_that_of_the_embedded_study(stage: str) -> None:
    """Of a process of its own; a fork needs less for imports."""
    timings = read_json(PROJECT_ROOT / "report" / "embedded" / "timings.json", hint="")
    formula = {"fit": needs.fit_memory, "predict": needs.predict_memory, "score": needs.score_memory}[stage]
    for name, cost in timings.items():
        if name.startswith(f"{stage} "):
            variant = STUDY.variants[Cell.from_key(name.split(" ")[1]).variant]
            peak = 1e6 * cost["peak_mb"]
            own = peak - SHARED if stage == "score" else peak
            assert 0.85 * own <= formula(variant, 256, Images(24, 30)) <= 1.7 * peak, name


def test_files_have_the_computed_sizes(smoke_run: smoke.Run) -> None:
    resolved = study.load_resolved(smoke_run.folder)
    for cell in resolved.cells:
        variant, folder = resolved.variants[cell.variant], smoke_run.folder.cell(cell)
        computed = {
            "checkpoint.ckpt": needs.checkpoint_size(variant, 256, 4),
            "predictions.npz": needs.predictions_size(variant, 256, 8),
            "embeddings.npz": needs.embeddings_size(variant, 8),
        }
        for name, size in computed.items():
            assert size == pytest.approx((folder / name).stat().st_size, rel=0.05, abs=20_000), (cell.key, name)


def test_patchcore_cells_get_one_core_of_a_cpu_each_and_efficientad_cells_four() -> None:
    assert needs.cores_of(STUDY, "patchcore", 8, 0) == 1
    assert needs.cores_of(STUDY, "efficientad", 8, 0) == 4
    assert needs.cores_of(STUDY, "efficientad", 2, 0) == 2
    assert needs.cores_of(STUDY, "patchcore", 8, 1) == 8
    assert needs.cores_of(STUDY, "patchcore", 8, 4) == 2
