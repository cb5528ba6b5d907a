"""Predictions: what predictions.npz holds of a cell. Reading it takes neither scipy nor scikit-learn."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from repro.errors import ReproError

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Predictions:
    """What a cell predicts for the test images of its category."""

    #: [N]
    scores: Floats
    #: [N, H, W]
    maps: Floats
    #: [N, H, W]
    masks: Bools
    #: [N]
    labels: Bools
    #: [N], names relative to the data root.
    images: NDArray[np.str_]


def load(path: Path) -> Predictions:
    """Read a predictions.npz; ReproError where there is none or it holds something else."""
    mend = "run `nox -s evaluate` to make it"
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return Predictions(**arrays)
    except FileNotFoundError:
        raise ReproError("no such file", where=path, mend=mend) from None
    except (OSError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ReproError(f"not a file of predictions ({error})", where=path, mend=mend) from None
