"""Receptive field: one drawn on a test image."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.patches import FancyArrowPatch

from repro.paper.figures.images import ImageLoader
from repro.paper.figures.sheet import SIZE, WIDTH, Picture, Sheet
from repro.records.figures import FigureRecord
from repro.records.receptive_field import NetworkRecord
from repro.records.results import Results
from repro.records.verdicts import Verdict

FIELD, NEXT = "#0072B2", "#D55E00"
#: Networks that the published table may mean, by name in results.json.
PADDINGS = {"small-padded": "padded, as the table says", "small": "not padded, as trained"}


def receptive_field(results: Results, load_image: ImageLoader) -> Iterator[Picture]:
    """The window of an output pixel of the small network on a test image, and the window of the next one."""
    network = results.receptive_field.networks.get("small")
    if network is None or not network.layers or not results.heat_maps:
        return
    image, last = results.heat_maps[0].image, network.layers[-1]
    alt = (
        f"The window of {last.receptive_field} pixels that one output of the small network without padding sees, "
        f"drawn on {image}, and enlarged with the window of the next output, {last.jump} pixels further; "
        f"the first window's centre lies {last.start:g} pixels from the border."
    )
    record = FigureRecord(file="receptive-field.svg", kind="receptive_field", alt=alt)
    yield record, partial(_receptive_field, network, results.receptive_field.input_size, image, load_image)


def _receptive_field(network: NetworkRecord, size: int, image: str, load_image: ImageLoader) -> Sheet:
    last = network.layers[-1]
    side, top, left = 6.2, 0.6, 0.7
    sheet = Sheet(side + top + 0.9)
    # In grey, so that only the windows have colours and the vector file is small.
    picture = load_image(image).convert("L").convert("RGB")
    scale = side / picture.width
    sheet.text(left + side / 2, 0.15, f"the whole image, {size} pixels wide", side, 8)
    # Not interpolated: a vector file need not hold enlarged pixels.
    sheet.image(left, top, side, side, picture, interpolation="none")
    field, jump = last.receptive_field, last.jump
    first = last.start - field / 2
    middle = last.output // 2 * jump + first
    for corner in (first, middle, (last.output - 1) * jump + first):
        _window(sheet, left + corner * scale, top + corner * scale, field * scale, FIELD)
    sheet.text(left + side / 2, top + side + 0.12, "first, middle and last window on the diagonal", side)
    # The corner of the image with the first two windows, enlarged.
    shown = min(field + 3 * jump + 3, picture.width)
    start, scale = left + side + 1.6, side / shown
    sheet.text(start + side / 2, 0.15, f"its corner, {shown} pixels wide", side, 8)
    sheet.image(start, top, side, side, picture.crop((0, 0, shown, shown)), interpolation="none")
    for number, colour, dashes in ((1, NEXT, (0, (4, 2))), (0, FIELD, "-")):
        x = start + (first + number * jump) * scale
        _window(sheet, x, top + first * scale, field * scale, colour, dashes)
        centre = (start + (last.start + number * jump) * scale, top + last.start * scale)
        sheet.axes.plot(*centre, marker="o", color=colour, markersize=4, markeredgecolor="white", zorder=4)
    y = top + last.start * scale
    _measure(sheet, start, start + last.start * scale, y - 0.35, f"start {last.start:g}")
    _measure(sheet, start + last.start * scale, start + (last.start + jump) * scale, y + 0.45, f"jump {jump}")
    bottom = top + (first + field) * scale
    _measure(sheet, start + first * scale, start + (first + field) * scale, bottom - 0.45, f"receptive field {field}")
    sheet.text(start + side / 2, top + side + 0.12, "first window (solid) and the next one (dashed)", side)
    return sheet


def receptive_table(results: Results, verdicts: Sequence[Verdict]) -> Iterator[Picture]:
    """How far the published output widths are from those of the network with and without padding, by layer."""
    published = {
        one.claim.removeprefix("rf-").removesuffix("-output"): int(one.published)
        for one in verdicts
        if one.claim.startswith("rf-") and one.claim.endswith("-output") and one.published.isdigit()
    }
    networks = results.receptive_field.networks
    if not published or not PADDINGS.keys() <= networks.keys():
        return
    widths = {
        name: {layer.name: layer.output for layer in networks[name].layers if layer.name in published}
        for name in PADDINGS
    }
    parts = [
        f"{layer}: published {width}, "
        + ", ".join(f"{words} {widths[name][layer]}" for name, words in PADDINGS.items())
        for layer, width in published.items()
    ]
    alt = f"The width of each layer's output less the published one, with and without padding. {'; '.join(parts)}."
    record = FigureRecord(file="receptive-table.svg", kind="receptive_table", alt=alt)
    yield record, partial(_receptive_table, published, widths)


def _receptive_table(published: Mapping[str, int], widths: Mapping[str, Mapping[str, int]]) -> Sheet:
    sheet, layers = Sheet(4.6), list(published)
    differences = {name: [widths[name][layer] - published[layer] for layer in layers] for name in PADDINGS}
    reach = max(abs(one) for row in differences.values() for one in row) + 2.5
    axes = sheet.plot(1.8, 0.3, WIDTH - 2.4, 2.9, xlim=(-0.5, len(layers) - 0.5), ylim=(-reach, reach))
    axes.axhline(0, color="0.2", linewidth=1)
    axes.set_xticks(range(len(layers)), [f"{layer}\n{published[layer]}" for layer in layers])
    axes.set_ylabel("pixels from the\npublished width", size=SIZE, labelpad=2)
    handles = []
    for (name, words), colour, marker in zip(PADDINGS.items(), (FIELD, NEXT), ("o", "s"), strict=True):
        style = {"color": colour, "marker": marker, "markersize": 4.5, "linestyle": ""}
        handles += axes.plot(range(len(layers)), differences[name], label=words, **style)
        for place, (layer, value) in enumerate(zip(layers, differences[name], strict=True)):
            above = value > 0
            words = str(widths[name][layer])
            style = {"size": SIZE - 0.5, "ha": "center", "va": "bottom" if above else "top", "color": colour}
            axes.annotate(words, (place, value), (0, 6 if above else -6), textcoords="offset points", **style)
    sheet.legend(4.3, handles)
    return sheet


def _window(sheet: Sheet, x: float, y: float, side: float, colour: str, dashes: object = "-") -> None:
    sheet.square(x, y, side, "white", linewidth=2.6)
    sheet.square(x, y, side, colour, linewidth=1.6, linestyle=dashes)


def _measure(sheet: Sheet, x: float, to_x: float, y: float, words: str) -> None:
    style: dict[str, Any] = {"linewidth": 1.1, "color": "black", "shrinkA": 0, "shrinkB": 0, "zorder": 5}
    sheet.axes.add_patch(FancyArrowPatch((x, y), (to_x, y), arrowstyle="|-|", mutation_scale=2.5, **style))
    style = {"bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.9}, "zorder": 6}
    sheet.text((x + to_x) / 2, y + 0.1, words, 4, SIZE + 0.5, **style)
