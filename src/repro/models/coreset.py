"""Coreset: the greedy k-centre selection of anomalib, index for index, without its allocations.

anomalib allocates the difference of all patches to the newest centre anew in every iteration. Freed and taken again
between small tensors that stay, these blocks fragment glibc's heap: 17,248 patches took 22 GB and ran 15 times slower
on a busy machine. Here they live in one buffer.
"""

import torch
from anomalib.models import Patchcore
from anomalib.models.components.sampling.k_center_greedy import KCenterGreedy

from repro.progress import Progress


class BufferedKCenterGreedy(KCenterGreedy):
    """anomalib's selection: same projection, same start, same arithmetic, so the same indices in the same order."""

    def select_coreset_idxs(self) -> list[int]:
        """Indices of the selected patches, in the order of selection; of equal distances the first index wins.

        Source: anomalib 2.7, `KCenterGreedy.select_coreset_idxs`.
        """
        if self.embedding.ndim == 2:
            self.model.fit(self.embedding)
            self.features = self.model.transform(self.embedding)
        else:
            self.features = self.embedding.reshape(self.embedding.shape[0], -1)
        index = torch.randint(high=self.n_observations, size=(1,), device=self.features.device).squeeze()
        differences = torch.empty_like(self.features)
        distances = torch.empty(self.n_observations, dtype=self.features.dtype, device=self.features.device)
        nearest = torch.full_like(distances, torch.inf)
        selected = torch.empty(self.coreset_size, dtype=torch.int64, device=self.features.device)
        selected[0] = index
        progress = Progress("select coreset", "patches")
        for chosen in range(1, self.coreset_size):
            torch.sub(self.features, self.features[index], out=differences)
            torch.linalg.vector_norm(differences, ord=2, dim=1, out=distances)
            torch.minimum(nearest, distances, out=nearest)
            index = torch.argmax(nearest)
            nearest[index] = 0.0
            selected[chosen] = index
            progress(chosen + 1, self.coreset_size)
        return [int(one) for one in selected]


class BufferedPatchcore(Patchcore):
    """anomalib's PatchCore, its memory bank selected without the allocations."""

    def fit(self) -> None:
        """Select the memory bank from the patches of the training images."""
        patches = torch.vstack(self.model.embedding_store)
        self.model.embedding_store.clear()
        sampler = BufferedKCenterGreedy(embedding=patches, sampling_ratio=self.coreset_sampling_ratio)
        self.model.memory_bank = sampler.sample_coreset()
