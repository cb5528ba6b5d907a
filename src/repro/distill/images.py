"""Training images: augmented square crops of photographs in packages and of drawn scenes, decided by seed and step."""

from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.nn import functional

from repro.distill import scenes

Array = npt.NDArray[np.float32]

#: Side of a crop in pixels.
CROP = 128
#: Photographs to train on, by package; the second view of a held-out scene is excluded.
TRAINING = {
    "skimage.data": (
        *("astronaut.png", "brick.png", "camera.png", "cell.png", "clock_motion.png", "coffee.png", "coins.png"),
        *("color.png", "grass.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "page.png", "retina.jpg"),
        *("rocket.jpg", "text.png"),
    ),
    "sklearn.datasets.images": ("flower.jpg",),
}
#: Photographs that are not trained on: fur, stones, a machine in a workshop, a temple.
HELD_OUT = {
    "skimage.data": ("chelsea.png", "gravel.png", "motorcycle_left.png"),
    "sklearn.datasets.images": ("china.jpg",),
}
#: Number of drawn scenes; each is cropped many times.
SCENES = 160
#: Share of crops that are cut from photographs.
PHOTOGRAPH_SHARE = 0.6


@cache
def load_photographs(held_out: bool = False) -> tuple[Array, ...]:
    """Load the photographs to train on or those held out, float32 [H, W, 3] in 0..1 at their original size."""
    by_package = HELD_OUT if held_out else TRAINING
    paths = [files(package) / name for package, names in by_package.items() for name in names]
    loaded = []
    for path in paths:
        with path.open("rb") as stream, Image.open(stream) as image:
            loaded.append((np.asarray(image.convert("RGB")) / 255).astype(np.float32))
    return tuple(loaded)


@cache
def draw_scenes(seed: int) -> tuple[Array, ...]:
    """Draw the scenes to train on, float32 [H, W, 3] in 0..1."""
    return tuple(scenes.draw(np.random.default_rng([seed, index])) for index in range(SCENES))


def batch(seed: int, step: int, size: int) -> torch.Tensor:
    """Make the augmented crops of a step, float32 [size, 3, CROP, CROP] in 0..1, decided by the arguments alone."""
    rng = np.random.default_rng([seed, 1, step])
    crops = [_augmented(seed, rng) for _ in range(size)]
    for index in range(size):
        if rng.random() < 0.25:
            # A rectangle of another image, with a hard border as defects have.
            top, left = rng.integers(0, CROP - 24, 2)
            height, width = rng.integers(8, 64, 2)
            other = crops[(index + 1) % size]
            crops[index] = crops[index].clone()
            window = (slice(None), slice(top, top + height), slice(left, left + width))
            crops[index][window] = other[window]
    return torch.stack(crops)


def plain_crops(per_photograph: int, held_out: bool = False) -> torch.Tensor:
    """Cut evenly spread crops from the photographs without augmentation, [N, 3, CROP, CROP]."""
    crops = []
    for photograph in load_photographs(held_out):
        height, width = photograph.shape[:2]
        for index in range(per_photograph):
            part = (index + 0.5) / per_photograph
            top = int(part * (height - CROP))
            left = int(((index * 0.618) % 1) * (width - CROP))
            crops.append(_tensor(photograph[top : top + CROP, left : left + CROP]))
    return torch.stack(crops)


def _augmented(seed: int, rng: np.random.Generator) -> torch.Tensor:
    pool = load_photographs() if rng.random() < PHOTOGRAPH_SHARE else draw_scenes(seed)
    image = pool[rng.integers(len(pool))]
    height, width = image.shape[:2]
    # Scales from 4 to 1/2, as far as the size of the image allows.
    side = int(min(np.exp(rng.uniform(np.log(CROP / 4), np.log(CROP * 2))), height, width))
    stretch = np.exp(rng.uniform(-0.25, 0.25))
    tall, wide = min(int(side * stretch), height), min(int(side / stretch), width)
    top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
    crop = _tensor(image[top : top + tall, left : left + wide])[None]
    crop = functional.interpolate(crop, (CROP, CROP), mode="bilinear", antialias=True, align_corners=False)[0]
    crop = torch.rot90(crop, int(rng.integers(4)), (1, 2))
    if rng.random() < 0.5:
        crop = crop.flip(2)
    # Mix the colour channels, then change brightness, contrast and gamma.
    mix = np.eye(3) + rng.normal(0, 0.15, (3, 3))
    mix = torch.from_numpy((mix / mix.sum(1, keepdims=True)).astype(np.float32))
    crop = torch.einsum("dc,chw->dhw", mix, crop)
    crop = (crop - crop.mean()) * float(rng.uniform(0.6, 1.4)) + crop.mean() * float(rng.uniform(0.7, 1.3))
    crop = crop.clamp(0, 1) ** float(np.exp(rng.uniform(-0.35, 0.35)))
    if rng.random() < 0.15:
        crop = crop.mean(0, keepdim=True).expand(3, -1, -1)
    if rng.random() < 0.3:
        noise = rng.standard_normal(crop.shape, dtype=np.float32) * float(rng.uniform(0.005, 0.04))
        crop = (crop + torch.from_numpy(noise)).clamp(0, 1)
    return crop.contiguous()


def _tensor(image: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
