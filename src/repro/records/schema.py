"""Schema: the records in, a JSON Schema for each file of a report out."""

from typing import Any

from repro.records.costs import Bench
from repro.records.environment import Environment
from repro.records.figures import Figures
from repro.records.guards import Guards
from repro.records.results import Results
from repro.records.verdicts import Verdicts


def schemas() -> dict[str, dict[str, Any]]:
    """By name of the file that holds it, a JSON Schema."""
    kinds = (Results, Verdicts, Guards, Environment, Figures, Bench)
    return {f"{kind.__name__.lower()}.schema.json": kind.model_json_schema() for kind in kinds}
