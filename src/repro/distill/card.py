"""Write the shipped teacher and its model card, with the variance that it explains on held-out photographs."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from anomalib.models.image.efficient_ad.torch_model import SmallPatchDescriptionNetwork
from safetensors.torch import save_file

from repro.distill import images
from repro.distill.targets import CHANNELS, LAYERS, Targets, output_size
from repro.distill.train import CHECKPOINT_STEPS, Recipe, State
from repro.models import shipped
from repro.models.weights import random_teacher
from repro.runs import sha256, write_json, write_text, writing

#: Crops of each photograph for linear readouts and for evaluation.
FIT_CROPS, HELD_OUT_CROPS = 2, 4


def ship(recipe: Recipe, state: State, weights: Path = shipped.TEACHER) -> None:
    """Write the network in fp16, and next to it the facts of its model card as JSON and the card as Markdown."""
    tensors = {name: tensor.half().contiguous() for name, tensor in state.network.state_dict().items()}
    with writing(weights) as temporary:
        save_file(tensors, temporary)
    facts = {
        "sha256": sha256(weights),
        "bytes": weights.stat().st_size,
        "recipe": asdict(recipe),
        "curve": [
            [min((point + 1) * CHECKPOINT_STEPS, recipe.steps), round(loss, 4)]
            for point, loss in enumerate(state.curve)
        ],
        "explained_variance": explained_variances(
            {name: tensor.float() for name, tensor in tensors.items()}, state.targets
        ),
        "targets": {"mean": _rounded(state.targets.mean), "std": _rounded(state.targets.std)},
    }
    write_json(weights.with_suffix(".json"), facts)
    write_text(weights.with_suffix(".md"), card(facts))


def explained_variances(state: dict[str, torch.Tensor], targets: Targets) -> dict[str, float]:
    """Compute the explained variance of the held-out targets for the network and for a random one.

    `distilled` is that of the network's own output; `distilled_readout` and `random_readout` are those of the best
    linear maps of the outputs of the distilled and of a random network, fitted on crops of the training photographs. A
    random network's own output is unrelated to the targets.
    """
    training, held_out = images.plain_crops(FIT_CROPS), images.plain_crops(HELD_OUT_CROPS, held_out=True)
    outputs = output_size(images.CROP)
    training_targets, held_out_targets = (_flatten(targets(crops, outputs)) for crops in (training, held_out))
    explained = {}
    for name, network in (("distilled", _network(state)), ("random", _network(random_teacher()))):
        output = _flatten(network(held_out))
        if name == "distilled":
            explained[name] = _explained_variance(output, held_out_targets)
        readout = _fit_readout(_flatten(network(training)), training_targets)
        explained[f"{name}_readout"] = _explained_variance(readout(output), held_out_targets)
    return {name: round(value, 4) for name, value in explained.items()}


def card(facts: dict[str, Any]) -> str:
    """Format the model card in GitHub-flavoured Markdown."""
    explained, recipe, curve = facts["explained_variance"], facts["recipe"], facts["curve"]
    interval = max(1, len(curve) // 12)
    points = curve[interval - 1 :: interval]
    layers = " and ".join(f"`{name}` ({description})" for name, description in LAYERS.items())
    held_out = ", ".join(name for names in images.HELD_OUT.values() for name in names)
    training = ", ".join(name for names in images.TRAINING.values() for name in names)
    return f"""# Model card: a teacher for EfficientAD, distilled without a download

`teacher_small.safetensors` holds anomalib's small patch description network (PDN, {CHANNELS} channels, no padding) in
fp16, {facts["bytes"] / 1e6:.1f} MB, SHA-256 `{facts["sha256"]}`.
`nox -s distill` trains it again and writes this card from `teacher_small.json`.

## Purpose

EfficientAD needs a teacher with pretrained features. The official one was distilled from WideResNet-101 on ImageNet and
is downloaded by anomalib (`teacher = "official"` in a study). This one (`teacher = "distilled"`) comes with the
software, so that a study runs without the internet. It was trained on few photographs and does not replace the official
teacher.

