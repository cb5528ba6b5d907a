import json
from pathlib import Path
from typing import Any

import example_report
import pytest

from repro.costs.bench import bench, last, table
from repro.costs.latency import ratio
from repro.errors import ReproError
from repro.records.costs import Bench
from repro.runs import read_record


def entry(seconds: float, **extra_info: Any) -> dict[str, Any]:
    return {"stats": {"min": seconds, "median": seconds}, "extra_info": extra_info}


MACHINE = {"processor": "a processor", "threads": 2, "packages": {"torch": "2.14.1"}}
RATE = entry(2.0, pair="rate", operations=200e9, **MACHINE)
COST = {"pair": "coreset-1000", "operations": 50e9, "points": 1000}
ANOMALIB, OURS = entry(30.0, side="anomalib", share=0.1, **COST), entry(3.0, side="ours", share=1.0, **COST)


def write(folder: Path, *benchmarks: dict[str, Any]) -> Path:
    path = folder / "benchmark.json"
    path.write_text(json.dumps({"benchmarks": list(benchmarks)}), encoding="utf-8")
    return path


def test_scales_anomalibs_time_to_all_of_the_work_and_pairs_it_with_ours(tmp_path: Path) -> None:
    result = bench(write(tmp_path, RATE, OURS, ANOMALIB, entry(1.0)), tmp_path)
    (pair,) = result.pairs
    assert (pair.anomalib_seconds, pair.seconds, pair.ratio) == (300.0, 3.0, 100.0)
    assert (result.rate, pair.floor_seconds, pair.points) == (100.0, 0.5, 1000)
    assert read_record(tmp_path / "bench.json", Bench, hint="") == result
    assert "coreset-1000" in table(result)
    assert "10.00% measured" in table(result)


def test_rejects_a_file_that_lacks_one_side(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match="both sides"):
        bench(write(tmp_path, RATE, OURS), tmp_path)
    with pytest.raises(ReproError, match="both sides"):
        bench(write(tmp_path, OURS, ANOMALIB), tmp_path)


def latency_entry(seconds: list[float], **changes: Any) -> dict[str, Any]:
    settings = {"model": "patchcore", "image_size": 224, "hardware": "a processor", "threads": 2} | changes
    return entry(1.0, latency={"seconds": seconds, **settings})


def test_latencies_are_the_median_and_the_95th_percentile_of_the_rounds(tmp_path: Path) -> None:
    seconds = [0.001 * number for number in range(101)]
    result = bench(write(tmp_path, RATE, OURS, ANOMALIB, latency_entry(seconds[::-1])), tmp_path)
    (latency,) = result.latencies
    assert (latency.median_seconds, latency.p95_seconds) == pytest.approx((0.05, 0.095))
    assert (latency.batch, latency.rounds, latency.precision) == (1, 101, "float32")
    assert "median 50.0 ms, 95th percentile 95.0 ms" in table(result)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "0.50 times the previous"),
        ({"hardware": "a GPU"}, "not comparable: hardware a processor and a GPU"),
        ({"threads": 1}, "not comparable: threads 2 and 1"),
    ],
)
def test_latencies_are_compared_only_under_the_same_conditions(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    assert last(tmp_path) is None
    bench(write(tmp_path, RATE, OURS, ANOMALIB, latency_entry([0.2] * 4, **changes)), tmp_path)
    previous = last(tmp_path)
    result = bench(write(tmp_path, RATE, OURS, ANOMALIB, latency_entry([0.1] * 4)), tmp_path)
    assert message in table(result, previous)
    if changes:
        assert previous is not None
        with pytest.raises(ReproError, match="measure both on one machine"):
            ratio(result.latencies[0], previous.latencies[0])


def test_adds_the_costs_of_the_reports(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    result = bench(write(tmp_path, RATE, OURS, ANOMALIB), folder.report.parent)
    (run,) = result.runs.values()
    assert run.threads == 2
    assert sum(cost.seconds for cost in run.costs.values()) == pytest.approx(494.0)


def test_leaves_out_a_report_of_another_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = example_report.build(tmp_path)
    (folder.report / "environment.json").write_text("{}", encoding="utf-8")
    assert bench(write(tmp_path, RATE, OURS, ANOMALIB), folder.report.parent).runs == {}
    assert "left out" in capsys.readouterr().err
