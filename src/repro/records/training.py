"""Training of a cell: fit.json and predict.json, and the part of them in results.json."""

from repro.records.base import Record
from repro.records.weights import WeightsRecord


class TrainingRecord(Record):
    """The training of a cell; all None for recovered maps, whose training is unknown."""

    epochs_asked: int | None
    #: What the trainer reports after fitting.
    epochs_run: int | None
    steps: int | None
    #: `patches` kept and their `dimension`; None for models without a memory bank.
    memory_bank: dict[str, int] | None
    #: Modules of the trained model whose class name contains EfficientNet.
    efficientnet_modules: int | None


class FitRecord(TrainingRecord):
    """fit.json: a training, and the software and device that ran it."""

    #: By role, as in `VariantRecord.weights`.
    weights: dict[str, WeightsRecord]
    packages: dict[str, str]
    device: str
    threads: int


class PredictRecord(Record):
    """predict.json."""

    #: Steps that the trained model applies to an image before its network.
    preprocessing: tuple[str, ...]
