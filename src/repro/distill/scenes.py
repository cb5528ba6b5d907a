"""Drawn scenes from which the teacher learns edges, blobs, stripes and noise; no study shows them.

Random images with natural statistics teach useful features (Baradad et al., Learning to See by Looking at Noise,
arXiv 2106.05963): dead leaves and spectra that fall off as 1/f.
"""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
#: Image side in pixels.
SIDE = 384


def draw(rng: np.random.Generator) -> Array:
    """Draw a random scene, float32 [SIDE, SIDE, 3] in 0..1."""
    kind = (leaves, clouds, stripes, dots, strokes)[rng.integers(5)]
    return np.clip(kind(rng), 0, 1).astype(np.float32)


def leaves(rng: np.random.Generator) -> Array:
    """Overlapping discs, boxes and triangles of all sizes, each with its own shade and grain."""
    y, x = _coordinates()
    image = np.broadcast_to(rng.random(3), (SIDE, SIDE, 3)).astype(np.float32)
    smallest = rng.uniform(3, 12)
    for _ in range(260):
        # Sizes of a power law look alike at every scale.
        radius = min(smallest / np.sqrt(rng.uniform(0.002, 1)), SIDE / 3)
        cx, cy, turn = *rng.uniform(0, SIDE, 2), rng.uniform(0, np.pi)
        u = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
        v = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
        shape = rng.integers(3)
        if shape == 0:
            inside = u**2 + (v * rng.uniform(1, 2)) ** 2 < radius**2
        elif shape == 1:
            inside = (np.abs(u) < radius) & (np.abs(v) < radius * rng.uniform(0.2, 1))
        else:
            inside = (v > -radius / 2) & (np.abs(u) < (radius - v) * 0.7)
        count = int(inside.sum())
        grain = rng.normal(0, rng.choice([0.0, 0.03, 0.12]), (count, 1))
        shade = rng.uniform(-0.3, 0.3) * (u[inside] / radius)[:, None]
        image[inside] = rng.random(3) + grain + shade
    return image


def clouds(rng: np.random.Generator) -> Array:
    """Noise whose spectrum falls off as a power of the frequency, in correlated colours, stretched along one axis."""
    steep, stretch = rng.uniform(0.6, 2.2), rng.uniform(1, 4)
    fy, fx = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE) * stretch, indexing="ij")
    frequency = np.hypot(fx, fy)
    frequency[0, 0] = 1
    fields = [np.fft.irfft2(np.fft.rfft2(rng.standard_normal((SIDE, SIDE))) / frequency**steep) for _ in range(3)]
    mixed = np.stack([field / field.std() for field in fields], 2) @ rng.normal(0, 0.6, (3, 3))
    if rng.random() < 0.3:
        mixed = np.abs(mixed) - 0.8
    return (rng.uniform(0.3, 0.7, 3) + 0.22 * mixed).astype(np.float32)


def stripes(rng: np.random.Generator) -> Array:
    """One or two bent gratings of two colours with soft or hard edges."""
    y, x = _coordinates()
    wave = np.ones((SIDE, SIDE))
    for _ in range(rng.integers(1, 3)):
        turn, period = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(5), np.log(60)))
        bend = rng.uniform(0, 12) * np.sin((x * np.sin(turn) - y * np.cos(turn)) / rng.uniform(15, 80))
        wave = wave * np.sin(2 * np.pi * (x * np.cos(turn) + y * np.sin(turn) + bend) / period)
    share = 0.5 + 0.5 * np.tanh(wave * np.exp(rng.uniform(0, 3)))
    return _mix(share, rng)


def dots(rng: np.random.Generator) -> Array:
    """Round or square spots on a jittered lattice."""
    y, x = _coordinates()
    pitch, turn = rng.uniform(8, 50), rng.uniform(0, np.pi)
    u, v = (x * np.cos(turn) - y * np.sin(turn)) / pitch, (x * np.sin(turn) + y * np.cos(turn)) / pitch
    jitter = rng.uniform(-0.3, 0.3, (2, 64, 64)) * rng.choice([0.0, 1.0])
    cell = np.floor(v).astype(int) % 64, np.floor(u).astype(int) % 64
    du, dv = u - np.floor(u) - 0.5 + jitter[0][cell], v - np.floor(v) - 0.5 + jitter[1][cell]
    distance = np.hypot(du, dv) if rng.random() < 0.5 else np.maximum(np.abs(du), np.abs(dv))
    share = 0.5 - 0.5 * np.tanh((distance - rng.uniform(0.12, 0.4)) * rng.uniform(4, 30))
    return _mix(share, rng)


def strokes(rng: np.random.Generator) -> Array:
    """Straight and bent lines on a plain or cloudy background."""
    y, x = _coordinates()
    image = clouds(rng) if rng.random() < 0.5 else np.broadcast_to(rng.random(3), (SIDE, SIDE, 3)).astype(np.float32)
    for _ in range(rng.integers(6, 60)):
        turn, bend = rng.uniform(0, np.pi), rng.normal(0, 0.004)
        cx, cy = rng.uniform(0, SIDE, 2)
        u = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
        v = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn) + bend * u**2
        width, length = rng.uniform(0.7, 5), np.exp(rng.uniform(np.log(8), np.log(200)))
        share = np.clip(width - np.abs(v), 0, 1) * np.clip(length - np.abs(u), 0, 1)
        image = image + share[..., None] * (rng.random(3) - image)
    return image.astype(np.float32)


def _coordinates() -> tuple[Array, Array]:
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return y, x


def _mix(share: npt.NDArray[np.floating], rng: np.random.Generator) -> Array:
    """Mix two random colours by `share` [H, W] and add a little noise."""
    first, second = rng.random(3), rng.random(3)
    grain = rng.normal(0, rng.choice([0.0, 0.02, 0.06]), (*share.shape, 1))
    return (first + share[..., None] * (second - first) + grain).astype(np.float32)
