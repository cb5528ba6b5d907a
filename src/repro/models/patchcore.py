"""PatchCore: anomalib's, its memory bank filled and selected in place, its nearest neighbours found by one product."""

from collections.abc import Sequence
from typing import Any

import torch
from anomalib.data import Batch
from anomalib.models import Patchcore
from anomalib.models.image.patchcore.torch_model import PatchcoreModel
from torch import Tensor

from repro.models.coreset import ExactKCenterGreedy

#: Rows of the memory bank that are multiplied at once: the fastest of 512 to 20,697 on two cores, at the speed of a
#: large matrix product.
BLOCK = 1024


class LeanPatchcoreModel(PatchcoreModel):
    """anomalib's network and memory bank with a search that passes over the distances once."""

    def nearest_neighbors(self, embedding: Tensor, n_neighbors: int) -> tuple[Tensor, Tensor]:
        """Distances to the nearest of the memory bank and their indices, both [N, k], or [N] for one neighbour.

        `embedding` has shape [N, D]. The nearest c of a patch x is where x.c - |c|^2 / 2 is largest: one product and
        one maximum while it is in the cache; anomalib computes all distances, in six passes over memory.
        Source: anomalib 2.7, `PatchcoreModel.nearest_neighbors`; equal to it but for rounding.
        """
        if n_neighbors != 1:
            return super().nearest_neighbors(embedding, n_neighbors)
        halves = torch.linalg.vector_norm(self.memory_bank, dim=1, keepdim=True).square() / -2
        largest = embedding.new_full((len(embedding),), -torch.inf)
        indices = torch.zeros(len(embedding), dtype=torch.int64, device=embedding.device)
        for start in range(0, len(self.memory_bank), BLOCK):
            part = slice(start, start + BLOCK)
            best, index = torch.addmm(halves[part], self.memory_bank[part], embedding.T).max(0)
            nearer = best > largest
            largest, indices = torch.where(nearer, best, largest), torch.where(nearer, start + index, indices)
        squares = (embedding * embedding).sum(1) - 2 * largest
        return squares.clamp_min(0).sqrt(), indices


class LeanPatchcore(Patchcore):
    """anomalib's PatchCore on less memory and time; what it computes is anomalib's, checkpoints included."""

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
        # anomalib names the class of its network; building another would draw random numbers and take memory.
        self.model.__class__ = LeanPatchcoreModel
        self._bank = torch.empty(0)
        self._filled = 0

    def training_step(self, batch: Batch, *args: Any, **kwargs: Any) -> Tensor:
        """Put the patches of a batch into the bank, which the first batch allocates for all of them."""
        loss = super().training_step(batch, *args, **kwargs)
        (patches,) = self.model.embedding_store
        self.model.embedding_store.clear()
        if not self._filled:
            images = len(self.trainer.train_dataloader.dataset)
            self._bank = patches.new_empty(images * len(patches) // len(batch.image), patches.shape[1])
        self._bank[self._filled : self._filled + len(patches)] = patches
        self._filled += len(patches)
        return loss

    def fit(self) -> None:
        """Select the memory bank from the patches of the training images. Raises ReproError where one is not finite."""
        sampler = ExactKCenterGreedy(self._bank[: self._filled], self.coreset_sampling_ratio)
        self.model.memory_bank = sampler.sample_coreset()
        self._bank, self._filled = torch.empty(0), 0
