"""Content: the records of a report in, the variables of the paper's template out.

The sections decide here what the paper says of the results, in numbers and truth values; templates only word it.
Texts from the data are passed on unchanged: the template's environment escapes them. Numbers keep their trace.
"""

from typing import Any

from repro.paper.inputs import Inputs
from repro.paper.sections.ablation import ablations
from repro.paper.sections.abstract import abstract
from repro.paper.sections.cost import cost
from repro.paper.sections.figures import figures_by_kind, heat_map_figures, similarity_figures
from repro.paper.sections.leak import leak
from repro.paper.sections.ledger import ledger
from repro.paper.sections.limits import limits
from repro.paper.sections.low_rate import low_rates
from repro.paper.sections.missing import missing
from repro.paper.sections.pairs import pairs
from repro.paper.sections.protocol import protocol, runs, variants
from repro.paper.sections.published import published_outputs
from repro.paper.sections.receptive_field import receptive_fields
from repro.paper.sections.references import reference_table
from repro.paper.sections.retrieval import search
from repro.paper.sections.scores import largest_shift, raw_rows, score_rows
from repro.paper.sections.summary import summary
from repro.paper.trace import resolve


def template_variables(inputs: Inputs) -> dict[str, Any]:
    """Each variable that the template reads.

    Raises ReproError where a verdict's evidence is not in the results.
    """
    results, verdicts = inputs.results, inputs.verdicts.verdicts
    _check_evidence(inputs)
    raw_shift = largest_shift(results)
    ablation_studies = ablations(inputs.ablations, results)
    return {
        "study": results.study,
        "data": results.data,
        "environment": inputs.environment,
        "guards": inputs.guards,
        "constants": inputs.constants,
        "several_seeds": any(len(results.seeds(variant)) > 1 for variant in results.variants),
        "failed": [assertion for assertion in inputs.guards.assertions if assertion.outcome == "failed"],
        "missing": missing(results),
        "abstract": abstract(results, verdicts, ablation_studies),
        "variants": variants(results),
        "protocol": protocol(results),
        "cells": runs(results),
        "scores": score_rows(results),
        "summary": None if inputs.list_all_cells else summary(results),
        "shifts": raw_rows(results),
        "raw_shift": raw_shift,
        "raw_agrees": round(raw_shift, 4) == 0,
        "leak": leak(results),
        "pairs": pairs(results),
        "low_rates": low_rates(results),
        "published_low_rates": low_rates(inputs.published) if inputs.published else [],
        "references": reference_table(inputs.published or results),
        "published": published_outputs(inputs.published, inputs.few_shot, verdicts),
        "pictures": figures_by_kind(inputs.figures),
        "heat_maps": heat_map_figures(inputs.figures),
        "search": search(results),
        "search_figures": similarity_figures(results, inputs.figures),
        "receptive_field": receptive_fields(results),
        "verdicts": ledger(verdicts, results),
        "cost": cost(inputs.bench, results.study.name, results.names),
        "ablations": ablation_studies,
        "limits": limits(results),
    }


def _check_evidence(inputs: Inputs) -> None:
    for verdict in inputs.verdicts.verdicts:
        evidence = inputs.results if verdict.evidence_file == "results.json" else inputs.published
        if verdict.evidence is not None and evidence is not None:
            resolve(evidence, verdict.evidence, verdict.evidence_file)
