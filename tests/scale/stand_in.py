"""Replaces `python -m repro` in the workflow: stages of cells write made-up files, other commands are the real ones.

Called as `python tests/scale/stand_in.py SECONDS COMMAND ...`. The files have the schemas of the real ones, cover all
images of the category with small maps, and depend only on the name of the cell.
"""

import random
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import example_report

from repro import cli
from repro.commands.timing import note
from repro.pipeline import job
from repro.runs import Cell, RunFolder, read_json, write_json, writing

#: Side of the maps and dimension of the embeddings.
SIDE, DIMENSION = 24, 32
HINT = "run reproduce"
METRICS = ("image_auroc", "image_f1", "pixel_auroc", "pixel_f1", "image_ap", "pixel_ap", "aupro")
#: Mean difference of the scores of anomalous and normal images, in standard deviations.
SEPARATION = {"efficientad": 2.2, "patchcore": 0.8, "patchcore-pretrained": 2.8, "patchcore-sparse": 2.5}


def fit(folder: RunFolder, cell: Cell) -> None:
    """Write checkpoint.ckpt and fit.json."""
    settings = read_json(folder.cell(cell) / "cell.json", hint=HINT)["variant"]
    bank = settings["model"] == "patchcore"
    with writing(folder.cell(cell) / "checkpoint.ckpt") as temporary:
        temporary.write_bytes(bytes(1000))
    roles = ("backbone",) if bank else ("teacher", "penalty")
    made_up = {"kind": "made up", "description": "made up for a simulation", "sha256": None}
    report = {
        "epochs_asked": settings["epochs"],
        "epochs_run": 1 if bank else settings["epochs"],
        "steps": 0,
        "memory_bank": {"patches": 1000, "dimension": DIMENSION} if bank else None,
        "efficientnet_modules": int(settings.get("backbone", "").startswith("tf_efficientnet")),
        "weights": dict.fromkeys(roles, made_up),
        "packages": {"anomalib": "none: a simulation"},
        "device": "cpu",
        "threads": 1,
    }
    write_json(folder.cell(cell) / "fit.json", report)


def predict(folder: RunFolder, cell: Cell) -> None:
    """Write predictions.npz, embeddings.npz and predict.json."""
    import numpy as np

    images, scores = scored(folder, cell)
    rng = np.random.default_rng(zlib.crc32(cell.key.encode()))
    labels = np.array([defect(image) != "good" for image in images])
    masks = np.zeros((len(images), SIDE, SIDE), bool)
    masks[labels, 6:12, 6:12] = True
    maps = rng.normal(size=masks.shape) + 2 * masks
    maps = sum(np.roll(maps, (down, right), (1, 2)) for down in (-1, 0, 1) for right in (-1, 0, 1)) / 9
    arrays = {
        "scores": np.array(scores, np.float32),
        "maps": maps.astype(np.float32),
        "masks": masks,
        "labels": labels,
        "images": np.array(images),
    }
    vectors = rng.normal(size=(2, len(images), DIMENSION)).astype(np.float32)
    embeddings = {"mean": vectors[0], "weighted": vectors[1], "images": arrays["images"]}
    for name, content in (("predictions", arrays), ("embeddings", embeddings)):
        with writing(folder.cell(cell) / f"{name}.npz") as temporary:
            np.savez(temporary, allow_pickle=False, **content)
    write_json(folder.cell(cell) / "predict.json", {"preprocessing": ["Resize(size=[256, 256])"]})


def score(folder: RunFolder, cell: Cell) -> None:
    """Write scores.json."""
    images, scores = scored(folder, cell)
    made_up = example_report.cell(cell.variant, cell.category, cell.seed, ["bent"], 0)
    for name in ("variant", "category", "seed", "epochs_asked", "epochs_run", "steps", "memory_bank", "preprocessing"):
        del made_up[name]
    del made_up["efficientnet_modules"]
    separation = (
        SEPARATION[cell.variant] + random.Random(cell.category).gauss(0, 0.5) + random.Random(cell.key).gauss(0, 0.1)
    )
    metrics = {name: round(NormalDist().cdf(separation / (1 + place / 8)), 6) for place, name in enumerate(METRICS)}
    content = made_up | {
        "map_size": [SIDE, SIDE],
        "images": len(images),
        "anomalous": sum(defect(image) != "good" for image in images),
        "thresholds": {"image": SEPARATION[cell.variant] / 2, "pixel": 0.8},
        "metrics": metrics,
        "raw": {name: metrics[name] for name in METRICS[:4]},
        "intervals": {
            name: {"low": max(0, value - 0.03), "high": min(1, value + 0.02)} for name, value in metrics.items()
        },
        "scores": [
            {"image": image, "defect": defect(image), "score": round(value, 6)}
            for image, value in zip(images, scores, strict=True)
        ],
    }
    for number, fold in enumerate(content["sound"]["folds"]):
        fold |= {"chosen_on": images[1 - number :: 2], "judged": images[number::2]}
    content["sound"] |= {"image_f1": metrics["image_f1"] - 0.02, "pixel_f1": metrics["pixel_f1"] - 0.005}
    write_json(folder.cell(cell) / "scores.json", content)


def retrieve(folder: RunFolder, cell: Cell) -> None:
    """Write hits.json."""
    images, _ = scored(folder, cell)
    shown = next(image for image in images if defect(image) != "good")
    hits = [
        {"rank": rank, "image": image, "defect": defect(image), "score": 1.0}
        for rank, image in enumerate(images[:5], 1)
    ]
    features = example_report.retrieval(cell.category, [defect(shown)])
    for feature in features.values():
        feature |= {"points": len(images), "queries": [{"image": shown, "defect": defect(shown), "hits": hits}]}
    write_json(folder.cell(cell) / "hits.json", features)


def defect(image: str) -> str:
    """Defect type in the name of an image."""
    return image.split("/")[2]


def scored(folder: RunFolder, cell: Cell) -> tuple[list[str], list[float]]:
    """Test images of a cell and their scores; the same images are hard for all variants and seeds."""
    files = read_json(folder.manifest(cell.category), hint=HINT)["files"]
    images = sorted(name for name in files if name.split("/")[1] == "test")
    shared, own = random.Random(cell.category), random.Random(cell.key)
    separation = SEPARATION[cell.variant]
    return images, [
        0.7 * shared.gauss(0, 1) + 0.3 * own.gauss(0, 1) + separation * (defect(image) != "good") for image in images
    ]


STAGES: dict[str, Callable[[RunFolder, Cell], Any]] = {
    "fit": fit,
    "predict": predict,
    "score": score,
    "retrieve": retrieve,
}


def main(seconds: float, arguments: list[str]) -> int:
    """Run a command of `repro`, or replace a stage of a cell; `fit` waits `seconds` first."""
    if arguments[0] not in STAGES:
        return cli.main(arguments)
    started = time.monotonic()
    options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    folder, cell = RunFolder(options["--study"]), Cell.from_key(options["--cell"])
    if arguments[0] == "fit":
        time.sleep(seconds)
    STAGES[arguments[0]](folder, cell)
    note(job(folder, arguments[0], cell).timing, started)
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
