"""A data set of tiny images with the layout, categories, defect types and numbers of test images of MVTec AD."""

from pathlib import Path

import numpy as np
from PIL import Image

from repro.data.official import OFFICIAL

SIDE = 48
TRAIN = 4
#: Source: Bergmann et al., IJCV 129, 2021, doi 10.1007/s11263-020-01400-4.
DEFECTS = {
    "bottle": ("broken_large", "broken_small", "contamination"),
    "cable": ("bent_wire", "cable_swap", "combined", "cut_inner_insulation", "cut_outer_insulation", "missing_cable",
              "missing_wire", "poke_insulation"),
    "capsule": ("crack", "faulty_imprint", "poke", "scratch", "squeeze"),
    "carpet": ("color", "cut", "hole", "metal_contamination", "thread"),
    "grid": ("bent", "broken", "glue", "metal_contamination", "thread"),
    "hazelnut": ("crack", "cut", "hole", "print"),
    "leather": ("color", "cut", "fold", "glue", "poke"),
    "metal_nut": ("bent", "color", "flip", "scratch"),
    "pill": ("color", "combined", "contamination", "crack", "faulty_imprint", "pill_type", "scratch"),
    "screw": ("manipulated_front", "scratch_head", "scratch_neck", "thread_side", "thread_top"),
    "tile": ("crack", "glue_strip", "gray_stroke", "oil", "rough"),
    "toothbrush": ("defective",),
    "transistor": ("bent_lead", "cut_lead", "damaged_case", "misplaced"),
    "wood": ("color", "combined", "hole", "liquid", "scratch"),
    "zipper": ("broken_teeth", "combined", "fabric_border", "fabric_interior", "rough", "split_teeth",
               "squeezed_teeth"),
}  # fmt: skip


def draw(root: Path) -> None:
    """Write the data set to `root`."""
    rng = np.random.default_rng(0)
    for category, (_, good, test, _) in OFFICIAL.items():
        base = rng.integers(40, 200, 3)
        types = DEFECTS[category]
        for index in range(TRAIN):
            _image(root / category / "train" / "good" / f"{index:03}.png", rng, base)
        for index in range(good):
            _image(root / category / "test" / "good" / f"{index:03}.png", rng, base)
        for index in range(test - good):
            defect, number = types[index % len(types)], index // len(types)
            _image(root / category / "test" / defect / f"{number:03}.png", rng, base, mark=True)
            mask = np.zeros((SIDE, SIDE), np.uint8)
            mask[12:24, 12:24] = 255
            _save(root / category / "ground_truth" / defect / f"{number:03}_mask.png", mask)


def _image(path: Path, rng: np.random.Generator, base: np.ndarray, *, mark: bool = False) -> None:
    values = base + rng.normal(0, 12, (SIDE, SIDE, 1))
    if mark:
        values[12:24, 12:24] = 255 - values[12:24, 12:24]
    _save(path, values.clip(0, 255).astype(np.uint8))


def _save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
