"""Diagrams: the workflow as its Snakefile has it, and a receptive field on an image."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from repro.photographs import Photograph
from repro.records import FigureRecord, NetworkRecord, Results
from repro.sheet import SIZE, WIDTH, Picture, Sheet

SNAKEFILE = Path(__file__).parent / "workflow" / "Snakefile"
FIELD, NEXT = "#0072B2", "#D55E00"


def pipeline() -> Picture:
    """The rules of the workflow, what each leaves, and which needs which."""
    rules, needs = workflow(SNAKEFILE.read_text(encoding="utf-8"))
    said = [f"{rule} needs {', '.join(sorted(needs[rule])) or 'the images'}" for rule in rules]
    alt = f"The stages of the study as boxes with arrows from each to those that need its files. {'; '.join(said)}."
    return FigureRecord(file="pipeline.svg", kind="pipeline", alt=alt), partial(_pipeline, rules, needs)


def workflow(text: str) -> tuple[dict[str, list[str]], dict[str, set[str]]]:
    """Of a Snakefile: the files that each rule leaves, and the rules whose files it needs."""
    blocks = re.split(r"^rule (\w+):\n", text, flags=re.MULTILINE)[1:]
    sections = {}
    for name, block in zip(blocks[::2], blocks[1::2], strict=True):
        parts = re.split(r"^    (\w+):", block, flags=re.MULTILINE)[1:]
        sections[name] = dict(zip(parts[::2], parts[1::2], strict=True))
    file = re.compile(r"[\"/]([\w-]+\.(?:json|npz|ckpt|md|pdf|html))\"")
    leaves = {name: file.findall(one["output"]) for name, one in sections.items() if "output" in one}
    needs = {
        name: {
            other
            for other, files in leaves.items()
            if other != name
            and (
                set(files) & set(file.findall(sections[name]["input"])) or f"rules.{other}." in sections[name]["input"]
            )
        }
        for name in leaves
    }
    return leaves, needs


def _depths(needs: Mapping[str, set[str]]) -> dict[str, int]:
    depths: dict[str, int] = {}
    while len(depths) < len(needs):
        ready = [rule for rule in needs if rule not in depths and needs[rule] <= depths.keys()]
        for rule in ready:
            depths[rule] = 1 + max((depths[other] for other in needs[rule]), default=-1)
    # What needs nothing stands just before what needs it.
    for rule in (rule for rule in needs if not needs[rule]):
        depths[rule] = min((depths[one] for one, others in needs.items() if rule in others), default=1) - 1
    return depths


def _direct(needs: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """The needs that do not follow from others."""

    def all_below(rule: str) -> set[str]:
        return needs[rule].union(*(all_below(other) for other in needs[rule]))

    for rule, others in needs.items():
        for other in others:
            if not any(other in all_below(between) for between in others - {other}):
                yield other, rule


def _pipeline(rules: Mapping[str, list[str]], needs: Mapping[str, set[str]]) -> Sheet:
    depths = _depths(needs)
    columns = 1 + max(depths.values())
    ranks = [[rule for rule in rules if depths[rule] == depth] for depth in range(columns)]
    wide, step = 1.78, (WIDTH - 0.2) / columns
    wide = min(wide, step - 0.35)
    high = 0.42 + 0.27 * max(map(len, rules.values()))
    tallest = max(map(len, ranks))
    sheet = Sheet(0.3 + tallest * (high + 0.45))
    places = {}
    for depth, rank in enumerate(ranks):
        for index, rule in enumerate(rank):
            x = 0.1 + depth * step + (step - wide) / 2
            y = sheet.height * (index + 0.5) / len(rank) - high / 2
            places[rule] = (x, y)
            look: dict[str, Any] = {
                "boxstyle": "round,pad=0,rounding_size=0.1",
                "facecolor": "#EAF2F8",
                "edgecolor": FIELD,
            }
            sheet.axes.add_patch(FancyBboxPatch((x, y), wide, high, linewidth=0.8, zorder=2, **look))
            sheet.text(x + wide / 2, y + 0.08, rule.replace("_", " "), wide - 0.2, 7.5, weight="bold", zorder=3)
            for line, name in enumerate(rules[rule]):
                sheet.text(x + wide / 2, y + 0.46 + 0.27 * line, name, wide - 0.2, 6, color="0.25", zorder=3)
    for start, end in sorted(_direct(needs)):
        (x, y), (to_x, to_y) = places[start], places[end]
        bend = 0.0 if abs(to_y - y) > 0.01 or depths[end] - depths[start] == 1 else -0.35
        arrow = FancyArrowPatch(
            (x + wide, y + high / 2),
            (to_x, to_y + high / 2),
            arrowstyle="-|>",
            mutation_scale=7,
            linewidth=0.8,
            color="0.35",
            connectionstyle=f"arc3,rad={bend}",
            shrinkA=0,
            shrinkB=0,
            zorder=1,
        )
        sheet.axes.add_patch(arrow)
    return sheet


def receptive_field(results: Results, photograph: Photograph) -> Iterator[Picture]:
    """The window of an output pixel of the small network on an image, and how the next one lies to it."""
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
    yield record, partial(_receptive_field, network, results.receptive_field.input_size, image, photograph)


def _receptive_field(network: NetworkRecord, size: int, image: str, photograph: Photograph) -> Sheet:
    last = network.layers[-1]
    side, top, left = 6.2, 0.6, 0.7
    sheet = Sheet(side + top + 0.9)
    # In grey: the windows are what has colours, and a vector file stays small.
    picture = photograph(image).convert("L").convert("RGB")
    scale = side / picture.width
    sheet.text(left + side / 2, 0.15, f"the whole image, {size} pixels wide", side, 8)
    # In their own pixels: a vector file need not hold them enlarged.
    sheet.image(left, top, side, side, picture, interpolation="none")
    field, jump = last.receptive_field, last.jump
    first = last.start - field / 2
    middle = last.output // 2 * jump + first
    for corner in (first, middle, (last.output - 1) * jump + first):
        _window(sheet, left + corner * scale, top + corner * scale, field * scale, FIELD)
    sheet.text(left + side / 2, top + side + 0.12, "first, middle and last window on the diagonal", side)
    # The corner of the image that holds the first two windows, enlarged.
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


def _window(sheet: Sheet, x: float, y: float, side: float, colour: str, dashes: object = "-") -> None:
    sheet.square(x, y, side, "white", linewidth=2.6)
    sheet.square(x, y, side, colour, linewidth=1.6, linestyle=dashes)


def _measure(sheet: Sheet, x: float, to_x: float, y: float, words: str) -> None:
    look: dict[str, Any] = {"linewidth": 1.1, "color": "black", "shrinkA": 0, "shrinkB": 0, "zorder": 5}
    sheet.axes.add_patch(FancyArrowPatch((x, y), (to_x, y), arrowstyle="|-|", mutation_scale=2.5, **look))
    look = {"bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.9}, "zorder": 6}
    sheet.text((x + to_x) / 2, y + 0.1, words, 4, SIZE + 0.5, **look)
