"""Patches: what PatchCore selects its memory bank from, in a file instead of memory."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


class Patches:
    """The patches of all training images, float32 [N, D], in a file that has no name.

    It goes with `close`, or with the process. A coreset reads the patches in blocks, to project them, and then those
    that it selected: what it asks of a tensor works here. `folder` must exist and have room for N x D x 4 bytes; what
    is read is put on `device`.
    """

    def __init__(self, folder: Path, dimension: int, device: torch.device) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - filled by many calls
        self.shape = torch.Size([0, dimension])
        self.device = device

    def append(self, patches: Tensor) -> None:
        """Add patches [n, D]."""
        # `tofile` would not say why a disk takes no more.
        self._file.write(memoryview(patches.cpu().contiguous().numpy()).cast("B"))
        self._file.flush()
        self.shape = torch.Size([len(self) + len(patches), self.shape[1]])

    def __len__(self) -> int:
        return self.shape[0]

    def split(self, sizes: list[int]) -> Iterator[Tensor]:
        """Blocks of so many patches, one after the other, like `torch.split`."""
        self._file.seek(0)
        for size in sizes:
            block = np.fromfile(self._file, np.float32, size * self.shape[1])
            yield torch.from_numpy(block.reshape(size, -1)).to(self.device)

    def close(self) -> None:
        """Give the room back."""
        self._file.close()

    def __getitem__(self, indices: Sequence[int]) -> Tensor:
        """The patches of these indices, [n, D]."""
        rows = np.empty((len(indices), self.shape[1]), np.float32)
        for row, index in zip(rows, indices, strict=True):
            self._file.seek(index * row.nbytes)
            self._file.readinto(row)
        return torch.from_numpy(rows).to(self.device)
