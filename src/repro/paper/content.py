"""Paper: the records of a report in, what its template prints out.

Whatever the paper says of the results is decided here, in numbers and truth values; the template only words it.
Names and texts from the data stay as they are: the template's environment escapes them. Numbers keep their trace.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from repro.paper.inputs import Inputs
from repro.paper.sections.ablation import ablations
from repro.paper.sections.abstract import abstract
from repro.paper.sections.cost import cost
from repro.paper.sections.leak import leak
from repro.paper.sections.ledger import ledger
from repro.paper.sections.missing import missing
from repro.paper.sections.published import published_outputs
from repro.paper.sections.references import reference_table
from repro.paper.sections.retrieval import search
from repro.paper.sections.summary import summary
from repro.paper.stat import Spread, Stat, mean, stat
from repro.paper.trace import count, resolve, traced
from repro.records.figures import FigureRecord, Figures
from repro.records.receptive_field import NetworkRecord
from repro.records.results import CellRecord, Results

METRICS = ("image_auroc", "image_f1", "pixel_auroc", "pixel_f1", "image_ap", "pixel_ap", "aupro")
RAW_METRICS = METRICS[:4]
KINDS_OF_FIGURES = (
    "pipeline",
    "metrics",
    "distributions",
    "curves",
    "receptive_field",
    "contact_sheet",
    "cost",
    "published",
)


@dataclass(frozen=True)
class Entry:
    """A metric in a table: bold where no other variant reaches more on the category."""

    stat: Stat
    #: Ends of the 95 % interval over the test images, mean over seeds.
    interval: Spread
    best: bool


def view(inputs: Inputs) -> dict[str, Any]:
    """Everything the template prints, by name; ReproError where a verdict's evidence is not in the results."""
    results = inputs.results
    names = results.names
    verdicts = inputs.verdicts.verdicts
    for one in verdicts:
        evidence = results if one.evidence_file == "results.json" else inputs.published
        if one.evidence is not None and evidence is not None:
            resolve(evidence, one.evidence, one.evidence_file)
    shifts = [
        abs(getattr(cell.raw, raw_metric) - getattr(cell.metrics, raw_metric))
        for cell in results.cells.values()
        for raw_metric in RAW_METRICS
    ]
    return {
        "study": results.study,
        "data": results.data,
        "environment": inputs.environment,
        "guards": inputs.guards,
        "failed": [assertion for assertion in inputs.guards.assertions if assertion.outcome == "failed"],
        "abstract": abstract(results, verdicts),
        "missing": missing(results),
        "cost": cost(inputs.bench, results.study.name, names),
        "variants": [_variant(results, variant, name) for variant, name in names.items()],
        "scores": _scores(results, names),
        "cells": [{"name": names[results.cells[key].variant], "record": results.cells[key]} for key in results.ordered],
        "shifts": [_shifts(results, key, names) for key in results.ordered],
        "several_seeds": any(len(results.seeds(variant)) > 1 for variant in results.variants),
        "protocol": _protocol(results, names),
        "raw_shift": max(shifts),
        "raw_agrees": round(max(shifts), 4) == 0,
        "pictures": {kind: _figures(inputs.figures, kind) for kind in KINDS_OF_FIGURES},
        "heat_maps": _heat_maps(results, inputs.figures),
        "search": search(results),
        "search_figures": [_sheet(results, figure) for figure in _figures(inputs.figures, "similarity")],
        "leak": leak(results),
        "references": reference_table(inputs.published or results),
        "published": published_outputs(inputs.published, inputs.few_shot, verdicts),
        "receptive_field": _receptive_field(results),
        "verdicts": ledger(verdicts, results),
        "limits": _limits(results, names),
        "summary": None if inputs.whole else summary(results),
        "ablations": ablations(inputs.ablations, results),
        "constants": inputs.constants,
    }


def _cells(results: Results, variant: str, category: str | None = None) -> list[CellRecord]:
    cells = [results.cells[key] for key in results.ordered]
    return [cell for cell in cells if cell.variant == variant and category in (None, cell.category)]


