"""Defects drawn on a surface, each with the mask of the pixels that it changes.

Every defect is drawn with a weight in 0..1 that falls to exactly 0. Its mask is where that weight or the change of a
grey level is visible; pixels outside differ by less than sensor noise.
`strength` in 0..1 scales contrast and, for displacements, distance: at 0.3 a defect is hard to see.
"""

from collections.abc import Callable, Mapping

import numpy as np
from scipy import ndimage

from repro.data.textures import SIDE, Array, Break, Frame, Mask, Mesh, Surface, bump, noise, unit_vector

#: Changed image [H, W, C] in grey levels and mask [H, W].
ImageAndMask = tuple[Array, Mask]

#: A pixel belongs to the mask if the weight of a defect, in 0..1, is greater than this ...
VISIBLE_WEIGHT = 0.15
#: ... or if the defect changes a grey level by more than this; sensor noise has a standard deviation near 2.
VISIBLE_CHANGE = 5.0


def bent(mesh: Mesh, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """Wires pushed aside by a smooth displacement."""
    radius = rng.uniform(16, 34)
    heading = rng.uniform(0, 2 * np.pi)
    push = bump(_ellipse(mesh.frame, _point(rng, 45), radius * rng.uniform(1, 1.5), radius, rng.uniform(0, np.pi)))
    push = push * (2.5 + 9 * strength) * np.clip(1 + 0.25 * noise(mesh.frame, rng, 25), 0.3, 1.7)
    shift = unit_vector(heading)
    return _with_mask(mesh, mesh.redraw((push * shift[0], push * shift[1]))[0])


def broken(mesh: Mesh, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """One wire with a gap and its loose ends bent sideways."""
    row, column = (int(coordinate / mesh.frame.pixel) for coordinate in _point(rng, 35))
    # Where two wires touch, the other would hide the gap, so it is near the middle between two such places.
    span = mesh.period / 2
    middle = (np.floor(mesh.along[row, column] / span) + 0.5 + rng.uniform(-0.2, 0.2)) * span
    gap = Break(
        strand=int(np.round(mesh.across[row, column] / mesh.pitch)),
        middle=float(middle),
        half=rng.uniform(2.8, 3.6) + rng.uniform(4, 9) * strength,
        bend=float(rng.choice([-1, 1])) * rng.uniform(0.5, 4.5) * strength,
    )
    return _with_mask(mesh, mesh.redraw(gap=gap)[0])


def grid_glue(mesh: Mesh, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """A translucent drop over the mesh, bright or dark, with a glossy rim."""
    depth = _blob(mesh.frame, rng, _point(rng, 40), rng.uniform(9, 30), 0.28)
    alpha = _edge(depth, 1.6)
    tone = rng.choice([rng.uniform(60, 85), rng.uniform(140, 185)])
    under = mesh.frame.blur(mesh.image[..., 0], 1.4)
    gloss = mesh.frame.slope(mesh.frame.blur(np.clip(depth, 0, 6), 1.5), -mesh.light)
    tone = tone + 9 * noise(mesh.frame, rng, 18) + 45 * gloss
    glue = under + (0.2 + 0.65 * strength) * (tone - under)
    return _blended(mesh, glue[..., None], alpha)


def metal_contamination(mesh: Mesh, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """A small bright flake or shaving with a dark edge."""
    frame = mesh.frame
    if rng.random() < 0.5:
        depth = _blob(frame, rng, _point(rng, 25), rng.uniform(5, 10), 0.45)
    else:
        offset, _ = _along(frame, _path(rng, rng.uniform(16, 38), 1.2, 25), 6)
        depth = rng.uniform(1.6, 2.8) + 0.6 * noise(frame, rng, 5) - np.abs(offset)
    glint = frame.slope(frame.blur(np.clip(depth, 0, 3), 0.7) + 0.5 * noise(frame, rng, 4), mesh.light)
    tone = 100 + 125 * strength + 55 * np.clip(-glint, -1, 1) + 16 * noise(frame, rng, 2.5)
    tone = 38 + _edge(depth - 0.5, 0.7) * (tone - 38)
    return _blended(mesh, tone[..., None], _edge(depth, 0.8) * (0.55 + 0.45 * strength))


def thread(mesh: Mesh, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """A long thin curved fibre across the mesh."""
    offset, _ = _along(mesh.frame, _path(rng, rng.uniform(70, 200), 1.3, 30), 5)
    width = max(rng.uniform(1.2, 2.0), 0.6 * mesh.frame.pixel)
    alpha = _edge(width - np.abs(offset), 0.7) * (0.35 + 0.6 * strength)
    tone = rng.choice([rng.uniform(8, 20), rng.uniform(200, 240)]) * (1 - 0.25 * (offset / width))
    return _blended(mesh, tone[..., None], alpha)


def crack(tile: Surface, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """A thin dark winding line with branches and one light edge."""
    frame = tile.frame
    trunk = _path(rng, rng.uniform(110, 220), 0.7, 60, jitter=0.45)
    width = max(rng.uniform(0.8, 1.2) + 1.4 * strength * rng.random(), 0.6 * frame.pixel)
    depth = _tapered(frame, trunk, width)
    for _ in range(int(rng.integers(0, 4))):
        knot = int(rng.integers(3, len(trunk) - 3))
        ahead = trunk[knot + 1] - trunk[knot]
        heading = np.arctan2(ahead[1], ahead[0]) + rng.choice([-1, 1]) * rng.uniform(0.4, 1.2)
        branch = _path(rng, rng.uniform(18, 60), 0.7, 45, jitter=0.45, start=trunk[knot], heading=heading)
        depth = np.maximum(depth, _tapered(frame, branch, 0.75 * width))
    dark = _edge(depth, 0.8)
    light = _edge(depth + 1.0, 0.9) * (1 - dark) * np.clip(frame.slope(frame.blur(dark, 1.0), tile.light) * 4, 0, 1)
    image = tile.image * (1 + 0.35 * strength * light[..., None])
    grey = np.array([34.0, 33, 31]) + 8 * noise(frame, rng, 4)[..., None]
    alpha = (0.3 + 0.6 * strength) * dark
    image = image + alpha[..., None] * (grey - image)
    return _with_mask(tile, image, dark)


def glue_strip(tile: Surface, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """A translucent whitish band whose edges shine."""
    frame = tile.frame
    offset, _ = _along(frame, _path(rng, rng.uniform(80, 170), 0.5, 55), 30)
    width = rng.uniform(12, 20) + 1.2 * noise(frame, rng, 16)
    depth = width - np.abs(offset)
    alpha = _edge(depth, 1.0)
    rim = bump((depth - 1.6) / 1.6)
    tone = np.array([196.0, 192, 178]) + (7 * noise(frame, rng, 40, 4) + 45 * rim)[..., None]
    film = frame.blur(tile.image, 0.8)
    film = film + (0.15 + 0.75 * strength) * (tone - film)
    return _blended(tile, film, alpha)


def gray_stroke(tile: Surface, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """A brush stroke of even grey with the streaks of bristles."""
    frame = tile.frame
    offset, position = _along(frame, _path(rng, rng.uniform(70, 140), 0.5, 60), 24)
    width = rng.uniform(11, 20) * np.clip(1 + 0.15 * noise(frame, rng, 14), 0.6, 1.4)
    streak = np.sin(rng.uniform(1.4, 2.2) * offset + 1.5 * noise(frame, rng, 30) + 5 * position)
    depth = width - np.abs(offset) - np.clip(6 * (position - 0.75), 0, None) * (1 + streak)
    tone = np.array([1.0, 0.99, 0.965]) * (rng.uniform(98, 140) + 3 * streak + 3 * noise(frame, rng, 5))[..., None]
    return _blended(tile, tone, _edge(depth, 1.2) * np.clip(0.3 + 0.65 * strength + 0.05 * streak, 0, 1))


def oil(tile: Surface, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """A dark stain with a soft edge, slightly yellow."""
    frame = tile.frame
    radius = rng.uniform(18, 52)
    depth = _blob(frame, rng, _point(rng, 45), radius, 0.3)
    alpha = _edge(depth - 0.08 * radius, 0.3 * radius) * np.clip(0.9 + 0.12 * noise(frame, rng, 12), 0.4, 1)
    stain = tile.image * (1 - (0.13 + 0.55 * strength) * np.array([0.9, 0.97, 1.15]))
    return _blended(tile, stain, alpha)


def rough(tile: Surface, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """An area worn dull: its pattern is paler, and a fine grain covers it."""
    frame = tile.frame
    alpha = _edge(_blob(frame, rng, _point(rng, 45), rng.uniform(32, 60), 0.35), 5.0)
    even = frame.blur(tile.image, 9) * 0.6 + 0.4 * tile.image.mean((0, 1))
    relief = frame.slope(noise(frame, rng, 2.6) + 0.7 * noise(frame, rng, 4.5), tile.light)
    worn = tile.image + (0.15 + 0.7 * strength) * (even - tile.image)
    worn = worn * (1.02 + 0.1 * strength + (0.06 + 0.32 * strength) * relief[..., None])
    return _blended(tile, worn, alpha)


def color(leather: Surface, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """A spot or a stroke of red, grey or blue colour through which the creases are visible."""
    frame = leather.frame
    if rng.random() < 0.55:
        depth = _blob(frame, rng, _point(rng, 22), rng.uniform(4.2, 11), 0.35)
    else:
        offset, _ = _along(frame, _path(rng, rng.uniform(20, 45), 1.2, 28), 6)
        depth = rng.uniform(1.1, 2.6) + 0.5 * noise(frame, rng, 6) - np.abs(offset)
    tone = [np.array([88.0, 22, 20]), np.array([112.0, 118, 116]), np.array([66.0, 72, 94])][int(rng.integers(3))]
    shade = leather.image.mean(2) / frame.blur(leather.image.mean(2), 6)
    cover = np.clip(0.25 + 0.7 * strength + 0.1 * noise(frame, rng, 4), 0.1, 0.95)
    return _blended(leather, tone * (shade**1.5)[..., None], _edge(depth, 1.2) * cover)


def cut(leather: Surface, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """A thin slit with a dark shadow and a light lip, and loose fibres at one end."""
    frame = leather.frame
    points = _path(rng, rng.uniform(14, 44), 0.6, 28, jitter=0.2)
    offset, position = _along(frame, points, 9)
    taper = np.sqrt(np.clip(1 - (2 * position - 1) ** 2, 0, 1))
    width = (max(0.9, 0.7 * frame.pixel) + 1.1 * strength * rng.random()) * taper
    slit = _edge(width - np.abs(offset), 0.9)
    lips = bump(offset / 5.5) * taper
    shade = (0.12 + 0.3 * strength) * np.clip(frame.slope(frame.blur(lips, 0.6), leather.light) * 4.5, -0.9, 1.1)
    image = leather.image * (1 + shade)[..., None]
    image = image + ((0.35 + 0.6 * strength) * slit)[..., None] * (np.array([32.0, 19, 17]) - image)
    near = np.hypot(frame.x - points[-1, 0], frame.y - points[-1, 1])
    fibre = bump(near / 4.5) * np.clip(noise(frame, rng, 1.7) - 0.2, 0, 1) * strength
    image = image + fibre[..., None] * (np.array([205.0, 172, 150]) - image)
    return _with_mask(leather, image, slit)


def fold(leather: Surface, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """A long shallow ridge, light on one side and in shadow on the other, that stretches the creases."""
    frame = leather.frame
    width = rng.uniform(6, 13)
    # A ridge parallel to the light would cast no shadow.
    heading = np.arctan2(leather.light[1], leather.light[0]) + np.pi / 2 + rng.uniform(-0.9, 0.9)
    offset, position = _along(frame, _path(rng, rng.uniform(38, 110), 0.4, 40, heading=heading), 2 * width)
    ridge = bump(offset / width) * bump(2 * position - 1)
    shade = np.clip(frame.slope(frame.blur(ridge, 0.8), leather.light) * width * 0.45, -0.75, 0.8)
    image = _displaced(leather, 2.5 * strength * ridge * leather.light[0], 2.5 * strength * ridge * leather.light[1])
    image = image * (1 + (0.28 + 0.6 * strength) * shade - 0.08 * strength * ridge)[..., None]
    return _with_mask(leather, image, ridge)


def leather_glue(leather: Surface, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """A glossy round drop with a dark rim, a highlight and a shadow on the side away from the light."""
    frame = leather.frame
    centre, radius = _point(rng, 22), rng.uniform(4.5, 12)
    depth = _blob(frame, rng, centre, radius, 0.1)
    alpha = _edge(depth, 0.9)
    dome = np.sqrt(np.clip(depth, 0, None) * radius)
    facing = frame.slope(frame.blur(dome, 0.8), -leather.light)
    tone = (
        frame.blur(leather.image, 2.5)
        * (0.92 + 0.3 * np.clip(facing, -1.2, 1.5) + 0.02 * noise(frame, rng, 4))[..., None]
    )
    spot = centre + leather.light * 0.45 * radius
    shine = bump(
        _ellipse(frame, spot, 0.5 * radius, 0.24 * radius, np.arctan2(leather.light[1], leather.light[0]) + np.pi / 2)
    )
    tone = tone + (shine * (20 + 130 * strength))[..., None] * np.array([1.0, 0.93, 0.85])
    shadow_distance = _ellipse(frame, centre - leather.light * 0.3 * radius, 1.12 * radius, 1.12 * radius, 0.0)
    shadow = _edge((1 - shadow_distance) * radius, 0.25 * radius) * (0.12 + 0.3 * strength)
    image = leather.image * (1 - shadow)[..., None]
    image = image + (alpha * (0.35 + 0.6 * strength))[..., None] * (tone - image)
    return _with_mask(leather, image, alpha)


def poke(leather: Surface, rng: np.random.Generator, strength: float) -> ImageAndMask:
    """A small dark hole with a puckered rim, lit on one side."""
    frame = leather.frame
    centre, reach = _point(rng, 20), rng.uniform(8, 14)
    right, down = frame.x - centre[0], frame.y - centre[1]
    away = np.hypot(right, down)
    dent = bump(away / reach)
    pull = 0.35 * strength * dent
    image = _displaced(leather, -right * pull, -down * pull)
    puckers = 1 + 0.35 * np.sin(int(rng.integers(4, 8)) * np.arctan2(down, right) + rng.uniform(0, 6))
    shade = np.clip(frame.slope(-dent, leather.light) * reach * 0.4 * puckers, -0.6, 0.9)
    image = image * (1 + (0.25 + 0.55 * strength) * shade)[..., None]
    hole = _edge(_blob(frame, rng, centre, rng.uniform(1.5, 2.2) + 1.2 * strength, 0.3), 0.9)
    image = image + (hole * (0.3 + 0.65 * strength))[..., None] * (np.array([26.0, 17, 16]) - image)
    lip = bump(_ellipse(frame, centre - leather.light * 2.6, 1.7, 1.1, rng.uniform(0, np.pi))) * strength * 0.7
    image = image + lip[..., None] * (np.array([196.0, 150, 128]) - image)
    return _with_mask(leather, image, dent)


#: Defects of each category by their name in MVTec AD.
MESH: Mapping[str, Callable[[Mesh, np.random.Generator, float], ImageAndMask]] = {
    "bent": bent,
    "broken": broken,
    "glue": grid_glue,
    "metal_contamination": metal_contamination,
    "thread": thread,
}
TILE: Mapping[str, Callable[[Surface, np.random.Generator, float], ImageAndMask]] = {
    "crack": crack,
    "glue_strip": glue_strip,
    "gray_stroke": gray_stroke,
    "oil": oil,
    "rough": rough,
}
LEATHER: Mapping[str, Callable[[Surface, np.random.Generator, float], ImageAndMask]] = {
    "color": color,
    "cut": cut,
    "fold": fold,
    "glue": leather_glue,
    "poke": poke,
}


def _with_mask(surface: Surface, image: Array, weight: Array | None = None) -> ImageAndMask:
    """Pair `image` [H, W, C] with the mask of where `weight` [H, W] or the change of a grey level is visible."""
    changed = np.abs(image - surface.image).max(2) > VISIBLE_CHANGE
    mask = changed | ndimage.binary_closing(changed)
    return image, np.asarray(mask if weight is None else mask | (weight > VISIBLE_WEIGHT), dtype=np.bool_)


def _blended(surface: Surface, layer: Array, alpha: Array) -> ImageAndMask:
    """Blend `layer` [H, W, C] over the surface with weight `alpha` [H, W]."""
    return _with_mask(surface, surface.image + alpha[..., None] * (layer - surface.image), alpha / alpha.max())


def _edge(depth: Array, soft: float) -> Array:
    """Smooth step from 0 outside to 1 inside a border, by `depth` below it, over a width of `soft` on either side."""
    share = np.clip(0.5 + depth / (2 * soft), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), dtype=np.float64)


def _point(rng: np.random.Generator, margin: float) -> Array:
    """Draw a point [2] (x, y) at least `margin` away from the image border."""
    return rng.uniform(margin, SIDE - margin, 2)


def _ellipse(frame: Frame, centre: Array, long: float, short: float, angle: float) -> Array:
    """Distance [H, W] from `centre`, 1 on an ellipse with half axes `long` and `short`."""
    right, down = frame.x - centre[0], frame.y - centre[1]
    first = right * np.cos(angle) + down * np.sin(angle)
    second = down * np.cos(angle) - right * np.sin(angle)
    return np.asarray(np.hypot(first / long, second / short), dtype=np.float64)


def _blob(frame: Frame, rng: np.random.Generator, centre: Array, radius: float, uneven: float) -> Array:
    """Depth [H, W] below the border of an irregular spot, positive inside."""
    stretch = rng.uniform(1.0, 1.0 + 2 * uneven)
    distance = _ellipse(frame, centre, stretch, 1 / stretch, rng.uniform(0, np.pi))
    # The unevenness is bounded, so that the spot keeps its size, and fades far away, so that no island appears.
    ripple = np.tanh(0.7 * noise(frame, rng, max(2.0, 1.1 * radius)) + 0.3 * noise(frame, rng, max(2.0, 0.45 * radius)))
    return np.asarray(radius * (1 + uneven * ripple * np.clip(2.2 - distance / radius, 0, 1)) - distance)


def _path(
    rng: np.random.Generator,
    length: float,
    curl: float,
    margin: float,
    jitter: float = 0.0,
    start: Array | None = None,
    heading: float | None = None,
) -> Array:
    """Vertices [25, 2] of a winding line; without `start` its middle is at least `margin` inside the image."""
    turning = np.cumsum(rng.normal(0, 0.06, 24) + rng.normal(0, 0.06)) * curl + rng.normal(0, 1, 24) * jitter
    direction = (rng.uniform(0, 2 * np.pi) if heading is None else heading) + turning
    steps = np.stack([np.cos(direction), np.sin(direction)], 1) * length / 24
    points = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, 0)])
    return points + start if start is not None else points - points[12] + _point(rng, margin)


def _along(frame: Frame, points: Array, reach: float) -> tuple[Array, Array]:
    """Signed distance [H, W] from a line, huge beyond `reach`, and the nearest position [H, W] on it in 0..1."""
    offset, position = np.full((frame.size, frame.size), 4 * SIDE), np.zeros((frame.size, frame.size))
    low = np.clip(np.floor((points.min(0) - reach) / frame.pixel), 0, frame.size).astype(int)
    high = np.clip(np.ceil((points.max(0) + reach) / frame.pixel), 0, frame.size).astype(int)
    window = slice(low[1], high[1]), slice(low[0], high[0])
    x, y = frame.x[window], frame.y[window]
    for number, (start, step) in enumerate(zip(points[:-1], np.diff(points, axis=0), strict=True)):
        fraction = np.clip(((x - start[0]) * step[0] + (y - start[1]) * step[1]) / (step @ step), 0, 1)
        right, down = x - start[0] - fraction * step[0], y - start[1] - fraction * step[1]
        distance = np.hypot(right, down)
        nearer = distance < np.minimum(np.abs(offset[window]), reach)
        offset[window] = np.where(nearer, np.copysign(distance, step[0] * down - step[1] * right), offset[window])
        position[window] = np.where(nearer, (number + fraction) / len(points[1:]), position[window])
    return offset, position


def _tapered(frame: Frame, points: Array, width: float) -> Array:
    """Depth [H, W] inside a line of half width `width` that tapers to its end."""
    offset, position = _along(frame, points, 4 * width + 3)
    return np.asarray(np.maximum(width * (1 - 0.7 * position), 0.4 * frame.pixel) - np.abs(offset), dtype=np.float64)


def _displaced(surface: Surface, right: Array, down: Array) -> Array:
    """Image of the surface, its content moved by `right` and `down` [H, W], units of length."""
    frame = surface.frame
    rows, columns = np.indices((frame.size, frame.size), dtype=np.float64)
    coordinates = [rows - down / frame.pixel, columns - right / frame.pixel]
    channels = [
        ndimage.map_coordinates(channel, coordinates, order=1, mode="nearest")
        for channel in np.moveaxis(surface.image, 2, 0)
    ]
    return np.stack(channels, 2)
