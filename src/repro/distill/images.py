"""Training images: augmented square crops of photographs and of drawn scenes, decided by seed and step."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from repro.distill import scenes
from repro.distill.photographs import Pixels

#: Side of a crop in pixels.
CROP = 128
#: Number of drawn scenes; each is cropped many times.
SCENES = 160


class Shares(NamedTuple):
    """From what a crop is cut, as shares of all crops; the rest is cut from drawn scenes."""

    caltech: float = 0.75
    packaged: float = 0.1


SHARES = Shares()


@dataclass(frozen=True)
class Pool:
    """The images to cut crops from; the seed decides the drawn scenes."""

    seed: int
    caltech: tuple[Pixels, ...]
    packaged: tuple[Pixels, ...]
    shares: Shares = SHARES

    def draw(self, rng: np.random.Generator) -> Pixels:
        """Draw the image for a crop."""
        number = rng.random()
        if self.caltech and number < self.shares.caltech:
            images = self.caltech
        elif number < sum(self.shares):
            images = self.packaged
        else:
            images = draw_scenes(self.seed)
        return images[rng.integers(len(images))]


@cache
def draw_scenes(seed: int) -> tuple[Pixels, ...]:
    """Draw the scenes to train on."""
    drawn = (scenes.draw(np.random.default_rng([seed, index])) for index in range(SCENES))
    return tuple(np.round(scene * 255).astype(np.uint8) for scene in drawn)


def batch(pool: Pool, step: int, size: int) -> torch.Tensor:
    """Make the augmented crops of a step, float32 [size, 3, CROP, CROP] in 0..1, decided by the arguments alone."""
    rng = np.random.default_rng([pool.seed, 1, step])
    crops = [_augmented(pool.draw(rng), rng) for _ in range(size)]
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


def plain_crops(photographs: tuple[Pixels, ...], per_photograph: int) -> torch.Tensor:
    """Cut evenly spread crops from photographs without augmentation, [N, 3, CROP, CROP]."""
    crops = []
    for photograph in photographs:
        height, width = photograph.shape[:2]
        for index in range(per_photograph):
            part = (index + 0.5) / per_photograph
            top = int(part * (height - CROP))
            left = int(((index * 0.618) % 1) * (width - CROP))
            crops.append(_tensor(photograph[top : top + CROP, left : left + CROP]))
    return torch.stack(crops)


def _augmented(image: Pixels, rng: np.random.Generator) -> torch.Tensor:
    height, width = image.shape[:2]
    # Scales from 1.5 to 1/2, as far as the size of the image allows.
    side = int(min(np.exp(rng.uniform(np.log(CROP / 1.5), np.log(CROP * 2))), height, width))
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


def _tensor(image: Pixels) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255
