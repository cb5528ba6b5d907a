"""The smoke study on a Slurm cluster of two nodes, one of which dies while it trains."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import smoke
from slurm.cluster import Cluster, cluster

from repro import study as studies
from repro.runs import PROJECT_ROOT, RunFolder

NAME = "slurm-test"
#: The paper states the number of threads: as many as the profile requests, or the cores of the machine if fewer.
THREADS = min(4, len(os.sched_getaffinity(0)))
COMPARED = ("results.json", "verdicts.json", "guards.json", "environment.json", "paper.md", "paper.pdf", "paper.html")
# Settings of the site: without accounting there is no sacct; this cluster may be queried often.
SITE = "slurm-status-command: squeue\nslurm-init-seconds-before-status-checks: 5\n"


@pytest.fixture(scope="module")
def study_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    text = (studies.STUDIES / "smoke.toml").read_text(encoding="utf-8").replace('name = "smoke"', f'name = "{NAME}"')
    path = tmp_path_factory.mktemp("study") / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def report_of_this_machine(study_path: Path) -> dict[str, bytes]:
    """Files of the report of a run without Slurm."""
    folder = RunFolder(NAME)
    smoke.clear(folder)
    done = smoke.reproduce(study_path, "--cores", str(THREADS))
    assert done.returncode == 0, done.stdout
    files = {name: (folder.report / name).read_bytes() for name in COMPARED}
    smoke.clear(folder)
    return files


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path) as started:
        yield started


def test_a_study_survives_the_loss_of_a_node(
    report_of_this_machine: dict[str, bytes], nodes: Cluster, study_path: Path, tmp_path: Path
) -> None:
    folder, site = RunFolder(NAME), tmp_path / "site"
    site.mkdir()
    (site / "config.yaml").write_text(SITE, encoding="utf-8")
    log = PROJECT_ROOT / "runs" / f"{NAME}.log"
    command = [sys.executable, "-m", "repro", "reproduce", "--study", str(study_path), "--profile", "slurm"]
    began = time.monotonic()
    with log.open("w", encoding="utf-8") as out:
        environment = nodes.environment | {"SNAKEMAKE_PROFILE": str(site)}
        run = subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            lost = _wait(lambda: _training_on(nodes), run, 300)
            nodes.kill(lost)
            killed = time.monotonic() - began
            status = run.wait(1500)
        finally:
            run.kill()
            run.wait()
    ended = time.monotonic() - began
    jobs = nodes.query("squeue", "--states=all", "--noheader", "--sort=i", "--format=%i|%T|%N|%M|%k")
    output = log.read_text(encoding="utf-8")
    with log.open("a", encoding="utf-8") as out:
        print(f"\nnode {lost} killed after {killed:.0f} s; all done after {ended:.0f} s\n{jobs}", file=out)
    assert status == 0, output
    states = [line.split("|")[1:3] for line in jobs.splitlines()]
    assert ["NODE_FAIL", lost] in states
    assert {node for state, node in states if state == "COMPLETED"} - {lost}, jobs
    assert nodes.query("sinfo", "--noheader", f"--nodes={lost}", "--format=%T").startswith("down")
    assert "Trying to restart job" in output
    assert {name: (folder.report / name).read_bytes() for name in COMPARED} == report_of_this_machine
    smoke.clear(folder)


def test_stopping_the_cluster_ends_all_processes(tmp_path: Path) -> None:
    with cluster(tmp_path) as started:
        started.query("sbatch", "--parsable", "--output", str(tmp_path / "out"), "--wrap", "sleep 600")
        deadline = time.monotonic() + 30
        while started.query("squeue", "--noheader", "--format=%T") != "RUNNING" and time.monotonic() < deadline:
            time.sleep(0.5)
    assert [process for process in psutil.process_iter() if _belongs(process, tmp_path)] == []


def _training_on(nodes: Cluster) -> str | None:
    """The node on which EfficientAD trains."""
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        variables = _environment(process)
        ours = variables.get("SLURM_CONF") == nodes.environment["SLURM_CONF"]
        if ours and "repro fit" in words and "efficientad" in words:
            return variables.get("SLURMD_NODENAME")
    return None


def _belongs(process: psutil.Process, folder: Path) -> bool:
    try:
        files = [file.path for file in process.open_files()]
    except psutil.Error:
        return False
    return process.pid != os.getpid() and any(str(folder) in text for text in [*files, *_environment(process).values()])


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


def _wait(condition: Callable[[], str | None], run: "subprocess.Popen[bytes]", seconds: float) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and run.poll() is None:
        if result := condition():
            # Wait until it trains, not only starts.
            time.sleep(5)
            return result
        time.sleep(0.5)
    raise AssertionError("no training began")
