"""A trained teacher in; the shipped file and its model card out, with what it explains of photographs not seen."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from anomalib.models.image.efficient_ad.torch_model import SmallPatchDescriptionNetwork
from safetensors.torch import save_file

from repro.distill import images
from repro.distill.targets import CHANNELS, LAYERS, Targets, outputs_of
from repro.distill.train import EVERY, Recipe, State
from repro.models import shipped
from repro.models.weights import random_teacher
from repro.runs import sha256, write_json, write_text, writing

#: Crops of each photograph that the measures are taken on.
FIT_CROPS, HELD_OUT_CROPS = 2, 4


def ship(recipe: Recipe, state: State, weights: Path = shipped.TEACHER) -> None:
    """Write the network in fp16, the facts of its card as JSON beside it, and the card in Markdown."""
    tensors = {name: tensor.half().contiguous() for name, tensor in state.network.state_dict().items()}
    with writing(weights) as beside:
        save_file(tensors, beside)
    facts = {
        "sha256": sha256(weights),
        "bytes": weights.stat().st_size,
        "recipe": asdict(recipe),
        "curve": [[min((point + 1) * EVERY, recipe.steps), round(loss, 4)] for point, loss in enumerate(state.curve)],
        "explained_variance": measures({name: tensor.float() for name, tensor in tensors.items()}, state.targets),
        "targets": {"mean": _rounded(state.targets.mean), "std": _rounded(state.targets.std)},
    }
    write_json(weights.with_suffix(".json"), facts)
    write_text(weights.with_suffix(".md"), card(facts))


def measures(state: dict[str, torch.Tensor], targets: Targets) -> dict[str, float]:
    """Share of the variance of the held-out targets that the network explains, and that a random one does.

    `distilled`: of the network's own output. `distilled_readout` and `random_readout`: of the best linear map of the
    output of the distilled and of the random network, fitted on crops of the photographs trained on; a random
    network's own output has nothing to do with the targets.
    """
    fitted, held_out = images.plain(FIT_CROPS), images.plain(HELD_OUT_CROPS, held_out=True)
    outputs = outputs_of(images.CROP)
    wanted_fitted, wanted = (_rows(targets(crops, outputs)) for crops in (fitted, held_out))
    distilled, random = _network(state), _network(random_teacher())
    own = _rows(distilled(held_out))
    found = {"distilled": _explained(own, wanted)}
    for name, network in (("distilled_readout", distilled), ("random_readout", random)):
        read = _readout(_rows(network(fitted)), wanted_fitted)
        found[name] = _explained(read(own if network is distilled else _rows(network(held_out))), wanted)
    return {name: round(value, 4) for name, value in found.items()}


def card(facts: dict[str, Any]) -> str:
    """The model card in GitHub-flavoured Markdown."""
    explained, recipe, curve = facts["explained_variance"], facts["recipe"], facts["curve"]
    every = max(1, len(curve) // 12)
    shown = curve[every - 1 :: every]
    layers = " and ".join(f"`{name}` ({words})" for name, words in LAYERS.items())
    held_out = ", ".join(name for names in images.HELD_OUT.values() for name in names)
    train = ", ".join(name for names in images.TRAIN.values() for name in names)
    return f"""# Model card: a teacher for EfficientAD, distilled without a download

`teacher_small.safetensors` holds anomalib's small patch description network (PDN, {CHANNELS} channels, no padding) in
fp16, {facts["bytes"] / 1e6:.1f} MB, SHA-256 `{facts["sha256"]}`.
`nox -s distill` makes it again. This card is written by the same command from `teacher_small.json`.

## What it is for

EfficientAD needs a teacher that knows images. The method's own was distilled from WideResNet-101 on ImageNet and is
downloaded by anomalib (`teacher = "official"` in a study). This one (`teacher = "distilled"`) comes with the software,
so that a study runs without the internet. It has seen few photographs: it is a stand-in for the official teacher, not
its equal.

## How it was made

After section 3.1 of the EfficientAD paper ([arXiv 2303.14535](https://arxiv.org/abs/2303.14535)), with a smaller
backbone: {layers} of EfficientNet-Lite0, which sees each crop at twice the size; pooled over 3 × 3, sampled at the
centres of the PDN's receptive fields, pooled to {CHANNELS} channels, each normalised to mean 0 and variance 1. The
loss is the mean squared error; Adam, learning rate {recipe["peak"]} with {recipe["warm_up"]} steps of warm-up and a
cosine to 0, weight decay {recipe["weight_decay"]}; {recipe["steps"]} steps of {recipe["batch"]} crops; seed
{recipe["seed"]}.

- **Photographs** ({images.PHOTOGRAPHS:.0%} of the crops), as scikit-image and scikit-learn ship them: {train}.
- **Drawn scenes** (the rest): {images.SCENES} images of dead leaves, clouds, stripes, dots and strokes; no study draws
  any of them.
- **Augmentation**: scale, aspect, rotation by quarter turns, mirror, colour, gamma, noise, random greyscale, patches of
  one crop pasted into another.

## What it explains

Explained variance of the targets on photographs that no training step saw ({held_out}):

| Network | Explained variance |
|:--|--:|
| this one, its own output | {explained["distilled"]:.3f} |
| this one, best linear readout | {explained["distilled_readout"]:.3f} |
| the same network with random weights, best linear readout | {explained["random_readout"]:.3f} |

## Loss curve

Mean squared error, mean over {EVERY} steps; 1 is what predicting the mean would give.

| Step | {" | ".join(str(step) for step, _ in shown)} |
|:--|{"--:|" * len(shown)}
| Loss | {" | ".join(f"{loss:.3f}" for _, loss in shown)} |

## Licence

The weights are a derivative of EfficientNet-Lite0's ImageNet weights, released by Google under Apache-2.0
([tensorflow/tpu](https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite)) and brought by the
package `{shipped.LITE0_PACKAGE}` 0.1.0 (SHA-256 `{shipped.LITE0_SHA256}`), whose metadata names no licence of its own.
The photographs' licences are in the packages that ship them. This file is Apache-2.0, as the project.
"""


def stored_targets(facts: dict[str, Any]) -> Targets:
    """The targets as normalised when the teacher was made."""
    targets = Targets()
    targets.mean, targets.std = (torch.tensor(facts["targets"][name]) for name in ("mean", "std"))
    return targets


def _network(state: dict[str, torch.Tensor]) -> Any:
    network = SmallPatchDescriptionNetwork(out_channels=CHANNELS).eval()
    network.load_state_dict(state)
    return torch.no_grad()(network)


def _rows(maps: torch.Tensor) -> torch.Tensor:
    """[B, C, H, W] as [B * H * W, C]."""
    return maps.movedim(1, -1).flatten(0, -2)


def _explained(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return 1 - float((found - wanted).square().sum() / (wanted - wanted.mean(0)).square().sum())


def _readout(given: torch.Tensor, wanted: torch.Tensor) -> Any:
    """Least squares with an intercept, regularised where a random network's readout explains the most held out."""
    mean, scale = given.mean(0), given.std(0) + 1e-12
    inputs = torch.cat([(given - mean) / scale, torch.ones(len(given), 1)], 1).double()
    square = inputs.T @ inputs + 0.1 * len(inputs) * torch.eye(inputs.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(square, inputs.T @ wanted.double())
    return lambda rows: (torch.cat([(rows - mean) / scale, torch.ones(len(rows), 1)], 1).double() @ weights).float()


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(float(value), 5) for value in values]
