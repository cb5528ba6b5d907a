"""PatchCore of anomalib with the training patches in a file and a faster search for the nearest neighbour."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from anomalib.data import Batch
from anomalib.models import Patchcore
from anomalib.models.image.patchcore.torch_model import PatchcoreModel
from torch import Tensor

from repro.models.coreset import ExactKCenterGreedy
from repro.models.patch_file import PatchFile

#: Rows of the memory bank in one product: the fastest of 512 to 20,697 on two cores, as fast as a large matrix product.
BLOCK = 1024
#: Numbers in one product on a GPU: half a gigabyte.
PRODUCT = 2**27


class LeanPatchcoreModel(PatchcoreModel):
    """anomalib's network and memory bank with a search that reads the distances once."""

    def nearest_neighbors(self, embedding: Tensor, n_neighbors: int) -> tuple[Tensor, Tensor]:
        """Find distances and indices of the nearest rows of the memory bank, both [N, k], or [N] for one neighbour.

        `embedding` has shape [N, D]. The nearest row c of a patch x has the largest x.c - |c|^2 / 2: one product and
        one maximum, in the cache; anomalib computes all distances, in six passes over memory.
        Source: anomalib 2.7, `PatchcoreModel.nearest_neighbors`; equal up to rounding.
        """
        if n_neighbors != 1:
            return super().nearest_neighbors(embedding, n_neighbors)
        halves = torch.linalg.vector_norm(self.memory_bank, dim=1, keepdim=True).square() / -2
        if embedding.is_cuda:
            return _nearest_on_gpu(embedding, self.memory_bank, halves)
        largest = embedding.new_full((len(embedding),), -torch.inf)
        indices = torch.zeros(len(embedding), dtype=torch.int64, device=embedding.device)
        for start in range(0, len(self.memory_bank), BLOCK):
            part = slice(start, start + BLOCK)
            best, index = torch.addmm(halves[part], self.memory_bank[part], embedding.T).max(0)
            nearer = best > largest
            largest, indices = torch.where(nearer, best, largest), torch.where(nearer, start + index, indices)
        squares = (embedding * embedding).sum(1) - 2 * largest
        return squares.clamp_min(0).sqrt(), indices


def _nearest_on_gpu(embedding: Tensor, bank: Tensor, halves: Tensor) -> tuple[Tensor, Tensor]:
    """As `nearest_neighbors`, with as few and as large products as memory allows; halves [M, 1] are -|c|^2 / 2."""
    parts = [
        torch.addmm(halves.T, part, bank.T).max(1) for part in embedding.split(max(1, PRODUCT // max(1, len(bank))))
    ]
    largest, indices = (torch.cat(found) for found in zip(*parts, strict=True))
    squares = (embedding * embedding).sum(1) - 2 * largest
    return squares.clamp_min(0).sqrt(), indices


class LeanPatchcore(Patchcore):
    """anomalib's PatchCore with less memory and time, and the same results and checkpoints."""

    model: PatchcoreModel

    def __init__(
        self,
        backbone: str = "wide_resnet50_2",
        layers: Sequence[str] = ("layer2", "layer3"),
        pre_trained: bool = True,
        coreset_sampling_ratio: float = 0.1,
        num_neighbors: int = 9,
        **components: Any,
    ) -> None:
        super().__init__(backbone, layers, pre_trained, coreset_sampling_ratio, num_neighbors, **components)
        # anomalib constructs a network of its own class; another one would draw random numbers and take memory.
        self.model.__class__ = LeanPatchcoreModel
        self._patch_file: PatchFile | None = None

    def training_step(self, batch: Batch, *args: Any, **kwargs: Any) -> Tensor:
        """Write the patches of a batch to a file in the folder of the Trainer."""
        loss = super().training_step(batch, *args, **kwargs)
        (patches,) = self.model.embedding_store
        self.model.embedding_store.clear()
        if self._patch_file is None:
            folder = Path(self.trainer.default_root_dir)
            folder.mkdir(parents=True, exist_ok=True)
            self._patch_file = PatchFile(folder, patches.shape[1], patches.device)
        self._patch_file.append(patches)
        return loss

    def fit(self) -> None:
        """Select the memory bank from the training patches. Raises ReproError if one is not finite."""
        patch_file, self._patch_file = self._patch_file, None
        assert patch_file is not None, "training comes first"
        with closing(patch_file):
            self.model.memory_bank = ExactKCenterGreedy(patch_file, self.coreset_sampling_ratio).sample_coreset()
