"""Batches of anomalib in page-locked memory, from which a GPU copies them while it computes."""

from dataclasses import fields
from typing import Any

from anomalib.data import ImageBatch
from torch import Tensor
from torch.utils.data import DataLoader


class PinnableBatch(ImageBatch):
    """A batch that torch's loader can pin; it does not recognise anomalib's own."""

    def pin_memory(self) -> "PinnableBatch":
        """Move the tensors to page-locked memory."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                setattr(self, field.name, value.pin_memory())
        return self


class Pinned:
    """Mix-in for anomalib's data modules, to be listed before them."""

    def train_dataloader(self) -> DataLoader[Any]:
        """Return anomalib's loader of training images, pinned."""
        return pinned(super().train_dataloader())  # type: ignore[misc]

    def predict_dataloader(self) -> DataLoader[Any]:
        """Return anomalib's loader of test images, pinned."""
        return pinned(super().predict_dataloader())  # type: ignore[misc]


def pinned(loader: DataLoader[Any]) -> DataLoader[Any]:
    """Make a loader pin its batches."""
    loader.pin_memory = True
    loader.collate_fn = _Collate(loader.collate_fn)
    return loader


class _Collate:
    def __init__(self, collate: Any) -> None:
        self._collate = collate

    def __call__(self, items: list[Any]) -> PinnableBatch:
        batch = self._collate(items)
        batch.__class__ = PinnableBatch
        return batch