## Training

As in section 3.1 of the EfficientAD paper ([arXiv 2303.14535](https://arxiv.org/abs/2303.14535)), with a smaller
backbone: {layers} of EfficientNet-Lite0, which sees each crop at twice the size; pooled over 3 × 3, sampled at the
centres of the PDN's receptive fields, pooled to {CHANNELS} channels, each normalised to mean 0 and variance 1. The
loss is the mean squared error; Adam, learning rate {recipe["peak"]} with {recipe["warm_up"]} steps of warm-up and a
cosine to 0, weight decay {recipe["weight_decay"]}; {recipe["steps"]} steps of {recipe["batch"]} crops; seed
{recipe["seed"]}.

- **Photographs** ({images.PHOTOGRAPH_SHARE:.0%} of the crops) in scikit-image and scikit-learn: {training}.
- **Drawn scenes** (the rest): {images.SCENES} images of dead leaves, clouds, stripes, dots and strokes; no study draws
  any of them.
- **Augmentation**: scale, aspect ratio, rotation by quarter turns, mirroring, colour, gamma, noise, random greyscale,
  rectangles of one crop pasted into another.

## Evaluation

Explained variance of the targets on photographs that were not trained on ({held_out}):

| Network | Explained variance |
|:--|--:|
| this teacher, its own output | {explained["distilled"]:.3f} |
| this teacher, best linear readout | {explained["distilled_readout"]:.3f} |
| the same network with random weights, best linear readout | {explained["random_readout"]:.3f} |

## Loss curve

Mean squared error, mean over {CHECKPOINT_STEPS} steps; predicting the mean gives 1.

| Step | {" | ".join(str(step) for step, _ in points)} |
|:--|{"--:|" * len(points)}
| Loss | {" | ".join(f"{loss:.3f}" for _, loss in points)} |

## Licence

The weights are a derivative of EfficientNet-Lite0's ImageNet weights, released by Google under Apache-2.0
([tensorflow/tpu](https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite)) and part of the
package `{shipped.LITE0_PACKAGE}` 0.1.0 (SHA-256 `{shipped.LITE0_SHA256}`), whose metadata names no licence of its own.
The licences of the photographs are in their packages. This file, like the project, is under Apache-2.0.
"""


def stored_targets(facts: dict[str, Any]) -> Targets:
    """Create the targets with the normalisation of the teacher's training."""
    targets = Targets()
    targets.mean, targets.std = (torch.tensor(facts["targets"][name]) for name in ("mean", "std"))
    return targets


def _network(state: dict[str, torch.Tensor]) -> Any:
    network = SmallPatchDescriptionNetwork(out_channels=CHANNELS).eval()
    network.load_state_dict(state)
    return torch.no_grad()(network)


def _flatten(maps: torch.Tensor) -> torch.Tensor:
    """Flatten [B, C, H, W] to [B * H * W, C]."""
    return maps.movedim(1, -1).flatten(0, -2)


def _explained_variance(predicted: torch.Tensor, targets: torch.Tensor) -> float:
    return 1 - float((predicted - targets).square().sum() / (targets - targets.mean(0)).square().sum())


def _fit_readout(features: torch.Tensor, targets: torch.Tensor) -> Any:
    """Fit a ridge regression with intercept; its strength is the best for the held-out readout of a random network."""
    mean, scale = features.mean(0), features.std(0) + 1e-12
    inputs = torch.cat([(features - mean) / scale, torch.ones(len(features), 1)], 1).double()
    square = inputs.T @ inputs + 0.1 * len(inputs) * torch.eye(inputs.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(square, inputs.T @ targets.double())
    return lambda rows: (torch.cat([(rows - mean) / scale, torch.ones(len(rows), 1)], 1).double() @ weights).float()


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(float(value), 5) for value in values]
