"""Ledger: verdicts in, what the paper prints of them out: scores, sentences and code, receptive fields apart."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from repro.paper.trace import count, traced
from repro.records.results import MODEL_NAMES, Results
from repro.records.verdicts import Kind, Verdict, VerdictWord

WORDS: tuple[VerdictWord, ...] = ("reproduced", "not reproduced", "refuted", "inconclusive", "not tested")
KINDS: tuple[Kind, ...] = ("published outputs", "code and arithmetic", "retraining")
METRICS = ("image-auroc", "image-f1", "pixel-auroc", "pixel-f1")


def ledger(verdicts: Sequence[Verdict], results: Results) -> dict[str, Any]:
    """Verdicts by what they are about, each group with its count by word.

    A claim on a cell of the receptive-field table is named `rf-<layer>-<column>`, one on a cell of the tables of scores
    `<model>-<category>-<metric>` and judged by the rule `value`.
    """
    by_cell: dict[tuple[str, str], Verdict] = {}
    for one in verdicts:
        match one.claim.split("-", 2):
            case ["rf", layer, column]:
                by_cell[layer, column.replace("-", " ")] = one
    fields = list(by_cell.values())
    scores = [verdict for verdict in verdicts if verdict.rule_name == "value" and _cell_of(verdict)]
    others = [verdict for verdict in verdicts if verdict not in fields and verdict not in scores]
    columns = list(dict.fromkeys(column for _, column in by_cell))
    layers = dict.fromkeys(layer for layer, _ in by_cell)
    sentences = [other for other in others if other.own_table]
    models = {record.model for record in results.variants.values()}
    several = {results.variants[v].model for v in results.variants if len(results.seeds(v)) > 1}
    return {
        "total": _number_of(verdicts),
        "counts": _counts(verdicts),
        "kinds": _kinds(verdicts),
        "retrained": _retrained(verdicts),
        "others": others,
        "rules": {one.rule_name: one.rule for one in (*scores, *others)},
        "scores": _scores(scores),
        "score_counts": _counts(scores),
        "other_counts": _counts(others),
        "reasons": _reasons(verdicts),
        "sentences": _number_of(sentences),
        "other_count": _number_of(others),
        "score_count": _number_of(scores),
        "own_fails": traced(
            sum(sentence.own_table == "fails" for sentence in sentences), [sentence.own_table for sentence in sentences]
        ),
        "one_seed": [name for model, name in MODEL_NAMES.items() if model in models and model not in several],
        "fields": fields,
        "field_count": _number_of(fields),
        "field_counts": _counts(fields),
        "fields_wrong": traced(
            sum(field.verdict in ("refuted", "not reproduced") for field in fields), [field.verdict for field in fields]
        ),
        "field_rules": list(dict.fromkeys(field.rule for field in fields)),
        "columns": columns,
        "layers": [(layer, [by_cell.get((layer, column)) for column in columns]) for layer in layers],
    }


def _scores(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """The published tables of scores, a row a model and category."""
    rows: dict[tuple[str, str], dict[str, Verdict]] = {}
    for verdict in verdicts:
        if cell := _cell_of(verdict):
            model, category, metric = cell
            rows.setdefault((model, category), {})[metric] = verdict
    return [
        {"name": MODEL_NAMES[model], "category": category, "cells": [cells.get(metric) for metric in METRICS]}
        for (model, category), cells in rows.items()
    ]


def _cell_of(verdict: Verdict) -> tuple[str, str, str] | None:
    """Model, category and metric of the cell that a claim is named after; None for a name of another form."""
    model, _, rest = verdict.claim.partition("-")
    metric = next((one for one in METRICS if rest.endswith(f"-{one}")), None)
    return (model, rest.removesuffix(f"-{metric}"), metric) if metric and model in MODEL_NAMES else None


def _counts(verdicts: Sequence[Verdict]) -> list[tuple[str, int]]:
    found = Counter(verdict.verdict for verdict in verdicts)
    return [(word, traced(found[word], [verdict.verdict for verdict in verdicts])) for word in WORDS if found[word]]


def _kinds(verdicts: Sequence[Verdict]) -> list[tuple[str, int, list[tuple[str, int]]]]:
    """Each kind of evidence with the number of verdicts that follow from it, and these by word."""
    groups = [(kind, [verdict for verdict in verdicts if verdict.kind == kind]) for kind in KINDS]
    return [(kind, _number_of(group), _counts(group)) for kind, group in groups if group]


def _retrained(verdicts: Sequence[Verdict]) -> list[tuple[str, int]]:
    """What a new training says of the claims that the published outputs judge, by word."""
    words = [verdict.retraining.verdict for verdict in verdicts if verdict.retraining is not None]
    return [(word, traced(words.count(word), words)) for word in WORDS if word in words]


def _reasons(verdicts: Sequence[Verdict]) -> list[tuple[str, int]]:
    """Why claims were not tested, the most frequent reason first."""
    found = Counter(verdict.reason for verdict in verdicts if verdict.reason)
    return [
        (str(reason), traced(number, [verdict.reason for verdict in verdicts]))
        for reason, number in found.most_common()
    ]


def _number_of(verdicts: Sequence[Verdict]) -> int:
    return count([verdict.verdict for verdict in verdicts])
