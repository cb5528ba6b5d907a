"""Diagrams: the workflow as its Snakefile has it, and a receptive field on an image."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from repro.paper.figures.sheet import WIDTH, Picture, Sheet
from repro.pipeline import MADE_BY, STAGES
from repro.records.figures import FigureRecord

FIELD, NEXT = "#0072B2", "#D55E00"


def pipeline() -> Picture:
    """The rules of the workflow, what each leaves, and which needs which."""
    leaves, needs = workflow()
    said = [f"{rule} needs {', '.join(sorted(needs[rule])) or 'the images'}" for rule in leaves]
    alt = f"The stages of the study as boxes with arrows from each to those that need its files. {'; '.join(said)}."
    return FigureRecord(file="pipeline.svg", kind="pipeline", alt=alt), partial(_pipeline, leaves, needs)


def workflow() -> tuple[dict[str, list[str]], dict[str, set[str]]]:
    """By rule: the names of the files that it leaves, and the rules whose files it needs."""
    stages = [stage for stage in STAGES if not stage.before]
    leaves = {
        stage.rule: [output.rsplit("/", 1)[1] for output in stage.outputs if "*" not in output] for stage in stages
    }
    needs = {
        stage.rule: {maker.rule for one in stage.inputs if isinstance(one, str) for maker in MADE_BY.get(one, ())}
        & leaves.keys()
        for stage in stages
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