def _variant(results: Results, variant: str, name: str) -> dict[str, Any]:
    record = results.variants[variant]
    categories = [c for c in results.study.categories if _cells(results, variant, c)]
    return {
        "key": variant,
        "name": name,
        "model": record.model,
        "settings": {key: _setting(value) for key, value in record.settings.items() if not _unset(key, value)},
        "weights": record.weights,
        "findings": {
            metric: _finding(categories, [_metric(results, variant, category, metric) for category in categories])
            for metric in METRICS
            if categories
        },
    }


def _metric(results: Results, variant: str, category: str, metric: str) -> Stat:
    """The one place where a metric of the tables is read."""
    return stat([getattr(cell.metrics, metric) for cell in _cells(results, variant, category)])


def _scores(results: Results, names: dict[str, str]) -> list[dict[str, Any]]:
    """The rows of the table of scores: by category, and in it by variant."""
    rows = []
    for category in results.study.categories:
        here = [variant for variant in names if _cells(results, variant, category)]
        gone = [variant for variant in names if variant not in here]
        columns = [[_metric(results, variant, category, metric) for variant in here] for metric in METRICS]
        for index, variant in enumerate(here):
            cells = _cells(results, variant, category)
            entries = [
                Entry(column[index], _interval(cells, metric), len(here) > 1 and _highest(column[index], column))
                for metric, column in zip(METRICS, columns, strict=True)
            ]
            rows.append({"category": category, "name": names[variant], "entries": entries})
        rows += [{"category": category, "name": names[variant], "entries": [None] * len(METRICS)} for variant in gone]
    return rows


def _interval(cells: Sequence[CellRecord], metric: str) -> Spread:
    ends = [getattr(cell.intervals, metric) for cell in cells]
    return Spread(mean([one.low for one in ends]), mean([one.high for one in ends]))


def _highest(one: Stat, column: Sequence[Stat]) -> bool:
    return round(one.mean, 4) == max(round(other.mean, 4) for other in column)


def _finding(categories: Sequence[str], column: Sequence[Stat]) -> dict[str, Any]:
    """Where a metric is highest and lowest, ties included, in 4 decimals."""
    rounded = [round(one.mean, 4) for one in column]
    return {
        "high": max(rounded),
        "low": min(rounded),
        "span": Spread.of(rounded),
        "highest": [category for category, one in zip(categories, rounded, strict=True) if one == max(rounded)],
        "lowest": [category for category, one in zip(categories, rounded, strict=True) if one == min(rounded)],
        "differs": max(rounded) != min(rounded),
    }


def _unset(key: str, value: Any) -> bool:
    return (key == "blur" and not value) or (key == "seeds" and value is None)


def _setting(value: Any) -> Any:
    match value:
        case bool():
            return "on" if value else "off"
        case None:
            return "none"
        case list() | tuple():
            return ", ".join(str(item) for item in value)
    return value


def _shifts(results: Results, key: str, names: dict[str, str]) -> dict[str, Any]:
    cell = results.cells[key]
    pairs = [
        (getattr(cell.raw, raw_metric), getattr(cell.raw, raw_metric) - getattr(cell.metrics, raw_metric))
        for raw_metric in RAW_METRICS
    ]
    return {"name": names[cell.variant], "record": cell, "pairs": pairs}


def _protocol(results: Results, names: dict[str, str]) -> dict[str, Any]:
    cells = list(results.cells.values())
    sizes: dict[str, set[tuple[int, int]]] = {}
    for cell in cells:
        sizes.setdefault(cell.category, set()).add(cell.map_size)
    full = (results.study.image_size, results.study.image_size)
    return {
        "cut_short": sorted(
            {(names[c.variant], c.epochs_asked, c.epochs_run) for c in cells if c.epochs_run != c.epochs_asked}
        ),
        "areas_differ": any(len(found) > 1 for found in sizes.values()),
        "cropped": sorted({(names[cell.variant], *cell.map_size) for cell in cells if cell.map_size != full}),
    }


