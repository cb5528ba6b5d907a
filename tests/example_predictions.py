"""Random predictions from a seed, for tests of metrics and of the search."""

import numpy as np

from repro.records.predictions import Predictions


def random_predictions(seed: int, images: int = 12, side: int = 32) -> Predictions:
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % 3 > 0
    masks = np.zeros((images, side, side), bool)
    for row in np.flatnonzero(labels):
        for _ in range(2):
            top, left = rng.integers(0, side - 8, 2)
            masks[row, top : top + rng.integers(2, 8), left : left + rng.integers(2, 8)] = True
    maps = (rng.normal(size=masks.shape) + 1.5 * masks).astype(np.float32)
    return Predictions(
        scores=maps.max(axis=(1, 2)),
        maps=maps,
        masks=masks,
        labels=labels,
        images=np.array([f"grid/test/{'bent' if label else 'good'}/{row:03d}.png" for row, label in enumerate(labels)]),
    )
