"""Write the shipped teacher and its model card, with the variance that it explains on held-out photographs."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from anomalib.models.image.efficient_ad.torch_model import SmallPatchDescriptionNetwork
from safetensors.torch import save_file

from repro.distill import images, photographs
from repro.distill.targets import CHANNELS, LAYERS, Targets, output_size
from repro.distill.train import CHECKPOINT_STEPS, Recipe, State
from repro.models import shipped
from repro.models.weights import random_teacher
from repro.runs import sha256, write_json, write_text, writing

#: Crops of each photograph in packages, and of each of Caltech-101.
PACKAGED_CROPS, CALTECH_CROPS = 4, 1
#: Crops for which maps are held in memory at once.
AT_ONCE = 16
Network = Callable[[torch.Tensor], torch.Tensor]


def ship(recipe: Recipe, state: State, folder: Path, weights: Path = shipped.TEACHER) -> None:
    """Write the network in fp16, and next to it the facts of its model card as JSON and the card as Markdown.

    `folder` is that of Caltech-101.
    """
    tensors = {name: tensor.half().contiguous() for name, tensor in state.network.state_dict().items()}
    with writing(weights) as temporary:
        save_file(tensors, temporary)
    network = as_network({name: tensor.float() for name, tensor in tensors.items()})
    facts = {
        "sha256": sha256(weights),
        "bytes": weights.stat().st_size,
        "recipe": asdict(recipe),
        "photographs": photographs.SHA256,
        "curve": [
            [min((point + 1) * CHECKPOINT_STEPS, recipe.steps), round(loss, 4)]
            for point, loss in enumerate(state.curve)
        ],
        "explained_variance": {
            "packaged": packaged_variance(network, state.targets),
            "packaged_random": packaged_variance(as_network(random_teacher()), state.targets),
            "caltech": caltech_variance(network, state.targets, folder),
            "trained": caltech_variance(network, state.targets, folder, held_out=False),
        },
        "targets": {"mean": _rounded(state.targets.mean), "std": _rounded(state.targets.std)},
    }
    write_json(weights.with_suffix(".json"), facts)
    write_text(weights.with_suffix(".md"), card(facts))


def packaged_variance(network: Network, targets: Targets) -> float:
    """Explained variance of the targets on the held-out photographs in packages."""
    return explained_variance(network, targets, images.plain_crops(photographs.packaged(held_out=True), PACKAGED_CROPS))


def caltech_variance(network: Network, targets: Targets, folder: Path, held_out: bool = True) -> float:
    """Explained variance on Caltech-101: its held-out categories, or as many photographs that were trained on."""
    chosen = photographs.caltech(folder, held_out)[: len(photographs.caltech_names(held_out=True))]
    return explained_variance(network, targets, images.plain_crops(chosen, CALTECH_CROPS))


def explained_variance(network: Network, targets: Targets, crops: torch.Tensor) -> float:
    """Explained variance of the targets of crops [N, 3, H, H], over all positions and channels.

    1 is a perfect prediction, 0 is what the mean of each channel over these crops reaches.
    """
    missed = squared = 0.0
    total, count = torch.zeros(CHANNELS, dtype=torch.float64), 0
    for part in crops.split(AT_ONCE):
        wanted = targets(part, output_size(part.shape[-1])).double()
        missed += float((network(part) - wanted).square().sum())
        squared += float(wanted.square().sum())
        total += wanted.sum((0, 2, 3))
        count += wanted[:, 0].numel()
    return round(1 - missed / (squared - float(total.square().sum()) / count), 4)


def as_network(state: dict[str, torch.Tensor]) -> Network:
    """Load a state of the small patch description network, for evaluation without gradients."""
    network = SmallPatchDescriptionNetwork(out_channels=CHANNELS).eval()
    network.load_state_dict(state)
    return cast(Network, torch.no_grad()(network))


def card(facts: dict[str, Any]) -> str:
    """Format the model card in GitHub-flavoured Markdown."""
    explained, recipe, curve = facts["explained_variance"], facts["recipe"], facts["curve"]
    interval = max(1, len(curve) // 12)
    points = curve[interval - 1 :: interval]
    layers = " and ".join(f"`{name}` ({description})" for name, description in LAYERS.items())
    held_out = ", ".join(name for names in photographs.HELD_OUT.values() for name in names)
    training = ", ".join(name for names in photographs.TRAINING.values() for name in names)
    shares = images.SHARES
    scenes = 1 - sum(shares)
    return f"""# Model card: a teacher for EfficientAD, distilled without a GPU

