"""Coreset: the memory bank of PatchCore, anomalib's row for row, in a hundredth of its time."""

import torch
from anomalib.models.components.sampling.k_center_greedy import KCenterGreedy
from torch import Tensor

from repro.errors import ReproError
from repro.models.kcenter import farthest_first
from repro.models.patches import Patches
from repro.progress import Progress

#: Patches projected at once, up to twice as many: such a product has the bits of the whole one.
ROWS = 2048


class ExactKCenterGreedy(KCenterGreedy):
    """anomalib's selection: same projection, same start, same distances, so the same indices in the same order."""

    embedding: Tensor | Patches

    def select_coreset_idxs(self) -> list[int]:
        """Indices of the selected patches, in the order of selection; of equal distances the first index wins.

        Raises ReproError where a patch is not finite. Source: anomalib 2.7, `KCenterGreedy.select_coreset_idxs`.
        """
        features = self._projected()
        first = torch.randint(high=self.n_observations, size=(1,), device=features.device)
        progress = Progress("select coreset", "patches")
        try:
            return farthest_first(features, self.coreset_size, int(first), progress).tolist()
        except ValueError as error:
            hint = "look for an image or for weights that make the network overflow, or train on a CPU in float32"
            raise ReproError(str(error), where="patches of the training images", hint=hint) from error

    def _projected(self) -> Tensor:
        """All patches, projected to fewer numbers, [N, d]."""
        count, dimension = self.embedding.shape
        # The projection is drawn from the shape alone.
        self.model.fit(torch.empty(1, device=self.embedding.device).expand(count, dimension))
        features = torch.empty(count, int(self.model.n_components), device=self.embedding.device)
        blocks = max(1, count // ROWS)
        stops = [count * (block + 1) // blocks for block in range(blocks)]
        sizes = [stop - start for start, stop in zip([0, *stops], stops, strict=False)]
        for block, out in zip(self.embedding.split(sizes), features.split(sizes), strict=True):
            out.copy_(self.model.transform(block))
        return features
