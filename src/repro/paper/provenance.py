"""Provenance: sources of numbers in, their description and the commands that make them out."""

import re
from collections.abc import Iterable, Sequence

from repro.paper.trace import Source
from repro.records.results import CellRecord, Results

#: Most alternatives in a part of a path that are listed; more are written `*`.
MOST_NAMED = 3
RESULTS = "results.json"


def patterns(sources: Iterable[Source]) -> list[str]:
    """Merge paths, for example to `results.json: cells.patchcore/{grid,tile}/seed0.metrics.*`."""
    groups: dict[tuple[str, str, int], list[tuple[str, ...]]] = {}
    for source in dict.fromkeys(sources):
        top = re.split("[ /]", source.parts[0])[0] if source.parts else ""
        groups.setdefault((source.file, top, len(source.parts)), []).append(source.parts)
    return [
        f"{file}: {'.'.join(_merged(names) for names in zip(*paths, strict=True)) or 'all of it'}"
        for (file, _, _), paths in groups.items()
    ]


def _merged(names: Sequence[str]) -> str:
    """Merge names: equal ones once, a few in braces, many as `*`; part by part where all have equally many parts."""
    different = list(dict.fromkeys(names))
    if len(different) == 1:
        return different[0]
    parts = [re.split("([ /])", name) for name in different]
    if len(parts[0]) > 1 and len({len(part) for part in parts}) == 1:
        return "".join(_merged(part) for part in zip(*parts, strict=True))
    return "{" + ",".join(different) + "}" if len(different) <= MOST_NAMED else "*"


def cells(sources: Iterable[Source], results: Results) -> list[str]:
    """Keys of the cells of this study that a number was computed from."""
    paths = [source.parts for source in sources if source.file == RESULTS and len(source.parts) > 1]
    keys = (parts[1] for parts in paths if parts[0] in ("cells", "retrieval"))
    return [key for key in dict.fromkeys(keys) if key in results.cells]


def describe(sources: Sequence[Source], results: Results) -> str:
    """The tooltip of a number: its place, its cells, seeds and data, and the commands that make it."""
    lines = patterns(sources)
    keys = cells(sources, results)
    if keys:
        names = f"cell {keys[0]}" if len(keys) == 1 else f"{len(keys)} cells"
        records = [results.cells[key] for key in keys]
        lines.append(f"{names}; {_seeds(records)}; data {_fingerprint(records, results)}")
    elif any(source.file == RESULTS for source in sources):
        lines.append(f"data {results.data.fingerprint[:12]}")
    if commands := stages(sources, results.study.name, results):
        lines.append(f"made by {', '.join(commands)}")
    return "\n".join(lines)


def _seeds(records: Iterable[CellRecord]) -> str:
    seeds = sorted({int(cell.seed) for cell in records})
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def _fingerprint(records: Iterable[CellRecord], results: Results) -> str:
    """Of the category's data, or of all data for several categories."""
    categories = {str(cell.category) for cell in records}
    category = results.data.categories.get(categories.pop()) if len(categories) == 1 else None
    return (category or results.data).fingerprint[:12]


def stages(sources: Sequence[Source], study: str, results: Results) -> list[str]:
    """The commands that make numbers again, given the files of the stages before them."""
    commands: list[str] = []
    keys = cells(sources, results)
    if len(keys) == 1:
        stage = "retrieve" if any(source.parts[0] == "retrieval" for source in sources if source.parts) else "score"
        commands.append(f"repro {stage} --study {study} --cell {keys[0]}")
    for source in sources:
        first = source.parts[0] if source.parts else ""
        name = source.file.split("/")[-2] if "/" in source.file else study
        match source.file.rsplit("/", 1)[-1], first:
            case "results.json", "receptive_field":
                commands.append(f"repro receptive-field --study {name}")
            case "verdicts.json", _:
                commands.append(f"repro verdicts --study {name}")
            case "guards.json", _:
                commands.append(f"repro guard --study {name}")
            case file, _ if file.endswith(".json"):
                commands.append(f"repro results --study {name}")
    return list(dict.fromkeys(commands))
