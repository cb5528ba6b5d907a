"""Features of images: the published one, and the pooled patch embeddings of `predict`."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from repro.errors import ReproError
from repro.records.predictions import UNREADABLE

PUBLISHED_DIMENSION = 1024


def published_feature(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the published feature of maps [N, H, W]: pooled to one number, padded to 1024, normalised, [N, 1024].

    A number divided by its absolute value is +1 or -1, so that the sign is all the feature holds.
    """
    pooled = maps.mean(axis=(1, 2), dtype=np.float64)
    vectors = np.zeros((len(maps), PUBLISHED_DIMENSION), np.float32)
    vectors[:, 0] = pooled / np.abs(pooled)
    return vectors


def read_embeddings(path: Path, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read the mean and the weighted embedding of each image, [count, D], from an embeddings.npz.

    Raises ReproError where the file is missing or has other contents.
    """
    hint = "run `nox -s evaluate` to make it"
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            embeddings = arrays["mean"], arrays["weighted"]
    except FileNotFoundError:
        raise ReproError("no such file", where=path, hint=hint) from None
    except UNREADABLE as error:
        raise ReproError(f"not a file of embeddings ({error})", where=path, hint=hint) from None
    for array in embeddings:
        if array.dtype.kind != "f" or array.ndim != 2 or len(array) != count or not array.size:
            raise ReproError(f"has no embedding of each of {count} images", where=path, hint=hint)
    return embeddings
