"""Stages as forks of one process that has imported what they need."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from repro import serve
from repro.workflow import preloaded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each stage is a process of its own")

#: Serves a command with another program in the place of `repro`.
SERVER = """
import json, os, signal, sys, time
from repro import cli, serve

def program(arguments):
    stage, what, *more = arguments
    match what:
        case "report":
            import numpy
            from threadpoolctl import threadpool_info
            print(json.dumps({
                "parent": os.getppid() == server,
                "imported": "repro.stages.score" in sys.modules,
                "argv": sys.argv,
                "word": os.environ.get("WORD"),
                "threads": sorted({one["num_threads"] for one in threadpool_info()}),
            }), flush=True)
        case "exit":
            return int(more[0])
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "sleep":
            print(os.getpid(), flush=True)
            time.sleep(60)
    return 0

server = os.getpid()
cli.main = program
sys.exit(serve.main([], sys.argv[1:]))
"""
CLIENT = "import sys; from repro.workflow.preloaded import ask; sys.exit(ask(sys.argv[1:]))"


def served(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SERVER, sys.executable, "-c", CLIENT, "score", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def test_a_stage_is_a_fork_that_has_its_imports_and_the_environment_of_its_caller() -> None:
    code = "import os, subprocess, sys; os.environ |= {'WORD': 'x', 'OMP_NUM_THREADS': '1'}; "
    code += "sys.exit(subprocess.call(sys.argv[1:]))"
    caller = [sys.executable, "-c", code, sys.executable, "-c", CLIENT, "score", "report"]
    done = subprocess.run([sys.executable, "-c", SERVER, *caller], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"parent": true, "imported": true, "argv": ["repro", "score", "report"], "word": "x"' in done.stdout
    assert '"threads": [1]' in done.stdout


@pytest.mark.parametrize(("what", "status"), [(("exit", "0"), 0), (("exit", "2"), 2), (("die",), preloaded.KILLED)])
def test_its_status_is_that_of_its_caller(what: tuple[str, ...], status: int) -> None:
    assert served(*what).returncode == status


def test_a_stage_that_cannot_be_imported_reports_that_itself() -> None:
    broken = SERVER.replace("server = os.getpid()", "sys.modules['repro.stages.score'] = None; server = os.getpid()")
    caller = [sys.executable, "-c", CLIENT, "score", "--no-such-option"]
    done = subprocess.run([sys.executable, "-c", broken, *caller], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error: " in done.stderr.splitlines()[-1]


def test_it_ends_with_its_caller() -> None:
    command = [sys.executable, "-c", SERVER, sys.executable, "-c", CLIENT, "score", "sleep"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        stage = psutil.Process(int(server.stdout.readline()))
        (caller,) = [child for child in psutil.Process(server.pid).children() if child.pid != stage.pid]
        caller.send_signal(signal.SIGKILL)
        stage.wait(timeout=10)
        assert server.wait(timeout=10) == preloaded.KILLED


def test_without_a_server_a_command_runs_in_its_own_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(preloaded.ADDRESS, raising=False)
    assert preloaded.ask(["score"]) is None
    monkeypatch.setenv(preloaded.ADDRESS, str(tmp_path / "gone"))
    assert preloaded.ask(["score"]) is None


def test_where_forks_cannot_use_cuda_a_stage_that_needs_it_is_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/echo")
    pid = os.fork()
    if pid == 0:
        serve._run(["fit", "--study", "x"], {"PATH": "/bin"}, separate=True)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert capfd.readouterr().out == "-m repro fit --study x\n"


def test_the_callers_choice_of_an_allocator_wins() -> None:
    assert preloaded.serving({"MALLOC_TOP_PAD_": "1"})["MALLOC_TOP_PAD_"] == "1"
    assert preloaded.serving({})["MALLOC_TOP_PAD_"] == preloaded.ALLOCATOR["MALLOC_TOP_PAD_"]
