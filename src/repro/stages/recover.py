"""Recover: the study's result images of one model and category in, its anomaly maps as predictions.npz out."""

import numpy as np
from PIL import Image

from repro.data.layout import GOOD
from repro.machine import versions
from repro.metrics.detection import f1, rounded
from repro.panels.originals import FOLDERS, originals_of
from repro.panels.sets import RecoveredSet, collect, recover_set
from repro.progress import Progress
from repro.records.predictions import Predictions
from repro.records.recovery import RecoveryRecord
from repro.runs import Cell, RunFolder, read_root, write_json, writing
from repro.study import Study

#: What decides a recovered number.
PACKAGES = ("numpy", "pillow", "scipy")
#: The model whose result images show the whole test image at its maps' size; it is kept for the figures.
WHOLE = FOLDERS["efficientad"]


def recover(folder: RunFolder, study: Study, cell: Cell) -> None:
    """Leave `predictions.npz` and `recover.json` of a cell.

    An image's score is the maximum of its map. recover.json: `recovery`, a RecoveryRecord, and `packages`. Raises
    DataError with every result image that is missing, there twice, or not what the study published.
    """
    model = FOLDERS[study.variants[cell.variant].model]
    root = read_root(folder, hint=f"run `repro data --study {folder.study}` first")
    total = len(originals_of(model, cell.category))
    progress = Progress(f"recover {cell.key}", "images")
    outcomes = []
    for number, outcome in enumerate(recover_set(root, model, cell.category), 1):
        outcomes.append(outcome)
        progress(min(number, total), total)
    recovered = collect(model, cell.category, outcomes)
    recovered.raise_problems(root)
    if model == WHOLE:
        for panel in recovered.panels:
            with writing(folder.recovered_images / panel.name) as beside:
                Image.fromarray(panel.image).save(beside)
    maps = np.stack([panel.anomaly_map for panel in recovered.panels])
    predictions = Predictions(
        scores=maps.max(axis=(1, 2)),
        maps=maps,
        masks=np.stack([panel.mask for panel in recovered.panels]),
        labels=np.array([f"/{GOOD}/" not in panel.name for panel in recovered.panels]),
        images=np.array([panel.name for panel in recovered.panels]),
    )
    with writing(folder.cell(cell) / "predictions.npz") as beside:
        np.savez(beside, allow_pickle=False, **vars(predictions))
    record = {"recovery": summary(recovered).model_dump(mode="json"), "packages": versions(PACKAGES)}
    write_json(folder.cell(cell) / "recover.json", record)


def summary(recovered: RecoveredSet) -> RecoveryRecord:
    """How well the maps of a set were recovered."""
    quality = recovered.quality
    predicted, masks = (
        np.stack([getattr(panel, name) for panel in recovered.panels]) for name in ("predicted", "mask")
    )
    return RecoveryRecord(
        mean_distance=rounded(quality.mean_distance),
        p99_distance=rounded(quality.far_distance),
        agreement=rounded(quality.agreement),
        levels=quality.distinct,
        at_lowest=rounded(quality.at_zero),
        at_highest=rounded(quality.at_full),
        at_threshold=rounded(quality.ambiguous),
        redrawn=rounded(quality.misdrawn),
        mask_f1=rounded(f1(predicted, masks)),
    )
