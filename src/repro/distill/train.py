"""Distil EfficientNet-Lite0 into anomalib's small patch description network, with checkpoints, and go on from them."""

import math
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import torch
from anomalib.models.image.efficient_ad.torch_model import SmallPatchDescriptionNetwork
from torch.nn import functional

from repro.distill import images
from repro.distill.targets import CHANNELS, Targets, outputs_of
from repro.errors import ReproError
from repro.progress import Progress
from repro.runs import writing


@dataclass(frozen=True)
class Recipe:
    """What decides the teacher's weights."""

    seed: int = 20261124
    #: Sized for less than two hours on two CPU cores.
    steps: int = 1800
    batch: int = 8
    #: Side of the PDN's input, cut from the middle of a crop, in pixels: the backbone sees the rest around it.
    window: int = 97
    #: Adam's learning rate: linear warm-up to `peak`, then a cosine to zero.
    peak: float = 1e-3
    warm_up: int = 100
    weight_decay: float = 1e-5
    #: Batches over which the targets' mean and standard deviation are measured, apart from those trained on.
    normalising: int = 60

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        if step < self.warm_up:
            return self.peak * (step + 1) / self.warm_up
        return self.peak * (1 + math.cos(math.pi * (step - self.warm_up) / (self.steps - self.warm_up))) / 2


@dataclass
class State:
    """A training that can go on: the network, its optimiser, and the mean loss of each `EVERY` steps."""

    network: SmallPatchDescriptionNetwork
    optimiser: torch.optim.Adam
    targets: Targets
    step: int
    curve: list[float]


#: Steps between checkpoints, and of a point of the loss curve.
EVERY = 50


def train(recipe: Recipe, checkpoint: Path) -> State:
    """Train to the recipe's last step, from the checkpoint where there is one.

    Raises ReproError where the checkpoint cannot be read or is another recipe's.
    """
    state = begin(recipe, checkpoint)
    progress, losses = Progress("distil", "steps"), []
    begun = state.step
    while state.step < recipe.steps:
        for group in state.optimiser.param_groups:
            group["lr"] = recipe.rate(state.step)
        losses.append(_step(recipe, state))
        state.step += 1
        progress(state.step - begun, recipe.steps - begun)
        if state.step % EVERY == 0 or state.step == recipe.steps:
            state.curve.append(sum(losses) / len(losses))
            losses = []
            _save(recipe, state, checkpoint)
    return state


def begin(recipe: Recipe, checkpoint: Path) -> State:
    """A new state, or the one of the checkpoint."""
    torch.manual_seed(recipe.seed)
    network = SmallPatchDescriptionNetwork(out_channels=CHANNELS)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.peak, weight_decay=recipe.weight_decay)
    state = State(network, optimiser, Targets(), 0, [])
    if not checkpoint.is_file():
        spare = range(recipe.steps, recipe.steps + recipe.normalising)
        state.targets.normalise(images.batch(recipe.seed, step, recipe.batch) for step in spare)
        return state
    try:
        stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if stored["recipe"] != asdict(recipe):
            raise ReproError("was begun with other settings", where=checkpoint, hint="delete it to begin again")
        network.load_state_dict(stored["network"])
        optimiser.load_state_dict(stored["optimiser"])
    except ReproError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the file, the fix is the same
        raise ReproError(f"not a checkpoint ({type(error).__name__})", where=checkpoint, hint="delete it") from None
    state.targets.mean, state.targets.std = stored["mean"], stored["std"]
    state.step, state.curve = stored["step"], stored["curve"]
    return state


def _step(recipe: Recipe, state: State) -> float:
    crops = images.batch(recipe.seed, state.step, recipe.batch)
    offset = (images.CROP - recipe.window) // 2
    inside = slice(offset, offset + recipe.window)
    wanted = state.targets(crops, outputs_of(recipe.window), offset)
    loss = functional.mse_loss(state.network(crops[..., inside, inside]), wanted)
    state.optimiser.zero_grad()
    loss.backward()
    state.optimiser.step()
    return loss.item()


def _save(recipe: Recipe, state: State, checkpoint: Path) -> None:
    content = {
        "recipe": asdict(recipe),
        "network": state.network.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "mean": state.targets.mean,
        "std": state.targets.std,
        "step": state.step,
        "curve": state.curve,
    }
    # In memory first: where the disk is full, torch's own writer does not say so.
    stream = BytesIO()
    torch.save(content, stream)
    with writing(checkpoint) as beside:
        beside.write_bytes(stream.getvalue())
