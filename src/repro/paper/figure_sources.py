"""Figure sources: a figure's record in, the places in JSON files that it is drawn from out."""

from repro.paper.scope import shown_categories
from repro.paper.trace import Source
from repro.records.figures import FigureRecord
from repro.records.results import Results

FILE = "results.json"


def figure_sources(figure: FigureRecord, results: Results) -> tuple[Source, ...]:
    """Where a figure's numbers are; its maps and images are in the run's folder, named by these."""
    keys = [key for key, cell in results.cells.items() if figure.category in (None, cell.category)]
    first = [key for key in keys if results.seeds(results.cells[key].variant)[:1] == (results.cells[key].seed,)]
    categories = shown_categories(results)
    shown = [key for key in first if results.cells[key].category in categories]
    match figure.kind:
        case "claims":
            return (Source("verdicts.json", ("verdicts",)),)
        case "pipeline":
            return (Source("src/repro/workflow/Snakefile", ()),)
        case "metrics":
            return tuple(Source(FILE, ("cells", key, "metrics")) for key in keys)
        case "thresholds":
            return tuple(Source(FILE, ("cells", key, name)) for name in ("raw", "sound", "held_out") for key in keys)
        case "distributions":
            return tuple(Source(FILE, ("cells", key, name)) for name in ("scores", "thresholds") for key in shown)
        case "curves" | "contact_sheet":
            return tuple(Source(FILE, ("cells", key, "scores")) for key in shown)
        case "heat_maps":
            thresholds = tuple(Source(FILE, ("cells", key, "thresholds")) for key in first)
            return (Source(FILE, ("heat_maps",)), *thresholds)
        case "similarity":
            searched = (key for key in first if results.cells[key].variant == figure.variant)
            return tuple(Source(FILE, ("retrieval", key)) for key in searched if key in results.retrieval)
        case "receptive_field":
            return (Source(FILE, ("receptive_field", "networks", "small", "layers")),)
        case "receptive_table":
            return (Source(FILE, ("receptive_field", "networks")), Source("verdicts.json", ("verdicts",)))
        case "published":
            return (Source("../published/results.json", ("cells",)),)
        case "cost":
            return (Source("../bench.json", ("pairs",)),)
