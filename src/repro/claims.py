"""Claims: results.json and the published claims in, verdicts.json out: what follows from what was measured."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from repro.records import SCHEMA_VERSION, Results, Verdict, Verdicts, VerdictWord
from repro.runs import RunFolder, read_record, sha256, write_json

CLAIMS = Path(__file__).with_name("claims.toml")
FIELD_CELLS = {
    "kernel": "kernel size",
    "stride": "stride",
    "padding": "padding",
    "output": "output size",
    "jump": "jump",
    "receptive_field": "receptive field",
}


def verdicts(folder: RunFolder) -> None:
    """Judge the claims on a report folder's results.json; leave verdicts.json beside it."""
    path = folder.report / "results.json"
    results = read_record(path, Results, mend="run `nox -s reproduce` to make it anew")
    judged = Verdicts(schema_version=SCHEMA_VERSION, results_sha256=sha256(path), verdicts=tuple(judge(results)))
    write_json(folder.report / "verdicts.json", judged.model_dump(mode="json"))


def judge(results: Results) -> list[Verdict]:
    """A verdict for each claim in claims.toml; those on code and arithmetic are judged on every study."""
    claims = tomllib.loads(CLAIMS.read_text(encoding="utf-8"))
    table = claims.pop("receptive_field")
    rules: dict[str, Callable[[Results], dict[str, Any]]] = {
        "similarity": _similarity,
        "efficientnet": _efficientnet,
        "pretrained-cnn": _pretrained_cnn,
        "patchcore-epochs": _patchcore_epochs,
    }
    judged = [Verdict(claim=name, **claim, **rules[name](results)) for name, claim in claims.items()]
    return judged + [verdict for row in table for verdict in _field_row(results, row)]


def _similarity(results: Results) -> dict[str, Any]:
    rule = (
        "Refuted where the published feature takes at most two values and the filter admits only the query's "
        "own label: the hits then follow from the filter, not from similarity."
    )
    if not results.retrieval:
        return _no_cell(rule)
    features = {key: record.published for key, record in results.retrieval.items()}
    most = max(feature.distinct_vectors for feature in features.values())
    lists = max(feature.distinct_hit_lists for feature in features.values())
    queries = max(feature.points for feature in features.values())
    filtered = all(feature.label_filter for feature in features.values())
    return {
        "measured": f"at most {most} distinct vectors in a collection of up to {queries}, whose queries together get "
        f"at most {lists} different lists of hits",
        "verdict": "refuted" if most <= 2 and filtered else "not reproduced",
        "rule": rule,
        "evidence": f"retrieval.{next(iter(features))}.published.distinct_vectors",
    }


def _of_model(results: Results, model: str) -> list[str]:
    return [key for key, cell in results.cells.items() if results.variants[cell.variant].model == model]


def _published_patchcores(results: Results) -> list[str]:
    """Variants of PatchCore that are configured as the published study's code is."""
    return [
        name
        for name, variant in results.variants.items()
        if variant.model == "patchcore" and variant.settings.get("protocol", "published") == "published"
    ]


def _no_cell(rule: str) -> dict[str, Any]:
    return {"measured": None, "verdict": "not tested", "rule": rule, "evidence": None}


def _efficientnet(results: Results) -> dict[str, Any]:
    rule = "Refuted where no module of the trained model is an EfficientNet's."
    cells = _of_model(results, "efficientad")
    if not cells:
        return _no_cell(rule)
    count = max(results.cells[key].efficientnet_modules for key in cells)
    return {
        "measured": f"{count} EfficientNet modules in the trained model",
        "verdict": "reproduced" if count else "refuted",
        "rule": rule,
        "evidence": f"cells.{cells[0]}.efficientnet_modules",
    }


def _pretrained_cnn(results: Results) -> dict[str, Any]:
    rule = "Refuted where the published configuration builds its backbone with random weights."
    names = _published_patchcores(results)
    if not names:
        return _no_cell(rule)
    pretrained = results.variants[names[0]].settings["pretrained"]
    return {
        "measured": results.variants[names[0]].weights["backbone"].description,
        "verdict": "reproduced" if pretrained else "refuted",
        "rule": rule,
        "evidence": f"variants.{names[0]}.settings.pretrained",
    }


def _patchcore_epochs(results: Results) -> dict[str, Any]:
    rule = "Reproduced where the trainer runs three epochs."
    names = _published_patchcores(results)
    cells = [key for key, cell in results.cells.items() if cell.variant in names]
    if not cells:
        return _no_cell(rule)
    run = sorted({results.cells[key].epochs_run for key in cells})
    return {
        "measured": f"{' or '.join(map(str, run))} run of {results.cells[cells[0]].epochs_asked} asked for",
        "verdict": "reproduced" if run == [3] else "refuted",
        "rule": rule,
        "evidence": f"cells.{cells[0]}.epochs_run",
    }


def _field_row(results: Results, row: dict[str, Any]) -> list[Verdict]:
    padded = {layer.name: layer for layer in results.receptive_field.networks["small-padded"].layers}
    plain = {layer.name: layer for layer in results.receptive_field.networks["small"].layers}
    position = list(padded).index(row["layer"])
    judged = []
    for cell, words in FIELD_CELLS.items():
        found, trained = getattr(padded[row["layer"]], cell), getattr(plain[row["layer"]], cell)
        word: VerdictWord = "reproduced" if found == row[cell] else "refuted"
        judged.append(
            Verdict(
                claim=f"rf-{row['layer']}-{cell.replace('_', '-')}",
                place="section 4, table",
                statement=f"The {words} of {row['layer']} in the patch description network is {row[cell]}.",
                published=str(row[cell]),
                measured=str(found) if found == trained else f"{found} padded, {trained} not, as trained",
                verdict=word,
                rule="Reproduced where anomalib's small network with padding, as the table has it, has this value.",
                evidence=f"receptive_field.networks.small-padded.layers.{position}.{cell}",
            )
        )
    return judged
