"""Claims: the verdict of every published claim as a square."""

from collections.abc import Mapping, Sequence
from functools import partial

from matplotlib.patches import Rectangle

from repro.paper.figures.sheet import Picture, Sheet
from repro.records.figures import FigureRecord
from repro.records.verdicts import Verdict, VerdictWord

#: Topics by the rules that judge their claims, in the order of the figure.
TOPICS: Mapping[str, tuple[str, ...]] = {
    "published scores": ("value",),
    "sentences about scores": ("order", "lowest", "smaller_defects"),
    "similarity search": ("similarity", "feature"),
    "models and settings": ("efficientnet", "pretrained", "blur", "epochs", "memory_bank"),
    "receptive-field table": ("receptive_field",),
}
#: Colour (Okabe and Ito) and mark of each verdict, so that grey print shows it too.
STYLES: Mapping[VerdictWord, tuple[str, str]] = {
    "reproduced": ("#009E73", "✓"),
    "inconclusive": ("#F0E442", "?"),
    "not reproduced": ("#E69F00", "×"),
    "refuted": ("#D55E00", "×"),
    "not tested": ("#DDDDDD", ""),
}
LEFT, TOP, SIDE, GAP, ACROSS = 4.4, 0.25, 0.42, 0.06, 24


def claims(verdicts: Sequence[Verdict]) -> Picture:
    """A row of squares for each topic, sorted by verdict."""
    rows = {topic: _sorted(verdicts, rules) for topic, rules in TOPICS.items()}
    rows = {topic: row for topic, row in rows.items() if row}
    said = [
        f"{topic}: " + ", ".join(f"{words.count(word)} {word}" for word in STYLES if word in words)
        for topic, row in rows.items()
        if (words := [verdict.verdict for verdict in row])
    ]
    alt = f"The verdict of each published claim as a square. {'; '.join(said)}."
    return FigureRecord(file="claims.svg", kind="claims", alt=alt), partial(_claims, rows)


def _sorted(verdicts: Sequence[Verdict], rules: tuple[str, ...]) -> list[Verdict]:
    words = list(STYLES)
    return sorted(
        (verdict for verdict in verdicts if verdict.rule_name in rules),
        key=lambda verdict: words.index(verdict.verdict),
    )


def _claims(rows: Mapping[str, Sequence[Verdict]]) -> Sheet:
    lines = [-(-len(row) // ACROSS) for row in rows.values()]
    step = SIDE + GAP
    height = TOP + sum(lines) * step + 0.22 * len(rows) + 0.75
    sheet, y = Sheet(height), TOP
    for (topic, row), count in zip(rows.items(), lines, strict=True):
        sheet.text(LEFT - 0.25, y + SIDE / 2, topic, LEFT - 0.4, 8, ha="right", va="center")
        for number, verdict in enumerate(row):
            colour, mark = STYLES[verdict.verdict]
            left, top = LEFT + number % ACROSS * step, y + number // ACROSS * step
            sheet.square(left, top, SIDE, "white", facecolor=colour, linewidth=0.5)
            sheet.text(left + SIDE / 2, top + SIDE / 2, mark, SIDE, 7.5, va="center", zorder=4)
        y += count * step + 0.22
    words = {verdict.verdict for row in rows.values() for verdict in row}
    handles = [
        Rectangle((0, 0), 1, 1, facecolor=colour, label=word) for word, (colour, _) in STYLES.items() if word in words
    ]
    sheet.legend(y + 0.3, handles)
    return sheet