def _figures(
    figures: Figures, kind: str, wanted: Callable[[FigureRecord], bool] = lambda _: True
) -> list[FigureRecord]:
    return [figure for figure in figures.figures if figure.kind == kind and wanted(figure)]


def _heat_maps(results: Results, figures: Figures) -> dict[str, Any]:
    sheets = _figures(figures, "heat_maps")
    return {
        "text": [sheet for sheet in sheets if sheet.category is None],
        "appendix": [sheet for sheet in sheets if sheet.category is not None],
    }


def _sheet(results: Results, figure: FigureRecord) -> dict[str, Any]:
    """A similarity sheet and how many of its hits by either feature have the query's defect type."""
    counts = {}
    for key, record in results.retrieval.items():
        cell = results.cells[key]
        shown = (figure.variant, figure.category, results.seeds(cell.variant)[0])
        if (cell.variant, cell.category, cell.seed) == shown:
            for name, feature in (("published", record.published), ("patches", record.patch_embedding)):
                for query in feature.queries if feature else ():
                    if query.image == figure.query:
                        same = traced(sum(hit.defect == query.defect for hit in query.hits), query.hits)
                        counts[name] = {"same": same, "hits": count(query.hits), "defect": query.defect}
    return {"figure": figure, "name": results.names.get(figure.variant or "", ""), "counts": counts}


def _receptive_field(results: Results) -> dict[str, Any]:
    record = results.receptive_field
    networks = {key: _network(key, network) for key, network in record.networks.items()}
    return {
        "input_size": record.input_size,
        "text": [networks["small"]] if "small" in networks else [],
        "appendix": [one for key, one in networks.items() if key != "small"],
        "count": count(record.networks),
        "outputs_differ": [one["name"] for one in networks.values() if not one["outputs_agree"]],
        "fields_differ": [one["name"] for one in networks.values() if not one["field_agrees"]],
    }


def _network(key: str, network: NetworkRecord) -> dict[str, Any]:
    return {
        "key": key,
        "name": f"{network.size} network {'with' if network.padding else 'without'} padding",
        "size": network.size,
        "rows": list(zip(network.layers, network.measured_outputs, strict=False)),
        "outputs_agree": [layer.output for layer in network.layers] == list(network.measured_outputs),
        "field_agrees": network.layers[-1].receptive_field == network.measured_receptive_field,
        "field": network.layers[-1].receptive_field,
        "measured_field": network.measured_receptive_field,
    }


def _limits(results: Results, names: dict[str, str]) -> dict[str, Any]:
    cells = list(results.cells.values())
    categories = results.data.categories.values()
    by_model = {names[variant]: record for variant, record in results.variants.items()}
    trained = [cell for cell in cells if results.variants[cell.variant].model == "efficientad"]
    epochs = {cell.epochs_run for cell in trained if cell.epochs_run is not None}
    modules = [cell.efficientnet_modules for cell in trained if cell.efficientnet_modules is not None]
    return {
        "least_train": min(record.train for record in categories),
        "least_anomalous": min(cell.anomalous for cell in cells),
        "step": 1 / min(cell.anomalous for cell in cells) if all(cell.anomalous for cell in cells) else None,
        "random_teachers": [n for n, record in by_model.items() if _kind(record, "teacher") == "random"],
        "own_teachers": [n for n, record in by_model.items() if _kind(record, "teacher") == "distilled"],
        "sound": [names[name] for name, one in results.variants.items() if one.settings.get("protocol") == "sound"],
        "random_backbones": [n for n, record in by_model.items() if _kind(record, "backbone") == "random"],
        "other_penalty": [n for n, record in by_model.items() if _kind(record, "penalty") not in ("imagenette", None)],
        "epochs": sorted(epochs),
        "epochs_run": max(epochs, default=None),
        "steps": sorted({cell.steps for cell in trained if cell.steps is not None}),
        "efficientnet": sum(modules),
        "efficientad_cells": count(modules),
    }


def _kind(record: Any, role: str) -> str | None:
    weights = record.weights.get(role)
    return weights.kind if weights else None
