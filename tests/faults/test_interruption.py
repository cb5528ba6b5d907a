"""Killed again and again, in every stage and while it writes, a run gives what an undisturbed one gives."""

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

#: How often a stage is killed at a random moment, and how long it takes about, in seconds.
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
#: Moments of writes: see inject/sitecustomize.py.
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
SAYS = {
    "half": "SIGKILL of a process while a file is half written",
    "before": "SIGKILL of all processes before a file is renamed",
    "after": "SIGKILL of all processes after a file is renamed",
}
Undisturbed = Callable[[], dict[str, bytes]]
TARGETS = ("repro reproduce", "snakemake", "the stage", "all processes")


def test_killed_in_every_stage_and_write_a_run_gives_the_same_bytes(undisturbed: Undisturbed) -> None:
    faults = harness.KEPT / "armed"
    left_file = harness.KEPT / "left.json"
    if not faults.is_dir():
        harness.clear()
        faults.mkdir()
        for write in WRITES:
            (faults / write).touch()
        left_file.write_text(json.dumps({stage: count for stage, (count, _) in RANDOM.items()}))
    left: dict[str, int] = json.loads(left_file.read_text())
    chance, finished = harness.seeded(), Finished()
    while True:
        process = start(faults=faults)
        try:
            killed = _kill_once(process, left, chance)
            done = end(process)
        finally:
            for one in family(process):
                with suppress(psutil.NoSuchProcess):
                    one.kill()
        struck = [path for path in faults.iterdir() if path.name.startswith("struck-")]
        finished.look()
        harness.assert_nothing_half()
        for path in struck:
            moment, file = path.name.removeprefix("struck-").split("@")
            record(SAYS[moment], file, "resumed")
            path.unlink()
        if killed and not struck:
            stage, target, seconds = killed
            left[stage] -= 1
            left_file.write_text(json.dumps(left))
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
    process: subprocess.Popen[str], left: dict[str, int], chance: random.Random
) -> tuple[str, str, float] | None:
    """Wait for a stage that is still to be killed, and kill; the stage, who was killed, seconds until all were gone.

    None where the run ended before, be it by the fault of a write.
    """
    while process.poll() is None:
        stage, one = at_work(process)
        if left.get(stage or "", 0):
            break
        time.sleep(0.1)
    else:
        return None
    time.sleep(chance.uniform(0, RANDOM[stage or ""][1]))
    everyone = family(process)
    target = TARGETS[sum(left.values()) % len(TARGETS)]
    victims = {
        "repro reproduce": everyone[:1],
        "snakemake": [other for other in everyone if "snakemake" in _command(other)],
        "the stage": [one] if one else [],
        "all processes": everyone,
    }[target]
    if not alive(victims):
        target, victims = "repro reproduce", everyone[:1]
    if process.poll() is not None:
        return None
    begun = time.monotonic()
    for victim in victims:
        with suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGKILL)
    process.wait()
    seconds = time.monotonic() - begun + assert_gone(everyone)
    return stage or "", target, seconds


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
