"""Find contradictions between parts of a record, which a schema cannot."""

import re
from collections import Counter
from collections.abc import Iterator

from pydantic import BaseModel

from repro.records.figures import Figures
from repro.records.results import CellRecord, Results

#: Roles of weights in models without a backbone.
ROLES = {"efficientad": ("teacher", "penalty")}
NETWORKS = ("small", "small-padded")
SEARCHES = [(label_filter, self_match) for label_filter in (False, True) for self_match in (False, True)]


def faults(record: BaseModel) -> Iterator[str]:
    """Describe each fault of a record with its place; every stage can read a record without faults."""
    match record:
        case Results():
            yield from _variants(record)
            for key, cell in record.cells.items():
                yield from (f"cells.{key}: {fault}" for fault in _cell(record, key, cell))
            for key, features in record.retrieval.items():
                if key not in record.cells:
                    yield f"retrieval.{key}: there is no such cell"
                for name in type(features).model_fields:
                    feature = getattr(features, name)
                    if feature is None:
                        continue
                    searches = feature.searches
                    if sorted((search.label_filter, search.self_match) for search in searches) != SEARCHES:
                        yield f"retrieval.{key}.{name}: needs one search of each kind"
            networks = record.receptive_field.networks
            yield from (f"receptive_field.networks: no {name}" for name in NETWORKS if name not in networks)
            yield from (
                f"receptive_field.networks.{key}: no layer" for key, network in networks.items() if not network.layers
            )
            if not record.study.categories or not record.cells:
                yield "study: has no cell"
        case Figures():
            named = Counter(figure.file for figure in record.figures)
            yield from (f"figures: {file} is listed twice" for file, count in named.items() if count > 1)
            # The names are opened in the report and put into the page.
            yield from (
                f"figures: {file} is no plain file name" for file in named if not re.fullmatch(r"[^/\\.][^/\\]*", file)
            )


def _variants(results: Results) -> Iterator[str]:
    for name, variant in results.variants.items():
        absent = [role for role in ROLES.get(variant.model, ("backbone",)) if role not in variant.weights]
        # The weights of recovered maps and of a variant without a finished cell are unknown.
        trained = results.data.source != "published"
        if absent and trained and any(cell.variant == name for cell in results.cells.values()):
            yield f"variants.{name}.weights: no {' and '.join(absent)}"
        seeds = variant.settings.get("seeds")
        if seeds is not None and not (isinstance(seeds, list) and all(type(seed) is int for seed in seeds)):
            yield f"variants.{name}.settings.seeds: not a list of whole numbers"


def _cell(results: Results, key: str, cell: CellRecord) -> Iterator[str]:
    if key != f"{cell.variant}/{cell.category}/seed{cell.seed}":
        yield "is not the key of its variant, category and seed"
    if cell.variant not in results.variants:
        yield f"there is no variant {cell.variant}"
    if cell.category not in results.data.categories:
        yield f"there is no category {cell.category}"
    for score in cell.scores:
        if not score.image.startswith(f"{cell.category}/") or score.image.split("/")[-2:-1] != [score.defect]:
            yield f"{score.image} is no image of category {cell.category} and defect {score.defect}"
    if not cell.scores:
        yield "scores no image"
