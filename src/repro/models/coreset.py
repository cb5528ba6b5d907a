"""Coreset selection for PatchCore: the same memory bank as anomalib's, row by row, in a hundredth of the time."""

import torch
from anomalib.models.components.sampling.k_center_greedy import KCenterGreedy
from torch import Tensor

from repro.errors import ReproError
from repro.models.kcenter import farthest_first
from repro.models.patch_file import PatchFile
from repro.progress import Progress

#: Least number of patches that are projected at once, less than twice as many; the result has the same bits as that of
#: one product.
ROWS = 2048


class ExactKCenterGreedy(KCenterGreedy):
    """anomalib's selection with the same projection, start and distances, so the same indices in the same order."""

    embedding: Tensor | PatchFile

    def select_coreset_idxs(self) -> list[int]:
        """Select patches and return their indices in the order of selection; of equal distances the first index wins.

        Raises ReproError if a patch is not finite. Source: anomalib 2.7, `KCenterGreedy.select_coreset_idxs`.
        """
        features = self._projected()
        first = torch.randint(high=self.n_observations, size=(1,), device=features.device)
        progress = Progress("select coreset", "patches")
        try:
            return farthest_first(features, self.coreset_size, int(first), progress).tolist()
        except ValueError as error:
            hint = "look for images or weights with which the network overflows, or train on a CPU in float32"
            raise ReproError(str(error), where="patches of the training images", hint=hint) from error

    def _projected(self) -> Tensor:
        """Project all patches to fewer dimensions, [N, d]."""
        count, dimension = self.embedding.shape
        # The random projection depends on the shape alone.
        self.model.fit(torch.empty(1, device=self.embedding.device).expand(count, dimension))
        features = torch.empty(count, int(self.model.n_components), device=self.embedding.device)
        blocks = max(1, count // ROWS)
        stops = [count * (block + 1) // blocks for block in range(blocks)]
        sizes = [stop - start for start, stop in zip([0, *stops], stops, strict=False)]
        for block, out in zip(self.embedding.split(sizes), features.split(sizes), strict=True):
            out.copy_(self.model.transform(block))
        return features
