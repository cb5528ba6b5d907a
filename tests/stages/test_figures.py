import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_report import SMALL, network, verdicts
from PIL import Image

from repro.errors import ReproError
from repro.records.coherence import SEARCHES
from repro.records.figures import Figures
from repro.records.results import Results
from repro.records.retrieval import RankingScores, SearchRecord
from repro.runs import PROJECT_ROOT, Cell, RunFolder, write_json
from repro.stages.figures import draw

PIXELS, CROP = 64, 48
#: Records of a category and of weights.
COUNTED = {"train": 1, "test": {}, "image_sizes": [[PIXELS, PIXELS]], "modes": ["RGB"], "fingerprint": "0"}
RANDOM = {"kind": "random", "description": "random weights", "sha256": None}
GOOD = "good"
ODD = "odd_$x^{2}_名\n$"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A study of two categories with two defect types each, drawn once."""
    made = study(tmp_path_factory.mktemp("study"), {"grid": ("bent", "broken"), "tile": ("crack", "oil")}, seeds=(0, 1))
    draw(made)
    return made


def study(root: Path, defects: dict[str, tuple[str, ...]], seeds: tuple[int, ...] = (0,)) -> RunFolder:
    """Write the inputs of the figures: two images of each type, maps that are high on the defect."""
    folder = RunFolder("tiny", root)
    generator = np.random.default_rng(7)
    images = {category: _images(root / "data", category, (GOOD, *types)) for category, types in defects.items()}
    sides = {"efficientad": PIXELS, "patchcore": CROP}
    cells, retrieval = {}, {}
    for category, names in images.items():
        write_json(folder.data_root, {"root": str(root / "data")})
        for variant, side in sides.items():
            for seed in seeds:
                cell = Cell(variant, category, seed)
                masks = np.zeros((len(names), side, side), bool)
                crop = (PIXELS - side) // 2
                defective = [name.split("/")[-2] != GOOD for name in names]
                masks[defective, 10 - crop : 30 - crop, 20 - crop : 40 - crop] = True
                maps = (generator.random(masks.shape) + masks).astype(np.float32)
                labels = masks.any(axis=(1, 2))
                folder.cell(cell).mkdir(parents=True)
                np.savez(
                    folder.cell(cell) / "predictions.npz",
                    scores=maps.max(axis=(1, 2)),
                    maps=maps,
                    masks=masks,
                    labels=labels,
                    images=np.array(names),
                )
                cells[cell.key] = _cell(cell, side, names, seed)
                retrieval[cell.key] = _retrieval(names)
    networks = {"small": network("small", SMALL, False), "small-padded": network("small", SMALL, True)}
    content = {
        "schema_version": 1,
        "study": {
            "name": "tiny",
            "title": "A tiny study",
            "image_size": PIXELS,
            "categories": list(defects),
            "seeds": seeds,
            "guards": [],
            "fingerprint": "0",
        },
        "data": {
            "source": "procedural",
            "name": "stand-ins",
            "official": False,
            "categories": dict.fromkeys(defects, COUNTED),
            "fingerprint": "0",
        },
        "variants": {
            "efficientad": {
                "model": "efficientad",
                "settings": {"size": "small"},
                "weights": dict.fromkeys(("teacher", "penalty"), RANDOM),
            },
            "patchcore": {"model": "patchcore", "settings": {"center_crop": CROP}, "weights": {"backbone": RANDOM}},
        },
        "cells": cells,
        "heat_maps": [
            {"category": category, "defect": name.split("/")[-2], "place": place, "image": name}
            for category, names in images.items()
            for name in names
            if name.split("/")[-2] != GOOD
            for place in (("best", "median") if name.endswith("000.png") else ("worst",))
        ],
        "retrieval": retrieval,
        "receptive_field": {"input_size": PIXELS, "networks": networks},
    }
    write_json(folder.report / "results.json", Results.model_validate(content).model_dump(mode="json"))
    judged = {"schema_version": 1, "results_sha256": "0" * 64, "verdicts": verdicts(next(iter(cells)))}
    write_json(folder.report / "verdicts.json", judged)
    return folder


def _images(root: Path, category: str, types: tuple[str, ...]) -> list[str]:
    names = [f"{category}/test/{name}/{number:03}.png" for name in types for number in range(2)]
    for index, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        # Grey and colour, and of another size than the study's.
        Image.new("L", (80, 80), 40 * index).convert("L" if index % 2 else "RGB").save(root / name)
    return names


def _cell(cell: Cell, side: int, names: list[str], seed: int) -> dict[str, Any]:
    published = {"image_auroc": 1.0, "image_f1": 0.9 + seed / 20, "pixel_auroc": 0.75, "pixel_f1": 0.125}
    return {
        "variant": cell.variant,
        "category": cell.category,
        "seed": seed,
        "epochs_asked": 1,
        "epochs_run": 1,
        "steps": 1,
        "memory_bank": None,
        "map_size": [side, side],
        "images": len(names),
        "anomalous": 4,
        "anomalous_pixels": 0.1,
        "thresholds": {"image": 1.5, "pixel": 1.0},
        "metrics": {**published, "image_ap": 0.5, "pixel_ap": 0.5, "aupro": 0.5},
        "raw": published,
        "intervals": {name: {"low": 0.0, "high": 1.0} for name in (*published, "image_ap", "pixel_ap", "aupro")},
        "resolution": 0.1,
        "discretisation": 0.0,
        "sound": None,
        "scores": [
            {"image": name, "defect": name.split("/")[-2], "score": 1.0 + index % 2}
            for index, name in enumerate(sorted(names))
        ],
        "efficientnet_modules": 0,
        "preprocessing": [],
        "fingerprint": "0",
    }


def _retrieval(names: list[str]) -> dict[str, Any]:
    def query(hits: list[str]) -> dict[str, Any]:
        return {
            "image": names[2],
            "defect": names[2].split("/")[-2],
            "hits": [
                {"rank": rank, "image": name, "defect": name.split("/")[-2], "score": 1 - rank / 8}
                for rank, name in enumerate(hits, 1)
            ],
        }

    zeros = {
        name: dict.fromkeys(RankingScores.model_fields, 0.0) if name in ("measured", "chance") else 0
        for name in SearchRecord.model_fields
    }
    searches = [
        zeros | {"label_filter": label_filter, "self_match": self_match} for label_filter, self_match in SEARCHES
    ]
    feature = {**dict.fromkeys(("dimension", "distinct_vectors", "points"), 1), "searches": searches}
    sound = {**feature, "queries": [query(names[:2] + names[3:])]}
    return {
        "published": {**feature, "queries": [query(names[2:])]},
        "patch_embedding": sound,
        "weighted_embedding": sound,
    }


def read(folder: RunFolder) -> Figures:
    return Figures.model_validate_json((folder.report / "figures" / "figures.json").read_text())


def contents(folder: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder.report / "figures").iterdir()}


def test_pictures_come_in_the_order_of_the_paper(folder: RunFolder) -> None:
    assert [figure.file for figure in read(folder).figures] == [
        *("claims.svg", "pipeline.svg", "metrics.svg", "distributions.svg", "curves.svg"),
        *("heat-maps.jpg", "heat-maps-grid.jpg", "heat-maps-tile.jpg"),
        *(
            f"similar-{variant}-{category}-1.jpg"
            for variant in ("efficientad", "patchcore")
            for category in ("grid", "tile")
        ),
        *("receptive-field.svg", "receptive-table.svg", "browse-grid.webp", "browse-tile.webp"),
    ]


def test_drawing_again_gives_the_same_bytes_deletes_stale_files_and_reports_progress(folder: RunFolder) -> None:
    before = contents(folder)
    (folder.report / "figures" / "heat-maps-carpet-best.jpg").write_bytes(b"of a former category")
    progress: list[tuple[int, int]] = []
    draw(folder, lambda done, total: progress.append((done, total)))
    assert contents(folder) == before
    assert progress == [(done, 16) for done in range(1, 17)]


def test_every_listed_figure_exists_is_small_and_described(folder: RunFolder) -> None:
    files = contents(folder)
    figures = read(folder).figures
    assert set(files) == {"figures.json", *(figure.file for figure in figures)}
    for figure in figures:
        assert 200 < len(files[figure.file]) < 200_000, figure.file
        assert len(figure.alt) > 40, figure.file


def test_alt_text_of_the_metrics_has_the_mean_over_seeds(folder: RunFolder) -> None:
    alt = next(figure.alt for figure in read(folder).figures if figure.kind == "metrics")
    # Seeds 0 and 1 have image F1 0.9 and 0.95.
    assert "EfficientAD, grid: image AUROC 1.000, image F1 0.925, pixel AUROC 0.750, pixel F1 0.125" in alt


def test_alt_text_of_distributions_counts_the_errors_at_the_threshold(folder: RunFolder) -> None:
    alt = next(figure.alt for figure in read(folder).figures if figure.kind == "distributions")
    assert "EfficientAD, grid: 2 anomalous at or below the threshold, 1 normal above" in alt


def test_one_figure_drawn_alone_has_the_same_bytes_and_leaves_the_others_unchanged(folder: RunFolder) -> None:
    before = contents(folder)
    alone = folder.report / "figures" / "curves.svg"
    alone.unlink()
    stale = folder.report / "figures" / "stale.jpg"
    stale.write_bytes(b"of another study")
    draw(folder, only="curves.svg")
    assert stale.exists()
    stale.unlink()
    assert contents(folder) == before
    with pytest.raises(ReproError, match=r"choose one of claims\.svg, pipeline\.svg"):
        draw(folder, only="nothing.svg")


def test_a_contact_sheet_has_a_tile_of_every_image_and_map(folder: RunFolder) -> None:
    record = next(figure for figure in read(folder).figures if figure.kind == "contact_sheet")
    assert record.tile
    assert record.images == tuple(sorted(record.images))
    with Image.open(folder.report / "figures" / record.file) as sheet:
        assert sheet.size == (3 * record.tile, len(record.images) * record.tile)
        pixels = np.asarray(sheet.convert("RGB"), np.int16)
    # The grey value of the last image is 40 times its index; PatchCore's map is cropped.
    last = len(record.images) - 1
    corner = pixels[last * record.tile + 5, 5]
    shade = 40 * [name.split("/", 1)[1] for name in _ordered(record.images)].index(record.images[last].split("/", 1)[1])
    assert abs(corner - shade).max() < 8
    outside = pixels[last * record.tile + 5, 2 * record.tile + 5]
    assert abs(outside - 217).max() < 8


def _ordered(images: tuple[str, ...]) -> list[str]:
    """The images in the order in which `study` writes them: good ones first."""
    return sorted(images, key=lambda name: (name.split("/")[2] != GOOD, name))


def test_alt_text_of_a_similarity_sheet_marks_the_query_itself(folder: RunFolder) -> None:
    alt = next(figure.alt for figure in read(folder).figures if figure.kind == "similarity")
    assert "by published feature bent 0.8750 (the query itself), bent 0.7500, broken 0.6250" in alt
    assert "by patch embedding good 0.8750, good 0.7500, bent 0.6250" in alt


def test_a_crop_is_shown_at_its_place_in_the_image(folder: RunFolder) -> None:
    with Image.open(folder.report / "figures" / "heat-maps-grid.jpg") as image:
        pixels = np.asarray(image.convert("RGB"), np.int16)
    # PatchCore's map is the third of three panels in either half, at 200 dots an inch.
    label, gap, between, top, scale = 0.4, 0.08, 0.35, 1.15, 1.45
    side = (16 - label - scale - between) / 6 - gap
    left = label + 2 * (side + gap)
    margin = (1 - CROP / PIXELS) / 2

    def is_grey(share: float) -> bool:
        """Whether the panel is light grey at a share of its diagonal from the top left."""
        row, column = (round((start + share * side) / 2.54 * 200) for start in (top, left))
        return bool((abs(pixels[row, column] - 217) < 8).all())

    assert is_grey(margin * 0.7)
    assert is_grey(1 - margin * 0.7)
    assert not is_grey(margin * 1.3)
    assert not is_grey(1 - margin * 1.3)


def test_odd_names_are_drawn_and_their_files_have_plain_names(tmp_path: Path) -> None:
    odd = study(tmp_path, {"a_$b": (ODD, "x" * 70), "A-B": ("ü", "{")})
    draw(odd)
    names = [figure.file for figure in read(odd).figures if figure.kind == "similarity"]
    assert names[:2] == ["similar-efficientad-a-b-1.jpg", "similar-efficientad-a-b-1-2.jpg"]
    assert any(ODD in figure.alt for figure in read(odd).figures if figure.kind == "heat_maps")


def test_missing_predictions_are_named_with_a_hint(tmp_path: Path) -> None:
    incomplete = study(tmp_path, {"grid": ("bent",)})
    missing = incomplete.cell(Cell("patchcore", "grid", 0)) / "predictions.npz"
    missing.unlink()
    with pytest.raises(ReproError, match="nox -s evaluate") as caught:
        draw(incomplete)
    assert caught.value.where == str(missing)


def test_missing_image_is_named(tmp_path: Path) -> None:
    incomplete = study(tmp_path, {"grid": ("bent",)})
    missing = tmp_path / "data" / "grid" / "test" / "bent" / "000.png"
    missing.unlink()
    with pytest.raises(ReproError, match="No such file") as caught:
        draw(incomplete)
    assert caught.value.where == str(missing)


def test_drawing_imports_neither_torch_nor_anomalib() -> None:
    code = "import sys, repro.stages.figures; assert not {'torch', 'anomalib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(PROJECT_ROOT / "src")})
