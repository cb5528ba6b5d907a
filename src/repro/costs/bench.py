"""Bench: what pytest-benchmark measured and what runs took in, report/bench.json out: what a reproduction costs.

The paper reads costs from there alone: the file changes when someone measures, not with every run, so that a paper
made again is the same.
"""

import sys
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
    """Pair the benchmarks of a pytest-benchmark file, add the timings of the reports, and leave bench.json in `report`.

    A benchmark of a pair names it in its `extra_info`, with its `side` (`anomalib` or `ours`), the `share` of the work
    that was measured, its `operations` and, for a coreset, its `points`; one benchmark, `rate`, is of a large matrix
    product; `latency` holds the arguments of `repro.costs.latency.latency`. Of a pair's rounds the least counts: what
    else runs on a machine only adds. Raises ReproError where the file is none of these.
    """
    content = read_json(measured, hint=HINT)
    try:
        found = _pair(content, _runs(report))
    except (KeyError, TypeError) as error:
        raise ReproError(f"does not hold both sides of every step ({error})", where=measured, hint=HINT) from None
    write_json(report / "bench.json", found.model_dump(mode="json"))
    return found


def last(report: Path) -> Bench | None:
    """The bench.json that is there, before it is made again."""
    path = report / "bench.json"
    return read_record(path, Bench, hint="delete it") if path.is_file() else None


def table(bench: Bench, before: Bench | None = None) -> str:
    """The pairs and latencies as lines of text; a latency beside what it was before, where both were measured alike."""
    head = f"{'step':24} {'anomalib s':>12} {'ours s':>10} {'ratio':>8} {'floor s':>10}"
    lines = [
        f"{one.name:24} {one.anomalib_seconds:12.3f} {one.seconds:10.3f} {one.ratio:8.2f} {one.floor_seconds:10.3f}"
        + ("" if one.measured_share == 1 else f"  (anomalib: {one.measured_share:.2%} measured)")
        for one in bench.pairs
    ]
    lines += [_beside(one, before) for one in bench.latencies]
    return "\n".join([head, *lines, f"{bench.processor}, {bench.threads} threads, {bench.rate:.0f} Gop/s"])


def _beside(one: Latency, before: Bench | None) -> str:
    said = f"{one.model:24} median {one.median_seconds * 1e3:.1f} ms, 95th percentile {one.p95_seconds * 1e3:.1f} ms"
    for other in before.latencies if before else ():
        if other.model == one.model and other.image_size == one.image_size:
            try:
                return f"{said}, {ratio(one, other):.2f} times what it was"
            except ReproError as error:
                return f"{said}, {error.what}"
    return said


def _pair(content: dict[str, Any], runs: dict[str, RunCost]) -> Bench:
    measured = {(one["extra_info"].get("pair"), one["extra_info"].get("side")): one for one in content["benchmarks"]}
    product = measured["rate", None]
    rate = product["extra_info"]["operations"] / product["stats"]["min"]
    pairs = []
    for name in dict.fromkeys(name for name, side in measured if side):
        theirs, ours = measured[name, "anomalib"], measured[name, "ours"]
        seconds = theirs["stats"]["min"] / theirs["extra_info"]["share"]
        pairs.append(
            CostPair(
                name=name,
                anomalib_seconds=seconds,
                seconds=ours["stats"]["min"],
                ratio=seconds / ours["stats"]["min"],
                measured_share=theirs["extra_info"]["share"],
                floor_seconds=ours["extra_info"]["operations"] / rate,
                points=ours["extra_info"].get("points"),
            )
        )
    about = product["extra_info"]
    return Bench(
        schema_version=SCHEMA_VERSION,
        processor=about["processor"],
        threads=about["threads"],
        packages=about["packages"],
        rate=rate / 1e9,
        pairs=tuple(pairs),
        published=published(pairs),
        latencies=tuple(
            latency(**one["extra_info"]["latency"]) for one in content["benchmarks"] if "latency" in one["extra_info"]
        ),
        runs=runs,
    )


def _runs(report: Path) -> dict[str, RunCost]:
    """What each study took whose report is of this version; the others are named on standard error."""
    found = {}
    for path in sorted(report.glob("*/timings.json")):
        try:
            where = read_record(path.parent / "environment.json", Environment, hint="run `nox -s reproduce`")
        except ReproError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        costs = {name: Cost.model_validate(cost) for name, cost in read_json(path, hint="delete it").items()}
        found[path.parent.name] = RunCost(
            processor=where.processor, threads=where.threads, devices=where.devices, costs=costs
        )
    return found
