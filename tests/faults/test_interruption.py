"""A run that is killed in every stage and during writes gives the same results as an undisturbed one."""

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import psutil
from faults import harness
from faults.harness import Finished, alive, assert_gone, at_work, end, family, record, start

#: Number of kills of each stage at a random moment, and about how many seconds the stage takes.
RANDOM = {
    "": (2, 2.0),
    "fit efficientad": (4, 40.0),
    "fit patchcore": (2, 12.0),
    "predict efficientad": (1, 15.0),
    "predict patchcore": (1, 12.0),
    "score efficientad": (1, 4.0),
    "score patchcore": (1, 4.0),
    "retrieve efficientad": (1, 4.0),
    "retrieve patchcore": (1, 4.0),
    "receptive-field": (1, 3.0),
    "results": (1, 2.0),
    "verdicts": (1, 1.5),
    "guard": (1, 3.0),
    "figures": (2, 10.0),
    "render": (1, 3.0),
}
#: Moments during writes, see inject/sitecustomize.py.
WRITES = (
    "half@000.png",
    "after@resume",
    "half@resume",
    "half@checkpoint.ckpt",
    "after@checkpoint.ckpt",
    "after@fit.json",
    "half@predictions.npz",
    "after@predictions.npz",
    "half@embeddings.npz",
    "half@scores.json",
    "after@hits.json",
    "after@results.json",
    "before@verdicts.json",
    "half@guards.json",
    "half@metrics.svg",
    "before@figures.json",
    "after@paper.md",
    "half@paper.pdf",
)
DESCRIPTIONS = {
    "half": "SIGKILL of a process while a file is half written",
    "before": "SIGKILL of all processes before a file is renamed",
    "after": "SIGKILL of all processes after a file is renamed",
}
Undisturbed = Callable[[], dict[str, bytes]]
TARGETS = ("repro reproduce", "snakemake", "the stage", "all processes")


def test_a_run_that_is_killed_in_every_stage_gives_the_same_bytes(undisturbed: Undisturbed) -> None:
    faults = harness.KEPT / "armed"
    remaining_file = harness.KEPT / "remaining.json"
    if not faults.is_dir():
        harness.clear()
        faults.mkdir()
        for write in WRITES:
            (faults / write).touch()
        remaining_file.write_text(json.dumps({stage: count for stage, (count, _) in RANDOM.items()}))
    remaining: dict[str, int] = json.loads(remaining_file.read_text())
    rng, finished = harness.seeded(), Finished()
    while True:
        process = start(faults=faults)
        try:
            killed = _kill_once(process, remaining, rng)
            done = end(process)
        finally:
            for member in family(process):
                with suppress(psutil.NoSuchProcess):
                    member.kill()
        struck = [path for path in faults.iterdir() if path.name.startswith("struck-")]
        finished.check()
        harness.assert_no_partial_files()
        for path in struck:
            moment, file = path.name.removeprefix("struck-").split("@")
            record(DESCRIPTIONS[moment], file, "resumed")
            path.unlink()
        if killed and not struck:
            stage, target, seconds = killed
            remaining[stage] -= 1
            remaining_file.write_text(json.dumps(remaining))
            record(f"SIGKILL of {target} at a random moment", stage or "between stages", "resumed", seconds)
        if not killed and not struck:
            break
    assert done.status == 0, done.lines[-40:]
    assert not list(faults.iterdir())
    result = harness.compared()
    assert any("resumes after epoch" in line for line in (harness.KEPT / "all.log").read_text().splitlines())
    assert finished.stages == 8
    assert result == undisturbed()


def _kill_once(
    process: subprocess.Popen[str], remaining: dict[str, int], rng: random.Random
) -> tuple[str, str, float] | None:
    """Wait for a stage that must still be killed, and kill; return stage, target and seconds until all ended.

    None if the run ended before, possibly by a fault during a write.
    """
    while process.poll() is None:
        stage, worker = at_work(process)
        if remaining.get(stage or "", 0):
            break
        time.sleep(0.1)
    else:
        return None
    time.sleep(rng.uniform(0, RANDOM[stage or ""][1]))
    processes = family(process)
    target = TARGETS[sum(remaining.values()) % len(TARGETS)]
    victims = {
        "repro reproduce": processes[:1],
        "snakemake": [other for other in processes if "snakemake" in _command(other)],
        "the stage": [worker] if worker else [],
        "all processes": processes,
    }[target]
    if not alive(victims):
        target, victims = "repro reproduce", processes[:1]
    if process.poll() is not None:
        return None
    began = time.monotonic()
    for victim in victims:
        with suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGKILL)
    process.wait()
    seconds = time.monotonic() - began + assert_gone(processes)
    return stage or "", target, seconds


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