`teacher_small.safetensors` holds anomalib's small patch description network (PDN, {CHANNELS} channels, no padding) in
fp16, {facts["bytes"] / 1e6:.1f} MB, SHA-256 `{facts["sha256"]}`.
`nox -s repro -- distill --photographs FOLDER` trains it again and writes this card from `teacher_small.json`.

## Purpose

EfficientAD needs a teacher with pretrained features. The official one was distilled from WideResNet-101 on ImageNet and
is downloaded by anomalib (`teacher = "official"` in a study). This one (`teacher = "distilled"`) comes with the
software, so that a study runs without the internet. It does not replace the official teacher.

## Training

As in section 3.1 of the EfficientAD paper ([arXiv 2303.14535](https://arxiv.org/abs/2303.14535)), with a smaller
backbone: {layers} of EfficientNet-Lite0, which sees each crop at twice the size; pooled over 3 × 3, sampled at the
centres of the PDN's receptive fields, pooled to {CHANNELS} channels, each normalised to mean 0 and variance 1. The
loss is the mean squared error; Adam, learning rate {recipe["peak"]} with {recipe["warm_up"]} steps of warm-up and a
cosine to 0, weight decay {recipe["weight_decay"]}; {recipe["steps"]:,} steps of {recipe["batch"]} crops (the paper:
60,000 of 16 whole images); products of the student in {recipe["products"]}; seed {recipe["seed"]}.

- **Caltech-101** ({shares.caltech:.0%} of the crops): {recipe["caltech"]:,} photographs, listed in
  `repro/distill/caltech101.json`; SHA-256 over them and those held out: `{facts["photographs"]}`.
- **Photographs in scikit-image and scikit-learn** ({shares.packaged:.0%}): {training}.
- **Drawn scenes** ({scenes:.0%}): {images.SCENES} images of dead leaves, clouds, stripes, dots and strokes; no study
  draws any of them.
- **Augmentation**: scale, aspect ratio, rotation by quarter turns, mirroring, colour, gamma, noise, random greyscale,
  rectangles of one crop pasted into another.

## Evaluation

Explained variance of the targets; predicting the mean of each channel gives 0. A teacher distilled from the
photographs in packages alone, in 1,800 steps, reached 0.204 on the first row.

| Photographs | Explained variance |
|:--|--:|
| in packages, held out ({held_out}) | {explained["packaged"]:.3f} |
| ten categories of Caltech-101 that were not trained on, one crop of each photograph | {explained["caltech"]:.3f} |
| as many of Caltech-101 that were trained on | {explained["trained"]:.3f} |

## Loss curve

Mean squared error over the steps since the point before; predicting the mean gives 1.

| Step | {" | ".join(f"{step:,}" for step, _ in points)} |
|:--|{"--:|" * len(points)}
| Loss | {" | ".join(f"{loss:.3f}" for _, loss in points)} |

## Licence

The weights are a derivative of EfficientNet-Lite0's ImageNet weights, released by Google under Apache-2.0
([tensorflow/tpu](https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite)) and part of the
package `{shipped.LITE0_PACKAGE}` 0.1.0 (SHA-256 `{shipped.LITE0_SHA256}`), whose metadata names no licence of its own.
Caltech-101 (Li, Andreeto, Ranzato and Perona, [doi 10.22002/D1.20086](https://doi.org/10.22002/D1.20086)) is under
CC BY 4.0; none of its photographs is in this repository. The licences of the other photographs are in their packages.
This file, like the project, is under Apache-2.0.
"""


def stored_targets(facts: dict[str, Any]) -> Targets:
    """Create the targets with the normalisation of the teacher's training."""
    targets = Targets()
    targets.mean, targets.std = (torch.tensor(facts["targets"][name]) for name in ("mean", "std"))
    return targets


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(float(value), 5) for value in values]
