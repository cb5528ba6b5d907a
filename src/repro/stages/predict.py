"""Predict: run a trained cell on its test images. Stages after this one need neither torch nor anomalib."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from anomalib.data import Batch
from anomalib.models.components import AnomalibModule
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from numpy.typing import NDArray

from repro.errors import ReproError
from repro.models.accelerate import Accelerate
from repro.models.engine import Device, datamodule, engine_for, engine_run
from repro.models.registry import MODELS, Model
from repro.progress import Progress
from repro.records.predictions import Floats
from repro.records.training import PredictRecord
from repro.runs import Cell, RunFolder, write_json, writing
from repro.study import BackboneVariant, Study, Variant


def predict(folder: RunFolder, study: Study, cell: Cell, device: Device) -> None:
    """Run a cell on the test images of its category; write three files to its folder.

    predictions.npz: `scores` float32 [N], `maps` float32 [N, H, W], `masks` bool [N, H, W], `labels` bool [N],
    `images` str [N], relative to the data root; of the held-out training images, if any, `held_out_scores` [M] and
    `held_out_maps` [M, H, W]. embeddings.npz: `mean` and `weighted`, the patch embeddings of an image
    pooled evenly and by anomaly, float32 [N, D], `images`. predict.json: a PredictRecord.
    """
    checkpoint = folder.cell(cell) / "checkpoint.ckpt"
    if not checkpoint.is_file():
        raise ReproError("no such file", where=checkpoint, hint="run `nox -s train` first")
    seed_everything(cell.seed, workers=True, verbose=False)
    variant = study.variants[cell.variant]
    entry = MODELS[variant.model]
    model = load(variant, checkpoint)
    data = datamodule(folder, cell, variant.held_out)
    collected = _Collect(cell, entry)
    scratch = folder.cell(cell) / "lightning"
    engine = engine_for(device, scratch, callbacks=[Accelerate(variant.model), collected])
    engine_run(engine.predict, model=model, datamodule=data, return_predictions=False)
    shutil.rmtree(scratch, ignore_errors=True)
    arrays = collected.arrays()
    embeddings = {name: arrays.pop(name) for name in ("mean", "weighted")}
    _save(folder.cell(cell) / "predictions.npz", arrays)
    _save(folder.cell(cell) / "embeddings.npz", embeddings | {"images": arrays["images"]})
    record = PredictRecord(preprocessing=tuple(preprocessing(model)))
    write_json(folder.cell(cell) / "predict.json", record.model_dump(mode="json"))


def load(variant: Variant, checkpoint: Path) -> AnomalibModule:
    """Load a trained model without running code from the file or loading other weights.

    Raises ReproError where the file is no checkpoint of the variant.
    """
    # The checkpoint has the weights of the backbone; pretrained ones might have to be downloaded.
    overrides = {"pre_trained": False} if isinstance(variant, BackboneVariant) else {}
    try:
        return MODELS[variant.model].module.load_from_checkpoint(checkpoint, weights_only=True, **overrides)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ReproError(
            f"is no checkpoint of this variant ({reason})",
            where=checkpoint,
            hint="delete it, then run `nox -s reproduce`",
        ) from error


def preprocessing(model: AnomalibModule) -> list[str]:
    """List the steps of a model's own transform, for example `Resize(size=[256, 256], ...)`."""
    transform = model.pre_processor.transform
    return [str(step) for step in getattr(transform, "transforms", [transform])]


def _save(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    with writing(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)


class _Collect(Callback):
    """Collects the predictions of each batch and the output of the network that describes patches."""

    def __init__(self, cell: Cell, entry: Model) -> None:
        self._entry = entry
        self._category = cell.category
        self._progress = Progress(f"predict {cell.key}", "batches")
        self._rows: dict[str, list[NDArray[Any]]] = {}
        self._held_out: list[tuple[Floats, Floats]] = []
        self._embedding: Any = None

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        del trainer
        self._entry.networks(pl_module)[0].register_forward_hook(self._hook)

    def _hook(self, module: torch.nn.Module, inputs: Any, output: Any) -> None:
        del module, inputs
        self._embedding = output

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Batch,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        del batch
        if dataloader_idx:
            self._held_out.append((_scores(outputs), _maps(outputs)))
            return
        # A batch of normal images alone has no masks.
        masks = torch.zeros_like(outputs.anomaly_map.squeeze(1)) if outputs.gt_mask is None else outputs.gt_mask
        embedding, border = self._entry.embedding(pl_module, self._embedding), self._entry.border(pl_module)
        rows = {
            "scores": _scores(outputs),
            "maps": _maps(outputs),
            "masks": _array(masks) > 0,
            "labels": _array(outputs.gt_label).astype(bool).reshape(-1),
            "images": np.array(["/".join([self._category, *Path(path).parts[-3:]]) for path in outputs.image_path]),
            "mean": _array(embedding.mean(dim=(2, 3))).astype(np.float32),
            "weighted": _array(weighted(embedding, outputs.anomaly_map, border)).astype(np.float32),
        }
        for name, values in rows.items():
            self._rows.setdefault(name, []).append(values)
        self._progress(batch_idx + 1, int(trainer.num_predict_batches[0]))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All rows, sorted by image name."""
        joined = {name: np.concatenate(parts) for name, parts in self._rows.items()}
        order = np.argsort(joined["images"])
        arrays = {name: values[order] for name, values in joined.items()}
        if self._held_out:
            scores, maps = (np.concatenate(parts) for parts in zip(*self._held_out, strict=True))
            arrays |= {"held_out_scores": scores, "held_out_maps": maps}
        return arrays


def weighted(embedding: torch.Tensor, anomaly_map: torch.Tensor, border: int = 0) -> torch.Tensor:
    """Average an embedding [N, D, h, w] over positions, weighted by how anomalous they are, [N, D].

    The weight of a position is the excess of the map [N, 1, H, W], averaged over the pixels of the position, over its
    median over the image; without any excess all weights are equal. `border` positions on each side of the map have no
    embedding.
    """
    height, width = embedding.shape[-2:]
    grid = F.adaptive_avg_pool2d(anomaly_map, (height + 2 * border, width + 2 * border))
    flat = grid[..., border : border + height, border : border + width].flatten(start_dim=1)
    above = (flat - flat.median(dim=1, keepdim=True).values).clamp(min=0)
    weights = torch.where(above.sum(dim=1, keepdim=True) > 0, above, torch.ones_like(above))
    weights = weights / weights.sum(dim=1, keepdim=True)
    return torch.einsum("ndp,np->nd", embedding.flatten(start_dim=2), weights)


def _scores(outputs: Batch) -> Floats:
    return _array(outputs.pred_score).astype(np.float32).reshape(-1)


def _maps(outputs: Batch) -> Floats:
    return _array(outputs.anomaly_map.squeeze(1)).astype(np.float32)


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    return tensor.detach().cpu().numpy()
