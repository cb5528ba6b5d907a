"""Coreset: the memory bank of PatchCore, anomalib's row for row, in a hundredth of its time."""

import torch
from anomalib.models.components.sampling.k_center_greedy import KCenterGreedy

from repro.errors import ReproError
from repro.models.kcenter import farthest_first
from repro.progress import Progress


class ExactKCenterGreedy(KCenterGreedy):
    """anomalib's selection: same projection, same start, same distances, so the same indices in the same order."""

    def select_coreset_idxs(self) -> list[int]:
        """Indices of the selected patches, in the order of selection; of equal distances the first index wins.

        Raises ReproError where a patch is not finite. Source: anomalib 2.7, `KCenterGreedy.select_coreset_idxs`.
        """
        if self.embedding.ndim == 2:
            self.model.fit(self.embedding)
            self.features = self.model.transform(self.embedding)
        else:
            self.features = self.embedding.reshape(self.embedding.shape[0], -1)
        first = torch.randint(high=self.n_observations, size=(1,), device=self.features.device)
        progress = Progress("select coreset", "patches")
        try:
            selected = farthest_first(self.features, self.coreset_size, int(first), progress).tolist()
        except ValueError as error:
            mend = "look for an image or for weights that make the network overflow, or train on a CPU in float32"
            raise ReproError(str(error), where="patches of the training images", mend=mend) from None
        # What follows copies the selected patches: the projected ones need not stay for it.
        del self.features
        return selected
