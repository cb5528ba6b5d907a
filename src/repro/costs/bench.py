"""Bench: a pytest-benchmark file and the timings of the reports in, report/bench.json out.

The paper reads costs only from that file. It changes when someone measures, not with every run, so a paper built again
is the same.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repro.costs.latency import latency, ratio
from repro.costs.published import published
from repro.errors import ReproError
from repro.records.base import SCHEMA_VERSION
from repro.records.costs import Bench, Cost, CostPair, Latency, RunCost
from repro.records.environment import Environment
from repro.runs import read_json, read_record, write_json

HINT = "run `nox -s bench` to make it"


def bench(measured: Path, report: Path) -> Bench:
    """Pair the benchmarks of a pytest-benchmark file, add the timings of the reports, and write `report`/bench.json.

    The `extra_info` of a paired benchmark holds the name of its `pair`, its `side` (`anomalib` or `ours`), the `share`
    of the work that was measured, its `operations` and, for a coreset, its `points`. The benchmark `rate` is a large
    matrix product. `latency` holds the arguments of `repro.costs.latency.latency`. The fastest round counts, because
    other programs only slow a round down. Raises ReproError if the file lacks any of this.
    """
    content = read_json(measured, hint=HINT)
    try:
        result = _bench(content["benchmarks"], _run_costs(report))
    except (KeyError, TypeError) as error:
        raise ReproError(f"does not hold both sides of every step ({error})", where=measured, hint=HINT) from None
    write_json(report / "bench.json", result.model_dump(mode="json"))
    return result


def last(report: Path) -> Bench | None:
    """Read the existing bench.json, None if there is none."""
    path = report / "bench.json"
    return read_record(path, Bench, hint="delete it") if path.is_file() else None


def table(bench: Bench, previous: Bench | None = None) -> str:
    """Format pairs and latencies as text, each latency with its ratio to the previous one if they are comparable."""
    head = f"{'step':24} {'anomalib s':>12} {'ours s':>10} {'ratio':>8} {'floor s':>10}"
    lines = [
        f"{pair.name:24} {pair.anomalib_seconds:12.3f} {pair.seconds:10.3f} {pair.ratio:8.2f} "
        f"{pair.floor_seconds:10.3f}"
        + ("" if pair.measured_share == 1 else f"  (anomalib: {pair.measured_share:.2%} measured)")
        for pair in bench.pairs
    ]
    lines += [_latency_line(new, previous) for new in bench.latencies]
    return "\n".join([head, *lines, f"{bench.processor}, {bench.threads} threads, {bench.rate:.0f} Gop/s"])


def _latency_line(new: Latency, previous: Bench | None) -> str:
    line = f"{new.model:24} median {new.median_seconds * 1e3:.1f} ms, 95th percentile {new.p95_seconds * 1e3:.1f} ms"
    for old in previous.latencies if previous else ():
        if (old.model, old.image_size) == (new.model, new.image_size):
            try:
                return f"{line}, {ratio(new, old):.2f} times the previous"
            except ReproError as error:
                return f"{line}, {error.what}"
    return line


def _bench(benchmarks: list[dict[str, Any]], runs: dict[str, RunCost]) -> Bench:
    by_pair = {(entry["extra_info"].get("pair"), entry["extra_info"].get("side")): entry for entry in benchmarks}
    product = by_pair["rate", None]
    machine = product["extra_info"]
    rate = machine["operations"] / product["stats"]["min"]
    names = dict.fromkeys(name for name, side in by_pair if side)
    pairs = tuple(_pair(name, by_pair[name, "anomalib"], by_pair[name, "ours"], rate) for name in names)
    return Bench(
        schema_version=SCHEMA_VERSION,
        processor=machine["processor"],
        threads=machine["threads"],
        packages=machine["packages"],
        rate=rate / 1e9,
        pairs=pairs,
        published=published(pairs),
        latencies=tuple(
            latency(**entry["extra_info"]["latency"]) for entry in benchmarks if "latency" in entry["extra_info"]
        ),
        runs=runs,
    )


def _pair(name: str, anomalib: Mapping[str, Any], ours: Mapping[str, Any], rate: float) -> CostPair:
    """Both sides of a step; `rate` is in operations a second."""
    share = anomalib["extra_info"]["share"]
    anomalib_seconds, seconds = anomalib["stats"]["min"] / share, ours["stats"]["min"]
    return CostPair(
        name=name,
        anomalib_seconds=anomalib_seconds,
        seconds=seconds,
        ratio=anomalib_seconds / seconds,
        measured_share=share,
        floor_seconds=ours["extra_info"]["operations"] / rate,
        points=ours["extra_info"].get("points"),
    )


def _run_costs(report: Path) -> dict[str, RunCost]:
    """Costs of each study with a report of this version; other reports are named on standard error."""
    runs = {}
    for path in sorted(report.glob("*/timings.json")):
        try:
            environment = read_record(path.parent / "environment.json", Environment, hint="run `nox -s reproduce`")
        except ReproError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        costs = {name: Cost.model_validate(cost) for name, cost in read_json(path, hint="delete it").items()}
        runs[path.parent.name] = RunCost(
            processor=environment.processor, threads=environment.threads, devices=environment.devices, costs=costs
        )
    return runs
