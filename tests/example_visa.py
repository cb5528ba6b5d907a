"""Convert a data set from MVTec AD to VisA layout: JPEG images, masks numbered by defect, and a split."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from repro.data.layout import GOOD, samples


def as_visa(mvtec: Path, category: str, root: Path, name: str) -> Path:
    """Write `category` of an MVTec AD folder below `root` as the VisA category `name`; returns `root`."""
    rows = []
    counts = {"Normal": 0, "Anomaly": 0}
    for sample in samples(mvtec, category):
        kind = "Normal" if sample.defect == GOOD else "Anomaly"
        number, counts[kind] = counts[kind], counts[kind] + 1
        image = root / name / "Data" / "Images" / kind / f"{number}.JPG"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.open(sample.image).convert("RGB").save(image, "JPEG", quality=95)
        mask = None
        if sample.mask is not None:
            mask = root / name / "Data" / "Masks" / "Anomaly" / f"{number}.png"
            mask.parent.mkdir(parents=True, exist_ok=True)
            marked = np.asarray(Image.open(sample.mask)) > 0
            Image.fromarray(marked.astype(np.uint8) * (1 + number % 4)).save(mask)
        label = "normal" if mask is None else "anomaly"
        paths = ["" if path is None else path.relative_to(root).as_posix() for path in (image, mask)]
        rows.append([name, sample.split, label, *paths])
    split = root / "split_csv" / "1cls.csv"
    split.parent.mkdir(parents=True, exist_ok=True)
    with split.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["object", "split", "label", "image", "mask"], *rows])
    return root
