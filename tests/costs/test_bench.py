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


def one(seconds: float, **about: Any) -> dict[str, Any]:
    return {"stats": {"min": seconds, "median": seconds}, "extra_info": about}


MACHINE = {"processor": "a processor", "threads": 2, "packages": {"torch": "2.14.1"}}
RATE = one(2.0, pair="rate", operations=200e9, **MACHINE)
COST = {"pair": "coreset-1000", "operations": 50e9, "points": 1000}
THEIRS, OURS = one(30.0, side="anomalib", share=0.1, **COST), one(3.0, side="ours", share=1.0, **COST)


def written(folder: Path, *benchmarks: dict[str, Any]) -> Path:
    path = folder / "benchmark.json"
    path.write_text(json.dumps({"benchmarks": list(benchmarks)}), encoding="utf-8")
    return path


def test_pairs_anomalibs_time_with_ours_scaled_to_the_whole(tmp_path: Path) -> None:
    found = bench(written(tmp_path, RATE, OURS, THEIRS, one(1.0)), tmp_path)
    (pair,) = found.pairs
    assert (pair.anomalib_seconds, pair.seconds, pair.ratio) == (300.0, 3.0, 100.0)
    assert (found.rate, pair.floor_seconds, pair.points) == (100.0, 0.5, 1000)
    assert read_record(tmp_path / "bench.json", Bench, hint="") == found
    assert "coreset-1000" in table(found)
    assert "10.00% measured" in table(found)


def test_refuses_a_file_that_lacks_one_side(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match="both sides"):
        bench(written(tmp_path, RATE, OURS), tmp_path)
    with pytest.raises(ReproError, match="both sides"):
        bench(written(tmp_path, OURS, THEIRS), tmp_path)


def timed(seconds: list[float], **about: Any) -> dict[str, Any]:
    where = {"model": "patchcore", "image_size": 224, "hardware": "a processor", "threads": 2} | about
    return one(1.0, latency={"seconds": seconds, **where})


def test_latencies_are_the_median_and_the_95th_percentile_of_the_rounds(tmp_path: Path) -> None:
    seconds = [0.001 * number for number in range(101)]
    found = bench(written(tmp_path, RATE, OURS, THEIRS, timed(seconds[::-1])), tmp_path)
    (latency,) = found.latencies
    assert (latency.median_seconds, latency.p95_seconds) == pytest.approx((0.05, 0.095))
    assert (latency.batch, latency.rounds, latency.precision) == (1, 101, "float32")
    assert "median 50.0 ms, 95th percentile 95.0 ms" in table(found)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({}, "0.50 times what it was"),
        ({"hardware": "a GPU"}, "not comparable: hardware a processor and a GPU"),
        ({"threads": 1}, "not comparable: threads 2 and 1"),
    ],
)
def test_a_latency_is_compared_with_one_of_the_same_hardware_alone(
    tmp_path: Path, other: dict[str, Any], said: str
) -> None:
    assert last(tmp_path) is None
    bench(written(tmp_path, RATE, OURS, THEIRS, timed([0.2] * 4, **other)), tmp_path)
    before = last(tmp_path)
    found = bench(written(tmp_path, RATE, OURS, THEIRS, timed([0.1] * 4)), tmp_path)
    assert said in table(found, before)
    if other:
        assert before is not None
        with pytest.raises(ReproError, match="measure both on one machine"):
            ratio(found.latencies[0], before.latencies[0])


def test_adds_what_the_reports_took(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    found = bench(written(tmp_path, RATE, OURS, THEIRS), folder.report.parent)
    (run,) = found.runs.values()
    assert run.threads == 2
    assert sum(cost.seconds for cost in run.costs.values()) == pytest.approx(494.0)


def test_leaves_out_a_report_of_another_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = example_report.build(tmp_path)
    (folder.report / "environment.json").write_text("{}", encoding="utf-8")
    assert bench(written(tmp_path, RATE, OURS, THEIRS), folder.report.parent).runs == {}
    assert "left out" in capsys.readouterr().err
