"""Cells are assigned to GPUs. Runs without a GPU."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from repro import gpus as module
from repro.gpus import gpus, one_of, shares
from repro.runs import RunFolder

HOLD = """
import sys, time
from pathlib import Path
from repro.gpus import VISIBLE, one_of
from repro.runs import RunFolder
import os
with one_of(["0", "1"], RunFolder("s", Path(sys.argv[1]))):
    print(os.environ[VISIBLE], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with three GPUs."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    return tmp_path


def test_every_gpu_of_the_machine_is_listed(system: Path) -> None:
    assert gpus("auto", system=system) == ["0", "1", "10"]


def test_only_visible_gpus_are_listed(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8932f937,1")
    assert gpus("auto", system=system) == ["GPU-8932f937", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus("auto", system=system) == []


def test_a_gpu_chosen_by_number_is_the_only_one(system: Path) -> None:
    assert len(gpus("gpu", "1,", system=system)) == 1


def test_on_the_cpu_there_is_none(system: Path) -> None:
    assert gpus("cpu", system=system) == []


def test_a_machine_without_gpus_has_none_whatever_is_set_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert gpus("auto", system=tmp_path) == []


def test_two_cells_get_a_gpu_each_and_a_third_waits_for_one(tmp_path: Path) -> None:
    def start() -> "subprocess.Popen[str]":
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], **pipes)  # type: ignore[call-overload]

    def read_line(cell: "subprocess.Popen[str]") -> str:
        assert cell.stdout is not None
        return cell.stdout.readline().strip()

    cells = [start()]
    first = read_line(cells[0])
    cells.append(start())
    assert {first, read_line(cells[1])} == {"0", "1"}
    cells.append(start())
    assert read_line(cells[2]) == "waiting for one of 2 GPUs"
    # A killed cell releases its GPU.
    cells[0].kill()
    assert read_line(cells[2]) == first
    for cell in cells:
        cell.kill()
        cell.communicate()


@pytest.mark.parametrize(
    ("listed", "cells"), [("81559", 10), ("81559\n24000", 3), ("6000", 1), ("", 1), ("No devices were found", 1)]
)
def test_cells_share_a_gpu_within_its_memory(listed: str, cells: int) -> None:
    assert shares(["printf", listed]) == cells


def test_without_the_drivers_tool_a_gpu_is_not_shared() -> None:
    assert shares(["no-such-command"]) == 1


def test_cells_spread_over_gpus_before_they_share_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "shares", lambda: 2)
    folder, taken = RunFolder("s", tmp_path), []
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(one_of(["0", "1"], folder))
            taken.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert taken == ["0", "1", "0", "1"]


def test_the_environment_is_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with one_of(["0", "1"], RunFolder("s", tmp_path)):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_a_single_gpu_is_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()
    with one_of(["0"], RunFolder("s", tmp_path)), one_of(["0"], RunFolder("s", tmp_path)):
        pass
    assert time.monotonic() - began < 1
