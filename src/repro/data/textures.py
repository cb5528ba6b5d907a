"""Procedural surfaces without defects: a wire mesh, a stone tile, a piece of leather.

Lengths are in units of 1/256 of the image side, so that a scene looks the same at every image size.
All arithmetic is float64: the last bits may differ between processors, the rounded grey levels do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: Image side in units of length.
SIDE = 256.0


@dataclass(frozen=True)
class Frame:
    """The pixel grid of one image."""

    #: Image side in pixels.
    size: int

    @property
    def pixel(self) -> float:
        """Side of a pixel in units of length."""
        return SIDE / self.size

    @cached_property
    def x(self) -> Array:
        """[H, W], pixel centres from left to right, units of length."""
        return np.tile((np.arange(self.size) + 0.5) * self.pixel, (self.size, 1))

    @cached_property
    def y(self) -> Array:
        """[H, W], pixel centres from top to bottom, units of length."""
        return self.x.T.copy()

    def blur(self, field: Array, width: float) -> Array:
        """`field` [H, W] or [H, W, C] blurred by a Gaussian of standard deviation `width`, channel by channel."""
        sigma = (width / self.pixel,) * 2 + (0,) * (field.ndim - 2)
        return np.asarray(ndimage.gaussian_filter(field, sigma, mode="nearest"), dtype=np.float64)

    def slope(self, height: Array, light: Array) -> Array:
        """Slope [H, W] of `height` [H, W] in the direction of the unit vector `light` [2] (x, y)."""
        down, right = np.gradient(height, self.pixel)
        return np.asarray(right * light[0] + down * light[1], dtype=np.float64)


@dataclass(frozen=True)
class Surface:
    """A surface without defect as a camera sees it, before sensor noise."""

    frame: Frame
    #: [H, W, C], grey levels 0 to 255.
    image: Array
    #: [2], (x, y), unit vector in the image plane towards the light.
    light: Array


@dataclass(frozen=True)
class Break:
    """A gap in one wire of a mesh, both ends bent sideways."""

    strand: int
    #: Middle and half length of the gap along the wire, units of the mesh's own coordinates.
    middle: float
    half: float
    #: Sideways displacement of the ends.
    bend: float


@dataclass(frozen=True)
class Mesh(Surface):
    """A wire mesh that can be drawn again with its wires displaced or broken."""

    #: [H, W], coordinates across and along the wires.
    across: Array
    along: Array
    #: Distance between neighbouring wires, length of a mesh cell, radius of a wire.
    pitch: float
    period: float
    radius: float
    #: How far the wires are flattened where two touch; 0 gives diamonds, 2 gives hexagons.
    flat: float
    #: [H, W], brightness of the light and of the background, both in grey levels.
    lamp: Array
    background: Array

    def redraw(self, shift: tuple[Array, Array] | None = None, gap: Break | None = None) -> tuple[Array, Array]:
        """Draw the image [H, W, 1] and the share of each pixel that wires cover [H, W], in 0..1.

        `shift` ([H, W], [H, W]) displaces the wires across and along; the background does not move.
        """
        across = self.across - shift[0] if shift else self.across
        along = self.along - shift[1] if shift else self.along
        turn = 2 * np.pi * along / self.period
        wave = np.tanh(self.flat * np.cos(turn)) / np.tanh(self.flat)
        steep = -self.flat * np.sin(turn) * (1 - np.tanh(self.flat * np.cos(turn)) ** 2) / np.tanh(self.flat)
        left = np.floor(across / self.pitch)
        grey, covered, top = self.background, np.zeros_like(across), np.full_like(across, -np.inf)
        for strand in (left, left + 1):
            side = 1 - 2 * np.mod(strand, 2)
            centre = strand * self.pitch + side * wave * (self.pitch / 2 - 0.55 * self.radius)
            rise = side * steep * np.pi * self.pitch / self.period
            length = np.sqrt(1 + rise**2)
            share: Array = np.ones_like(across)
            if gap:
                near = np.where(strand == gap.strand, np.abs(along - gap.middle), np.inf)
                centre = centre + gap.bend * bump(near / (2.5 * gap.half))
                share = np.clip((near - gap.half) / self.frame.pixel + 0.5, 0, 1)
            offset = (across - centre) / length / self.radius
            share = share * np.clip((1 - np.abs(offset)) * self.radius / self.frame.pixel + 0.5, 0, 1)
            facing = np.sqrt(np.clip(1 - offset**2, 0, 1))
            lit = offset * (self.light[0] - rise * self.light[1]) / length
            glance = np.clip(0.75 * facing + 0.6 * lit, 0, 1)
            tone = self.lamp * (0.42 + 0.5 * glance + 0.55 * glance**8)
            # Wires pass over and under each other in turn: the higher hides the other.
            height = np.where(share > 0, facing + 0.6 * side * np.sin(turn + 0.6), -np.inf)
            over = height > top
            grey = np.where(over, grey + share * (tone - grey), grey + share * (1 - covered) * (tone - grey))
            top = np.maximum(top, height)
            covered = np.maximum(covered, share)
        return self.frame.blur(grey, 0.75)[..., None], covered


def bump(distance: Array) -> Array:
    """Smooth hill: 1 at distance 0, exactly 0 from distance 1 on."""
    return np.clip(1 - distance**2, 0, None) ** 2


def noise(frame: Frame, rng: np.random.Generator, period: float, period_y: float | None = None) -> Array:
    """Smooth random field [H, W] with mean 0 and variance near 1, whose features are about `period` wide."""
    across, down = _spline(frame, rng, period), _spline(frame, rng, period_y or period)
    knots = rng.standard_normal((down.shape[1], across.shape[1]))
    # 151/315 is the mean, over one period, of the summed squares of the cubic B-spline's four weights.
    return np.asarray(down @ knots @ across.T, dtype=np.float64) / (151 / 315)


def _spline(frame: Frame, rng: np.random.Generator, period: float) -> Array:
    """Weights [size, knots] of a uniform cubic B-spline at the pixel centres; the position of the knots is random."""
    position = frame.x[0] / period + rng.random()
    knot = position.astype(np.intp)
    fraction = position - knot
    weights = np.zeros((frame.size, int(SIDE / period) + 6))
    rows = np.arange(frame.size)
    weights[rows, knot] = (1 - fraction) ** 3 / 6
    weights[rows, knot + 1] = (3 * fraction**3 - 6 * fraction**2 + 4) / 6
    weights[rows, knot + 2] = (-3 * fraction**3 + 3 * fraction**2 + 3 * fraction + 1) / 6
    weights[rows, knot + 3] = fraction**3 / 6
    return weights


def borders(u: Array, v: Array, rng: np.random.Generator) -> Array:
    """Distance [H, W] to the nearest border between irregular cells of unit size, at coordinates `u`, `v` [H, W]."""
    column, row = np.floor(u).astype(np.intp), np.floor(v).astype(np.intp)
    jitter = rng.uniform(0.05, 0.95, (2, 64, 64))
    nearest = np.full((2, *u.shape), np.inf)
    second = nearest.copy()
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            cell = (row + j) % 64, (column + i) % 64
            seed = np.stack([column + i + jitter[0][cell] - u, row + j + jitter[1][cell] - v])
            distance = np.hypot(seed[0], seed[1])
            closer = distance < np.hypot(nearest[0], nearest[1])
            rival = np.where(closer, nearest, seed)
            second = np.where(np.hypot(rival[0], rival[1]) < np.hypot(second[0], second[1]), rival, second)
            nearest = np.where(closer, seed, nearest)
    across = second - nearest
    return np.asarray(((second + nearest) * across).sum(0) / 2 / np.hypot(across[0], across[1]), dtype=np.float64)


def illumination(frame: Frame, rng: np.random.Generator, trend: float, uneven: float) -> Array:
    """Light level [H, W] near 1: a linear trend of up to `trend` and soft spots of strength `uneven`."""
    angle, amount = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1) * trend
    ramp = (np.cos(angle) * (frame.x - SIDE / 2) + np.sin(angle) * (frame.y - SIDE / 2)) / SIDE
    return np.asarray(1 + amount * ramp + uneven * noise(frame, rng, 110), dtype=np.float64)


def unit_vector(angle: float) -> Array:
    """Unit vector [2] (x, y) at `angle` in radians."""
    return np.array([np.cos(angle), np.sin(angle)])


def mesh(frame: Frame, rng: np.random.Generator) -> Mesh:
    """A grey-scale metal wire mesh, about eleven cells across, in front of a blurred background."""
    turn, zoom, tilt, shear = rng.normal(0, 0.018), rng.uniform(0.97, 1.03), rng.normal(0, 0.012), rng.normal(0, 0.01)
    x, y = frame.x - SIDE / 2, frame.y - SIDE / 2
    near = zoom * (1 + tilt * y / SIDE)
    start = rng.uniform(0, SIDE, 2) + SIDE
    across = (x * np.cos(turn) - y * np.sin(turn) + shear * y) * near + start[0] + 0.45 * noise(frame, rng, 55)
    along = (x * np.sin(turn) + y * np.cos(turn)) * near + start[1] + 0.45 * noise(frame, rng, 55)
    lamp = rng.uniform(156, 174) * illumination(frame, rng, 0.18, 0.03) * (1 + 0.04 * noise(frame, rng, 5))
    background = rng.uniform(50, 60) * illumination(frame, rng, 0.25, 0.06) * (1 + 0.03 * noise(frame, rng, 3))
    plain = Mesh(
        frame=frame,
        image=np.zeros((frame.size, frame.size, 1)),
        light=unit_vector(rng.uniform(-1.9, -1.3)),
        across=across,
        along=along,
        pitch=SIDE / 22,
        period=SIDE / rng.uniform(10.65, 10.85),
        radius=rng.uniform(2.0, 2.2),
        flat=rng.uniform(1.0, 1.2),
        lamp=lamp,
        background=background,
    )
    # The mesh casts a soft shadow on the background.
    offset = -3.0 * plain.light
    _, covered = plain.redraw((np.full_like(lamp, offset[0]), np.full_like(lamp, offset[1])))
    background = background * (1.1 - 0.5 * frame.blur(covered, 2.5))
    shaded = replace(plain, background=background)
    return replace(shaded, image=shaded.redraw()[0])


def tile(frame: Frame, rng: np.random.Generator) -> Surface:
    """A polished stone tile: connected dark, grey and light blotches on warm grey."""
    stretch = rng.uniform(0.97, 1.05)
    rough = noise(frame, rng, 3.8 * stretch) + 0.6 * noise(frame, rng, 2.6)
    veins = noise(frame, rng, 5.5 * stretch) + 0.6 * noise(frame, rng, 3.0) + 0.25 * rough
    clouds = noise(frame, rng, 8 * stretch) + 0.5 * noise(frame, rng, 3.5) + 0.2 * rough
    drift = 0.05 * noise(frame, rng, 90)
    tone: Array = 168 + 9 * clouds + 4 * rough
    tone = _blotch(tone, 133 + 6 * rough, clouds - 0.35 - drift, 0.18, frame)
    tone = _blotch(tone, 193 + 4 * rough, -clouds - 0.75 + drift, 0.25, frame)
    tone = _blotch(tone, 68 + 7 * rough, veins - 0.72 - drift, 0.14, frame)
    tone = _blotch(tone, 98 + 6 * rough, noise(frame, rng, 4.5) - 1.55, 0.2, frame)
    tone = _blotch(tone, tone + 26, noise(frame, rng, 3) - 1.3, 0.3, frame)
    tone = tone + 4.5 * noise(frame, rng, 2)
    tone = tone * rng.uniform(0.97, 1.03) * illumination(frame, rng, 0.06, 0.01)
    warm = np.array([1.015, 1.0, 0.955]) + rng.normal(0, 0.003, 3)
    tint = 1 + 0.012 * noise(frame, rng, 30)[..., None] * np.array([1.0, 0.2, -1.0])
    return Surface(frame, frame.blur(tone, 0.55)[..., None] * warm * tint, unit_vector(rng.uniform(-2.2, -0.9)))


def _blotch(under: Array, tone: Array, field: Array, edge: float, frame: Frame) -> Array:
    """Blend `tone` over `under` where `field` is positive, with edges at least a pixel wide."""
    share = np.clip(0.5 + field / (edge * max(1.0, frame.pixel)), 0, 1)
    return under + share * (tone - under)


#: Families of long creases in leather: direction of their normal (radians), distance, depth.
CREASES: Sequence[tuple[float, float, float]] = (
    (-0.50, 12.0, 1.0),
    (1.20, 15.0, 0.9),
    (0.70, 24.0, 0.7),
    (1.62, 10.0, 0.75),
    (0.05, 10.0, 0.6),
)


def leather(frame: Frame, rng: np.random.Generator) -> Surface:
    """Brown leather: a network of fine light creases that bend and fade, under uneven light."""
    turn, zoom = rng.normal(0, 0.04), rng.uniform(1.0, 1.1)
    bend = [4 * noise(frame, rng, 80) + noise(frame, rng, 24) + 0.35 * noise(frame, rng, 8) for _ in range(2)]
    u = (frame.x * np.cos(turn) - frame.y * np.sin(turn) + bend[0]) * zoom
    v = (frame.x * np.sin(turn) + frame.y * np.cos(turn) + bend[1]) * zoom
    width = max(0.62, 0.75 * frame.pixel)
    cells = borders(u / 10 + 20, v / 7.5 + 20, rng) * 8.5
    creases = 0.7 * np.exp(-((cells / width) ** 2)) * np.clip(0.85 + 0.35 * noise(frame, rng, 9), 0.2, 1.3)
    for angle, distance, depth in CREASES:
        phase = (u * np.cos(angle) + v * np.sin(angle)) / distance + 0.22 * noise(frame, rng, 2.2 * distance) + 200
        down, right = np.gradient(phase, frame.pixel)
        offset = np.abs(phase - np.round(phase)) / np.maximum(np.hypot(down, right), 0.4 / distance)
        strength = rng.uniform(0.4, 1.0, 512)[np.round(phase).astype(np.intp) % 512]
        strength = depth * strength * np.clip(0.6 + 0.45 * noise(frame, rng, 16), 0, 1.2)
        creases = np.maximum(creases, strength * np.exp(-((offset / (width * (0.8 + 0.4 * depth))) ** 2)))
    light = unit_vector(rng.uniform(1.3, 1.8))
    grain = noise(frame, rng, 2.0)
    relief = frame.slope(frame.blur(creases, 0.55) + 1.5 * frame.blur(creases, 1.3) + 0.15 * grain, light)
    shade = (1 + 0.27 * (creases - creases.mean()) - 0.36 * relief) * (1 + 0.016 * grain)
    level = rng.uniform(0.97, 1.04) * illumination(frame, rng, 0.14, 0.02) * (1 + 0.016 * noise(frame, rng, 75, 28))
    warmth = np.clip(0.45 + 0.1 * noise(frame, rng, 110) + 1.5 * (level - 1), 0, 1)[..., None]
    brown = np.array([103.0, 70.0, 61.0]) + warmth * (np.array([119.0, 76.0, 59.0]) - np.array([103.0, 70.0, 61.0]))
    return Surface(frame, brown * (level * shade)[..., None], light)
