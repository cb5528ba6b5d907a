"""Recover: the study's result images of one model and category in, its anomaly maps as predictions.npz out."""

import numpy as np

from repro.errors import DataError, ReproError
from repro.machine import versions
from repro.metrics.detection import f1, rounded
from repro.panels.originals import find, open_original, originals_of
from repro.panels.panel import Panel, take_apart
from repro.progress import Progress
from repro.records.predictions import Predictions
from repro.records.recovery import RecoveryRecord
from repro.runs import Cell, RunFolder, read_root, write_json, writing
from repro.study import Study

#: What decides a recovered number.
PACKAGES = ("numpy", "opencv-python-headless", "pillow", "scipy")
HINT = "repair these files, then run the same command again; cells that are finished are kept"


def recover(folder: RunFolder, study: Study, cell: Cell) -> None:
    """Leave `predictions.npz` and `recover.json` of a cell.

    An image's score is the maximum of its map. recover.json: `recovery`, a RecoveryRecord, and `packages`. Raises
    DataError with every result image that is missing, there twice, or not what the study published.
    """
    model = study.variants[cell.variant].model
    root = read_root(folder, hint=f"run `repro data --study {folder.study}` first")
    wanted = originals_of(model, cell.category)
    progress = Progress(f"recover {cell.key}", "images")
    panels: list[Panel] = []
    problems = []
    for number, original in enumerate(wanted, 1):
        try:
            path = find(root, original)
            panels.append(take_apart(open_original(path, original), model, path))
        except ReproError as error:
            problems.append(f"{error.where}: {error.what}")
        progress(number, len(wanted))
    if problems:
        raise DataError(problems, where=root, hint=HINT)
    maps = np.stack([panel.anomaly_map for panel in panels])
    masks = np.stack([panel.mask for panel in panels])
    predictions = Predictions(
        scores=maps.max(axis=(1, 2)),
        maps=maps,
        masks=masks,
        labels=np.array([original.defect != "good" for original in wanted]),
        images=np.array([original.name for original in wanted]),
    )
    with writing(folder.cell(cell) / "predictions.npz") as beside:
        np.savez(beside, allow_pickle=False, **vars(predictions))
    record = {"recovery": summary(panels).model_dump(mode="json"), "packages": versions(PACKAGES)}
    write_json(folder.cell(cell) / "recover.json", record)


def summary(panels: list[Panel]) -> RecoveryRecord:
    """How well the maps of a set were recovered."""
    qualities = [panel.quality for panel in panels]
    histogram = sum(quality.histogram for quality in qualities)
    pixels = int(np.sum(histogram))
    distance = np.concatenate([quality.distance.ravel() for quality in qualities])
    predicted, masks = (np.stack([getattr(panel, name) for panel in panels]) for name in ("predicted", "mask"))
    return RecoveryRecord(
        mean_distance=rounded(distance.mean(dtype=np.float64)),
        p99_distance=rounded(np.quantile(distance, 0.99)),
        agreement=rounded(sum(quality.agreeing for quality in qualities) / sum(quality.far for quality in qualities)),
        levels=int(np.count_nonzero(histogram)),
        at_lowest=rounded(histogram[0] / pixels),
        at_highest=rounded(histogram[-1] / pixels),
        at_threshold=rounded(sum(quality.decided for quality in qualities) / pixels),
        mask_f1=rounded(f1(predicted, masks)),
    )
