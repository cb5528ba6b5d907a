"""Pipeline: a diagram of the workflow."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from repro.paper.figures.sheet import WIDTH, Picture, Sheet
from repro.pipeline import MADE_BY, STAGES
from repro.records.figures import FigureRecord

BLUE = "#0072B2"


def pipeline() -> Picture:
    """The rules of the workflow with their outputs, and which needs which."""
    outputs, needs = workflow()
    parts = [f"{rule} needs {', '.join(sorted(needs[rule])) or 'the images'}" for rule in outputs]
    alt = f"The stages of the study as boxes with arrows from each to those that need its files. {'; '.join(parts)}."
    return FigureRecord(file="pipeline.svg", kind="pipeline", alt=alt), partial(_pipeline, outputs, needs)


def workflow() -> tuple[dict[str, list[str]], dict[str, set[str]]]:
    """By rule: the names of its output files, and the rules whose outputs it needs."""
    stages = [stage for stage in STAGES if not stage.before]
    outputs = {
        stage.rule: [output.rsplit("/", 1)[1] for output in stage.outputs if "*" not in output] for stage in stages
    }
    needs = {
        stage.rule: {maker.rule for path in stage.inputs if isinstance(path, str) for maker in MADE_BY.get(path, ())}
        & outputs.keys()
        for stage in stages
    }
    return outputs, needs


def _depths(needs: Mapping[str, set[str]]) -> dict[str, int]:
    depths: dict[str, int] = {}
    while len(depths) < len(needs):
        ready = [rule for rule in needs if rule not in depths and needs[rule] <= depths.keys()]
        for rule in ready:
            depths[rule] = 1 + max((depths[other] for other in needs[rule]), default=-1)
    # A rule that needs nothing goes just before the first rule that needs it.
    for rule in (rule for rule in needs if not needs[rule]):
        depths[rule] = min((depths[user] for user, others in needs.items() if rule in others), default=1) - 1
    return depths


def _direct(needs: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Pairs of a rule and one that needs it directly, not only through others."""

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
    step = (WIDTH - 0.2) / columns
    width = min(1.78, step - 0.35)
    height = 0.42 + 0.27 * max(map(len, rules.values()))
    tallest = max(map(len, ranks))
    sheet = Sheet(0.3 + tallest * (height + 0.45))
    places = {}
    for depth, rank in enumerate(ranks):
        for index, rule in enumerate(rank):
            x = 0.1 + depth * step + (step - width) / 2
            y = sheet.height * (index + 0.5) / len(rank) - height / 2
            places[rule] = (x, y)
            style: dict[str, Any] = {
                "boxstyle": "round,pad=0,rounding_size=0.1",
                "facecolor": "#EAF2F8",
                "edgecolor": BLUE,
            }
            sheet.axes.add_patch(FancyBboxPatch((x, y), width, height, linewidth=0.8, zorder=2, **style))
            sheet.text(x + width / 2, y + 0.08, rule.replace("_", " "), width - 0.2, 7.5, weight="bold", zorder=3)
            for line, name in enumerate(rules[rule]):
                sheet.text(x + width / 2, y + 0.46 + 0.27 * line, name, width - 0.2, 6, color="0.25", zorder=3)
    for start, end in sorted(_direct(needs)):
        (x, y), (to_x, to_y) = places[start], places[end]
        bend = 0.0 if abs(to_y - y) > 0.01 or depths[end] - depths[start] == 1 else -0.35
        arrow = FancyArrowPatch(
            (x + width, y + height / 2),
            (to_x, to_y + height / 2),
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
