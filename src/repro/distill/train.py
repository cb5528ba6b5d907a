"""Distil EfficientNet-Lite0 into anomalib's small patch description network, with checkpoints to resume from."""

import math
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from anomalib.models.image.efficient_ad.torch_model import SmallPatchDescriptionNetwork
from torch.nn import functional

from repro.distill import images, photographs
from repro.distill.targets import CHANNELS, Targets, output_size
from repro.errors import ReproError
from repro.progress import Progress
from repro.runs import writing


@dataclass(frozen=True)
class Recipe:
    """Settings that decide the teacher's weights, up to rounding."""

    seed: int = 20261124
    steps: int = 8000
    batch: int = 8
    #: How many photographs of Caltech-101 to train on, the first in the order of `photographs.caltech`.
    caltech: int = 1680
    #: Side of the PDN's input, cut from the middle of a crop, in pixels; the backbone also sees its surroundings.
    window: int = 97
    #: Adam's learning rate: linear warm-up to `peak`, then a cosine to zero.
    peak: float = 1e-3
    warm_up: int = 100
    weight_decay: float = 1e-5
    #: Batches for mean and standard deviation of the targets, none of which is trained on.
    normalising: int = 60
    #: Type of the student's products; a step in bfloat16 takes 0.6 of that in float32 where the processor has it.
    products: str = "bfloat16"

    def rate(self, step: int) -> float:
        """Compute the learning rate of a step, counted from 0."""
        if step < self.warm_up:
            return self.peak * (step + 1) / self.warm_up
        return self.peak * (1 + math.cos(math.pi * (step - self.warm_up) / (self.steps - self.warm_up))) / 2


@dataclass
class State:
    """State of a training: the network, its optimiser, and the curve of the mean loss of `CHECKPOINT_STEPS` steps."""

    network: SmallPatchDescriptionNetwork
    optimiser: torch.optim.Adam
    targets: Targets
    step: int
    curve: list[float]


#: Steps between two checkpoints and between two points of the curve.
CHECKPOINT_STEPS = 100


def train(recipe: Recipe, folder: Path | None, checkpoint: Path) -> State:
    """Train to the recipe's last step, from the checkpoint if there is one.

    Args:
        recipe: the settings.
        folder: the photographs of Caltech-101; None: only those in packages.
        checkpoint: file to resume from and to write.

    Raises ReproError if the checkpoint cannot be read or belongs to another recipe.
    """
    caltech = photographs.caltech(folder)[: recipe.caltech] if folder else ()
    pool = images.Pool(recipe.seed, caltech, photographs.packaged())
    state = begin(recipe, pool, checkpoint)
    progress, losses = Progress("distil", "steps"), []
    begun = state.step
    while state.step < recipe.steps:
        for group in state.optimiser.param_groups:
            group["lr"] = recipe.rate(state.step)
        losses.append(_step(recipe, pool, state))
        state.step += 1
        progress(state.step - begun, recipe.steps - begun)
        if state.step % CHECKPOINT_STEPS == 0 or state.step == recipe.steps:
            state.curve.append(sum(losses) / len(losses))
            losses = []
            _save(recipe, state, checkpoint)
    return state


def begin(recipe: Recipe, pool: images.Pool, checkpoint: Path) -> State:
    """Load the state of the checkpoint, or initialise a new one."""
    torch.manual_seed(recipe.seed)
    network = SmallPatchDescriptionNetwork(out_channels=CHANNELS).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.peak, weight_decay=recipe.weight_decay)
    state = State(network, optimiser, Targets(), 0, [])
    if not checkpoint.is_file():
        spare = range(recipe.steps, recipe.steps + recipe.normalising)
        state.targets.normalise(images.batch(pool, step, recipe.batch) for step in spare)
        return state
    try:
        stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if stored["recipe"] != asdict(recipe):
            raise ReproError("has other settings", where=checkpoint, hint="delete it to start again")
        network.load_state_dict(stored["network"])
        optimiser.load_state_dict(stored["optimiser"])
    except ReproError:
        raise
    except Exception as error:  # noqa: BLE001 - any error means that the file is damaged
        raise ReproError(f"not a checkpoint ({type(error).__name__})", where=checkpoint, hint="delete it") from None
    state.targets.mean, state.targets.std = stored["mean"], stored["std"]
    state.step, state.curve = stored["step"], stored["curve"]
    return state


def _step(recipe: Recipe, pool: images.Pool, state: State) -> float:
    crops = images.batch(pool, state.step, recipe.batch)
    offset = (images.CROP - recipe.window) // 2
    inside = slice(offset, offset + recipe.window)
    targets = state.targets(crops, output_size(recipe.window), offset)
    windows = crops[..., inside, inside].contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.products == "bfloat16"):
        predicted = state.network(windows)
    loss = functional.mse_loss(predicted.float(), targets)
    state.optimiser.zero_grad()
    loss.backward()
    state.optimiser.step()
    return loss.item()


def _save(recipe: Recipe, state: State, checkpoint: Path) -> None:
    content: dict[str, Any] = {
        "recipe": asdict(recipe),
        "network": state.network.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "mean": state.targets.mean,
        "std": state.targets.std,
        "step": state.step,
        "curve": state.curve,
    }
    # In memory first: torch's own writer does not report a full disk.
    stream = BytesIO()
    torch.save(content, stream)
    with writing(checkpoint) as temporary:
        temporary.write_bytes(stream.getvalue())
