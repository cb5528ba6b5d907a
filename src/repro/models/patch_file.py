"""Store of the training patches of PatchCore in a temporary file, to save memory."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


class PatchFile:
    """The patches of all training images, float32 [N, D], in an unnamed file.

    The file is deleted by `close` or at the end of the process. The class has the methods of a tensor that the coreset
    selection needs: blocks of patches to project, and the selected patches.

    Args:
        folder: an existing folder with N x D x 4 bytes of space.
        dimension: D.
        device: where the tensors that are read are put.
    """

    def __init__(self, folder: Path, dimension: int, device: torch.device) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - written by many calls
        self.shape = torch.Size([0, dimension])
        self.device = device

    def append(self, patches: Tensor) -> None:
        """Add patches [n, D]."""
        # `tofile` would not report why a disk refuses more.
        self._file.write(memoryview(patches.cpu().contiguous().numpy()).cast("B"))
        self._file.flush()
        self.shape = torch.Size([len(self) + len(patches), self.shape[1]])

    def __len__(self) -> int:
        return self.shape[0]

    def split(self, sizes: list[int]) -> Iterator[Tensor]:
        """Read consecutive blocks of these numbers of patches, like `torch.split`."""
        self._file.seek(0)
        for size in sizes:
            block = np.fromfile(self._file, np.float32, size * self.shape[1])
            yield torch.from_numpy(block.reshape(size, -1)).to(self.device)

    def close(self) -> None:
        """Delete the file."""
        self._file.close()

    def __getitem__(self, indices: Sequence[int]) -> Tensor:
        """Read the patches of these indices, [n, D]."""
        rows = np.empty((len(indices), self.shape[1]), np.float32)
        for row, index in zip(rows, indices, strict=True):
            self._file.seek(index * row.nbytes)
            self._file.readinto(row)
        return torch.from_numpy(rows).to(self.device)
