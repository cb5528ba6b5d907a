"""Provenance: sources of numbers in, the words and commands that lead a reader to them out."""

import re
from collections.abc import Iterable, Sequence

from repro.paper.trace import Source
from repro.records.results import CellRecord, Results

#: Alternatives at one place of a path are named up to this many, then written `*`.
MOST_NAMED = 3
RESULTS = "results.json"


def patterns(sources: Iterable[Source]) -> list[str]:
    """Paths as few as can be, for example `results.json: cells.patchcore/{grid,tile}/seed0.metrics.*`."""
    groups: dict[tuple[str, str, int], list[tuple[str, ...]]] = {}
    for source in dict.fromkeys(sources):
        top = re.split("[ /]", source.parts[0])[0] if source.parts else ""
        groups.setdefault((source.file, top, len(source.parts)), []).append(source.parts)
    return [
        f"{file}: {'.'.join(_merged(names) for names in zip(*paths, strict=True)) or 'all of it'}"
        for (file, _, _), paths in groups.items()
    ]


def _merged(names: Sequence[str]) -> str:
    """Names as one: equal ones once, a few in braces, many as `*`; part by part where all have as many parts."""
    different = list(dict.fromkeys(names))
    if len(different) == 1:
        return different[0]
    parts = [re.split("([ /])", name) for name in different]
    if len(parts[0]) > 1 and len({len(part) for part in parts}) == 1:
        return "".join(_merged(one) for one in zip(*parts, strict=True))
    return "{" + ",".join(different) + "}" if len(different) <= MOST_NAMED else "*"


def cells(sources: Iterable[Source], results: Results) -> list[str]:
    """The cells of this study that a number was made from."""
    places = [source.parts for source in sources if source.file == RESULTS and len(source.parts) > 1]
    named = (parts[1] for parts in places if parts[0] in ("cells", "retrieval"))
    return [key for key in dict.fromkeys(named) if key in results.cells]


def describe(sources: Sequence[Source], results: Results) -> str:
    """For the reader who points at a number: where it stands, its cell, seed and data, and what makes it again."""
    said = patterns(sources)
    keys = cells(sources, results)
    made = [results.cells[key] for key in keys]
    if keys:
        names = f"cell {keys[0]}" if len(keys) == 1 else f"{len(keys)} cells"
        said.append(f"{names}; {_seeds(made)}; data {_data(made, results)}")
    elif any(source.file == RESULTS for source in sources):
        said.append(f"data {results.data.fingerprint[:12]}")
    if made_by := stages(sources, results.study.name, results):
        said.append(f"made by {', '.join(made_by)}")
    return "\n".join(said)


def _seeds(made: Iterable[CellRecord]) -> str:
    seeds = sorted({int(cell.seed) for cell in made})
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def _data(made: Iterable[CellRecord], results: Results) -> str:
    """Fingerprint of the category, or of all data where a number was made from several."""
    categories = {str(cell.category) for cell in made}
    known = results.data.categories.get(next(iter(categories))) if len(categories) == 1 else None
    return (known or results.data).fingerprint[:12]


def stages(sources: Sequence[Source], study: str, results: Results) -> list[str]:
    """The commands that make the numbers again from what the stages before them left."""
    made: list[str] = []
    for source in sources:
        first = source.parts[0] if source.parts else ""
        name = source.file.split("/")[-2] if "/" in source.file else study
        match source.file.rsplit("/", 1)[-1], first:
            case "results.json", "receptive_field":
                made.append(f"repro receptive-field --study {name}")
            case "verdicts.json" | "guards.json" as file, _:
                made.append(f"repro {'verdicts' if file == 'verdicts.json' else 'guard'} --study {name}")
            case file, _ if file.endswith(".json"):
                made.append(f"repro results --study {name}")
    keys = cells(sources, results)
    if len(keys) == 1:
        stage = "retrieve" if any(one.parts[0] == "retrieval" for one in sources if one.parts) else "score"
        made.insert(0, f"repro {stage} --study {study} --cell {keys[0]}")
    return list(dict.fromkeys(made))
