"""Pinned: anomalib's batches in page-locked memory, from which a GPU fetches them while it computes."""

from dataclasses import fields
from typing import Any

from anomalib.data import ImageBatch
from torch import Tensor
from torch.utils.data import DataLoader


class PinnableBatch(ImageBatch):
    """What torch's loader can pin: it passes over anomalib's batches, which are no containers to it."""

    def pin_memory(self) -> "PinnableBatch":
        """The batch with its tensors in page-locked memory."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                setattr(self, field.name, value.pin_memory())
        return self


class Pinned:
    """Goes before one of anomalib's data modules in a class statement."""

    def train_dataloader(self) -> DataLoader[Any]:
        """anomalib's loader of training images, pinned."""
        return pinned(super().train_dataloader())  # type: ignore[misc]

    def predict_dataloader(self) -> DataLoader[Any]:
        """anomalib's loader of test images, pinned."""
        return pinned(super().predict_dataloader())  # type: ignore[misc]


def pinned(loader: DataLoader[Any]) -> DataLoader[Any]:
    """The same loader, its batches pinned."""
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
