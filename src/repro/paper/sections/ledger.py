"""Ledger: verdicts in, what the paper prints of them out: scores, receptive fields and claims in words apart."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from repro.paper.trace import count, traced
from repro.records.results import MODEL_NAMES, Results
from repro.records.verdicts import Kind, Verdict, VerdictWord

WORDS: tuple[VerdictWord, ...] = ("reproduced", "not reproduced", "refuted", "inconclusive", "not tested")
KINDS: tuple[Kind, ...] = ("published outputs", "code and arithmetic", "retraining")
METRICS = ("image-auroc", "image-f1", "pixel-auroc", "pixel-f1")

#: A verdict and how many claims have it; verdicts that no claim has are left out.
Counts = tuple[tuple[VerdictWord, int], ...]


@dataclass(frozen=True)
class ScoreRow:
    """The published scores of a model on a category."""

    name: str
    category: str
    #: By `METRICS`; None where no claim is on it.
    cells: tuple[Verdict | None, ...]


@dataclass(frozen=True)
class Ledger:
    """All verdicts, and each group of them with its counts."""

    total: int
    counts: Counts
    #: Refuted or not reproduced.
    rejected: int
    #: By kind of evidence: number of verdicts, and their counts.
    kinds: tuple[tuple[Kind, int, Counts], ...]
    #: What a new training says of the claims that the published outputs judge.
    retrained: Counts
    #: Text of each rule, by name.
    rules: dict[str, str]
    #: Why claims were not tested, the most frequent reason first.
    reasons: tuple[tuple[str, int], ...]
    #: Models whose variants all have one seed.
    one_seed: tuple[str, ...]

    scores: tuple[ScoreRow, ...]
    score_count: int
    score_counts: Counts

    #: Claims in words, and how many of them the published tables themselves decide, or contradict.
    others: tuple[Verdict, ...]
    other_count: int
    other_counts: Counts
    sentences: int
    own_fails: int

    #: Cells of the receptive-field table.
    fields: tuple[Verdict, ...]
    field_count: int
    field_counts: Counts
    fields_wrong: int
    field_rules: tuple[str, ...]
    columns: tuple[str, ...]
    #: Layer, and its verdicts by column; None where no claim is on it.
    layers: tuple[tuple[str, tuple[Verdict | None, ...]], ...]


def ledger(verdicts: Sequence[Verdict], results: Results) -> Ledger:
    """Group and count the verdicts.

    A claim on a cell of the receptive-field table is named `rf-<layer>-<column>`, one on a cell of the tables of scores
    `<model>-<category>-<metric>` with the rule `value`.
    """
    by_cell = {cell: verdict for verdict in verdicts if (cell := _field_of(verdict))}
    fields = tuple(by_cell.values())
    columns = tuple(dict.fromkeys(column for _, column in by_cell))
    layers = dict.fromkeys(layer for layer, _ in by_cell)
    scores = [verdict for verdict in verdicts if verdict.rule_name == "value" and _score_of(verdict)]
    others = tuple(verdict for verdict in verdicts if verdict not in fields and verdict not in scores)
    sentences = [verdict for verdict in others if verdict.own_table]
    own_table = [verdict.own_table for verdict in sentences]
    return Ledger(
        total=_total(verdicts),
        counts=_counts(verdicts),
        rejected=_rejected(verdicts),
        kinds=_kinds(verdicts),
        retrained=_count_words([verdict.retraining.verdict for verdict in verdicts if verdict.retraining]),
        rules={verdict.rule_name: verdict.rule for verdict in (*scores, *others)},
        reasons=_reasons(verdicts),
        one_seed=_models_with_one_seed(results),
        scores=_score_rows(scores),
        score_count=_total(scores),
        score_counts=_counts(scores),
        others=others,
        other_count=_total(others),
        other_counts=_counts(others),
        sentences=_total(sentences),
        own_fails=traced(own_table.count("fails"), own_table),
        fields=fields,
        field_count=_total(fields),
        field_counts=_counts(fields),
        fields_wrong=_rejected(fields),
        field_rules=tuple(dict.fromkeys(field.rule for field in fields)),
        columns=columns,
        layers=tuple((layer, tuple(by_cell.get((layer, column)) for column in columns)) for layer in layers),
    )


def _field_of(verdict: Verdict) -> tuple[str, str] | None:
    """Layer and column of the receptive-field table that a claim is named after; None for another name."""
    match verdict.claim.split("-", 2):
        case ["rf", layer, column]:
            return layer, column.replace("-", " ")
    return None


def _score_of(verdict: Verdict) -> tuple[str, str, str] | None:
    """Model, category and metric that a claim is named after; None for another name."""
    model, _, rest = verdict.claim.partition("-")
    metric = next((metric for metric in METRICS if rest.endswith(f"-{metric}")), None)
    return (model, rest.removesuffix(f"-{metric}"), metric) if metric and model in MODEL_NAMES else None


def _score_rows(verdicts: Iterable[Verdict]) -> tuple[ScoreRow, ...]:
    rows: dict[tuple[str, str], dict[str, Verdict]] = {}
    for verdict in verdicts:
        if score := _score_of(verdict):
            model, category, metric = score
            rows.setdefault((model, category), {})[metric] = verdict
    return tuple(
        ScoreRow(MODEL_NAMES[model], category, tuple(by_metric.get(metric) for metric in METRICS))
        for (model, category), by_metric in rows.items()
    )


def _models_with_one_seed(results: Results) -> tuple[str, ...]:
    most: dict[str, int] = {}
    for variant, record in results.variants.items():
        most[record.model] = max(most.get(record.model, 0), len(results.seeds(variant)))
    return tuple(name for model, name in MODEL_NAMES.items() if model in most and most[model] <= 1)


def _total(verdicts: Iterable[Verdict]) -> int:
    total: int = count([verdict.verdict for verdict in verdicts])
    return total


def _rejected(verdicts: Iterable[Verdict]) -> int:
    words = [verdict.verdict for verdict in verdicts]
    rejected: int = traced(words.count("refuted") + words.count("not reproduced"), words)
    return rejected


def _counts(verdicts: Iterable[Verdict]) -> Counts:
    return _count_words([verdict.verdict for verdict in verdicts])


def _count_words(words: Sequence[VerdictWord]) -> Counts:
    return tuple((word, traced(words.count(word), words)) for word in WORDS if word in words)


def _kinds(verdicts: Iterable[Verdict]) -> tuple[tuple[Kind, int, Counts], ...]:
    groups = [(kind, [verdict for verdict in verdicts if verdict.kind == kind]) for kind in KINDS]
    return tuple((kind, _total(group), _counts(group)) for kind, group in groups if group)


def _reasons(verdicts: Iterable[Verdict]) -> tuple[tuple[str, int], ...]:
    reasons = [verdict.reason for verdict in verdicts if verdict.verdict == "not tested"]
    return tuple(
        (str(reason), traced(number, reasons)) for reason, number in Counter(filter(None, reasons)).most_common()
    )
